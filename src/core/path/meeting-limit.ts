import type { EndpointId } from '../model/ids.ts'
import type { Ms } from '../model/time.ts'
import { createTokenBucket, type TokenBucket } from '../model/token-bucket.ts'

/** How often each peer is met: whoever asks more often cannot make us connect and probe more. */
export interface MeetingLimit {
  /** Somebody wants to meet. @returns false if it was met too often lately */
  take(peer: EndpointId, now: Ms): boolean
}

/** Make one that has met nobody. */
export function createMeetingLimit(): MeetingLimit {
  const buckets = new Map<EndpointId, TokenBucket>()
  return {
    take(peer, now) {
      const bucket = buckets.get(peer) ?? createTokenBucket(MEETINGS_PER_SECOND, MEETING_BURST)
      // The last to be met is the last to be forgotten.
      buckets.delete(peer)
      if (buckets.size >= MAX_MET_PEERS) buckets.delete(buckets.keys().next().value as EndpointId)
      buckets.set(peer, bucket)
      return bucket.take(now)
    },
  }
}

/** Meetings with one peer in the long run: each tries at most 8 addresses by TCP, and probes them by UDP for some seconds. */
export const MEETINGS_PER_SECOND = 0.2
/** Meetings with one peer at once: as when it changes its network a few times. */
export const MEETING_BURST = 8
/** Peers whose meetings are counted. */
export const MAX_MET_PEERS = 10_000
