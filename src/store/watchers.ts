import type { Change, Json } from '../core/model/store.ts'

/** A change that was committed, with its value still as JSON: parsed only if somebody watches. */
export interface CommittedChange {
  readonly key: string
  readonly json: string | undefined
  readonly revision: number
}

/** Those who watch one store. A watcher sees only what was committed after it came. */
export class Watchers {
  readonly #watchers = new Set<Watcher>()

  /** @returns a function that ends the watch, at once even while changes are being told */
  add(prefix: string, onChange: (change: Change) => void): () => void {
    const watcher: Watcher = { prefix, onChange }
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** Tell everybody, in order. A watcher that throws is a bug: the process hears of it, the others go on. */
  tell(changes: readonly CommittedChange[]): void {
    if (this.#watchers.size === 0) return
    const present = [...this.#watchers]
    for (const { key, json, revision } of changes) {
      const hearers = present.filter(({ prefix }) => key.startsWith(prefix))
      if (hearers.length === 0) continue
      const change: Change = {
        key,
        value: json === undefined ? undefined : (JSON.parse(json) as Json),
        revision,
      }
      for (const watcher of hearers) if (this.#watchers.has(watcher)) callSafely(watcher, change)
    }
  }

  clear(): void {
    this.#watchers.clear()
  }
}

interface Watcher {
  readonly prefix: string
  readonly onChange: (change: Change) => void
}

function callSafely(watcher: Watcher, change: Change): void {
  try {
    watcher.onChange(change)
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown
    })
  }
}
