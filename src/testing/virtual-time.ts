import { type Clock, type Ms, ms } from '../core/model/time.ts'

/** Time that passes only when told to, from one thing that was to happen to the next. */
export interface VirtualTime extends Clock {
  /** Do something after a span. @returns a function that calls it off */
  after(delayMs: number, call: () => void): () => void
  /** Let time pass, and all happen that was due. @returns how many things did */
  run(spanMs: number): number
}

interface Entry {
  readonly at: number
  readonly order: number
  call: (() => void) | undefined
}

/** Make a time that stands at `startMs`. */
export function createVirtualTime(startMs = 1_000_000): VirtualTime {
  const heap = createHeap()
  let now = startMs
  let order = 0
  return {
    now: (): Ms => ms(now),
    after(delayMs, call) {
      // Whole milliseconds, as of a real clock; and never a wake that comes a hair before its time.
      const entry: Entry = { at: Math.ceil(now + Math.max(0, delayMs)), order: order++, call }
      heap.push(entry)
      return () => {
        entry.call = undefined
      }
    },
    run(spanMs) {
      const end = Math.ceil(now + spanMs)
      let count = 0
      for (let next = heap.first(); next !== undefined && next.at <= end; next = heap.first()) {
        heap.shift()
        if (next.call === undefined) continue
        now = next.at
        count += 1
        next.call()
      }
      now = end
      return count
    },
  }
}

/** A binary heap: the earliest entry first, of equals the one that came first. */
function createHeap() {
  const entries: Entry[] = []
  const at = (index: number) => entries[index] as Entry

  function isBefore(a: Entry, b: Entry): boolean {
    return a.at < b.at || (a.at === b.at && a.order < b.order)
  }

  function sink(entry: Entry): void {
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= entries.length) break
      if (child + 1 < entries.length && isBefore(at(child + 1), at(child))) child += 1
      if (isBefore(entry, at(child))) break
      entries[index] = at(child)
      index = child
    }
    entries[index] = entry
  }

  return {
    first: (): Entry | undefined => entries[0],
    push(entry: Entry): void {
      let index = entries.length
      entries.push(entry)
      while (index > 0) {
        const parent = (index - 1) >> 1
        if (!isBefore(entry, at(parent))) break
        entries[index] = at(parent)
        index = parent
      }
      entries[index] = entry
    },
    shift(): void {
      const last = entries.pop()
      if (last !== undefined && entries.length > 0) sink(last)
    },
  }
}
