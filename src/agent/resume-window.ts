/**
 * How long things that were lost are waited for. Time in which this process did not run (the computer slept, or it was
 * stopped) does not count: nobody could come back meanwhile.
 */
export interface ResumeWindow<T> extends Disposable {
  /** @param forMs  how long, if not as long as the others */
  add(item: T, forMs?: number): void
  delete(item: T): void
  readonly size: number
}

/** Make an empty one; no timer runs while it is empty. @param onExpired  told once, the item is forgotten then */
export function createResumeWindow<T>(windowMs: number, onExpired: (item: T) => void): ResumeWindow<T> {
  const left = new Map<T, number>()
  let timer: NodeJS.Timeout | undefined
  let lastMs = 0

  function tick(): void {
    const nowMs = performance.now()
    const awakeMs = Math.min(nowMs - lastMs, 2 * TICK_MS)
    lastMs = nowMs
    for (const [item, leftMs] of left) {
      if (leftMs > awakeMs) left.set(item, leftMs - awakeMs)
      else {
        left.delete(item)
        onExpired(item)
      }
    }
    if (left.size === 0) stop()
  }

  function stop(): void {
    clearInterval(timer)
    timer = undefined
  }

  return {
    add(item, forMs = windowMs) {
      if (timer === undefined) {
        lastMs = performance.now()
        timer = setInterval(tick, TICK_MS).unref()
      }
      if (!left.has(item)) left.set(item, forMs)
    },
    delete(item) {
      left.delete(item)
      if (left.size === 0) stop()
    },
    get size() {
      return left.size
    },
    [Symbol.dispose]() {
      left.clear()
      stop()
    },
  }
}

/** How exactly the time is kept. */
const TICK_MS = 1_000
/** A stream whose path died is kept this long for a new one. */
export const RESUME_WINDOW_MS = 120_000
/** One that is over but for the last acknowledgement: whoever comes back for it does so soon. */
export const LINGER_MS = 30_000
