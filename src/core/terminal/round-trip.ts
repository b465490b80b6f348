import { type Ms, ms } from '../model/time.ts'

/** How long it takes from a key to its echo. */
export interface RoundTrip {
  /** Undefined before the first. */
  readonly smoothedMs: Ms | undefined
  /** It takes so long that one sees it; not again before it is clearly shorter. */
  readonly isSlow: boolean
  sample(tripMs: number): void
}

/**
 * Follow how long echoes take. One that is far off, because a program was busy, counts little.
 *
 * @see RFC 6298, section 2, for the smoothing; ours follows quicker
 */
export function createRoundTrip(): RoundTrip {
  let smoothed: number | undefined
  let isSlow = false
  return {
    get smoothedMs() {
      return smoothed === undefined ? undefined : ms(smoothed)
    },
    get isSlow() {
      return isSlow
    },
    sample(tripMs) {
      const before = smoothed ?? tripMs
      smoothed = before + (Math.min(tripMs, 2 * before + SLOW_MS) - before) / 4
      isSlow = smoothed > (isSlow ? FAST_MS : SLOW_MS)
    },
  }
}

/** Shorter ones are hardly seen; prediction would flicker for nothing. */
const SLOW_MS = 30
const FAST_MS = 20
