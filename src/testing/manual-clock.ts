import { type Clock, type Ms, ms } from '../core/model/time.ts'

/** A clock whose hands a test turns. */
export interface ManualClock extends Clock {
  /** Turn it on, or back with a negative span. */
  advance(spanMs: number): void
  set(timeMs: number): void
}

/** Make a clock that stands. @param startMs  ms since the epoch; some morning of 2026 by default */
export function createManualClock(startMs = Date.UTC(2026, 4, 4, 8)): ManualClock {
  let now = startMs
  return {
    now: (): Ms => ms(now),
    advance(spanMs) {
      now += spanMs
    },
    set(timeMs) {
      now = timeMs
    },
  }
}
