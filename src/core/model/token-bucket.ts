import type { Ms } from './time.ts'

/** Lets things happen at a rate, and some at once after a while without. */
export interface TokenBucket {
  /** Take one. @returns false if there is none left now */
  take(now: Ms): boolean
}

/** Make a full bucket. */
export function createTokenBucket(perSecond: number, burst: number): TokenBucket {
  let tokens = burst
  let filledAt: Ms | undefined
  return {
    take(now) {
      const spanMs = Math.max(0, now - (filledAt ?? now))
      filledAt = now
      tokens = Math.min(burst, tokens + (spanMs * perSecond) / 1_000)
      if (tokens < 1) return false
      tokens -= 1
      return true
    },
  }
}
