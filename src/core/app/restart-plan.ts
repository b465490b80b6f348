import type { Ms } from '../model/time.ts'

/** When an app that crashed is started again. */
export interface RestartPlan {
  /**
   * It crashed.
   *
   * @param livedMs  how long it had run
   * @returns how long to wait, or undefined: it crashed too often, and is left alone
   */
  crashed(now: Ms, livedMs: number): number | undefined
}

/** Make the plan of one app: each crash waits twice as long as the one before, a long life without one begins anew. */
export function createRestartPlan(): RestartPlan {
  let crashes: Ms[] = []
  let inRow = 0
  return {
    crashed(now, livedMs) {
      crashes = [...crashes.filter(at => now - at < RESTART_LIMITS.windowMs), now]
      inRow = livedMs >= RESTART_LIMITS.healthyMs ? 1 : inRow + 1
      if (crashes.length > RESTART_LIMITS.maxCrashes) return undefined
      return Math.min(RESTART_LIMITS.maxDelayMs, RESTART_LIMITS.firstDelayMs * 2 ** (inRow - 1))
    },
  }
}

/** How often an app is started again. */
export const RESTART_LIMITS = {
  firstDelayMs: 500,
  maxDelayMs: 60_000,
  /** A life so long makes up for the crashes before. */
  healthyMs: 60_000,
  /** In `windowMs`; one more, and it is left alone. */
  maxCrashes: 6,
  windowMs: 600_000,
} as const
