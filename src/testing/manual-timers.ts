import type { Clock } from '../core/model/time.ts'
import { createManualClock } from './manual-clock.ts'

/** A clock and timers whose hands a test turns. */
export interface ManualTimers {
  readonly clock: Clock
  /** Call back once, when the clock has been turned on far enough. @returns a function that cancels */
  after(ms: number, call: () => void): () => void
  /** Turn the clock on; what falls due is called in its order, at its own time. */
  advance(spanMs: number): void
  /** Timers that have not gone off. */
  readonly pendingCount: number
}

/** Make timers that stand. */
export function createManualTimers(): ManualTimers {
  const clock = createManualClock()
  const pending = new Set<{ atMs: number; call: () => void }>()

  function nextDue(untilMs: number) {
    let next: { atMs: number; call: () => void } | undefined
    for (const timer of pending) {
      if (timer.atMs <= untilMs && (next === undefined || timer.atMs < next.atMs)) next = timer
    }
    return next
  }

  return {
    clock,
    after(ms, call) {
      const timer = { atMs: clock.now() + ms, call }
      pending.add(timer)
      return () => pending.delete(timer)
    },
    advance(spanMs) {
      const untilMs = clock.now() + spanMs
      for (let timer = nextDue(untilMs); timer !== undefined; timer = nextDue(untilMs)) {
        pending.delete(timer)
        clock.set(timer.atMs)
        timer.call()
      }
      clock.set(untilMs)
    },
    get pendingCount() {
      return pending.size
    },
  }
}
