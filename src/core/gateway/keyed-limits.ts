import type { Ms } from '../model/time.ts'
import { createTokenBucket, type TokenBucket } from '../model/token-bucket.ts'

/** A token bucket for each of many keys: client addresses, subjects. */
export interface KeyedLimit {
  /** Take one for a key. @returns 0 if there was one, else after how many seconds to come again, at least 1 */
  take(key: string, now: Ms): number
  readonly keyCount: number
}

/**
 * Make buckets as keys come. What was not asked for longest is forgotten first: its bucket is full again, or the
 * flood has over `MAX_LIMITED_KEYS` keys.
 *
 * @param perSecond  over 0, may be a fraction
 */
export function createKeyedLimit(perSecond: number, burst: number): KeyedLimit {
  const buckets = new Map<string, TokenBucket>()
  return {
    take(key, now) {
      const bucket = buckets.get(key) ?? createTokenBucket(perSecond, burst)
      // Put at the end again: a Map keeps the order in which keys came.
      buckets.delete(key)
      buckets.set(key, bucket)
      if (buckets.size > MAX_LIMITED_KEYS) {
        const [oldest] = buckets.keys()
        if (oldest !== undefined) buckets.delete(oldest)
      }
      return bucket.take(now) ? 0 : Math.max(1, Math.ceil(1 / perSecond))
    },
    get keyCount() {
      return buckets.size
    },
  }
}

/** Keys a rate limit of one route knows; about 300 bytes each. */
export const MAX_LIMITED_KEYS = 50_000
