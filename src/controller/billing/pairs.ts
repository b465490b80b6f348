import { chargeable, compareWithHub } from '../../core/billing/reconcile.ts'
import type { EndpointId } from '../../core/model/ids.ts'
import type { StoredUsage } from './usage-records.ts'

/** Two endpoints, what the ends of their streams counted, and what the hub copied between them. */
export interface PairUsage {
  readonly dialler: EndpointId
  readonly host: EndpointId
  /** Both directions, streams that opened since the start. */
  readonly endBytes: number
  /** Both directions, TLS and all else that went the same way included. */
  readonly hubBytes: number
  /** What the hub counted more, and what went without it. */
  readonly hubOnly: number
  readonly withoutHub: number
}

/** What the hub copied between endpoints since the start. */
export interface Pairs {
  relayed(between: readonly [EndpointId, EndpointId], byteCount: number): void
  /** Hold it against what the ends of streams counted; most bytes first. */
  compare(records: Iterable<StoredUsage>): PairUsage[]
}

/** Make it with nothing relayed. @param startMs  streams that opened before are left out: the hub was another */
export function createPairs(startMs: number): Pairs {
  const hubBytes = new Map<string, number>()

  return {
    relayed(between, byteCount) {
      const key = keyOf(...between)
      const before = hubBytes.get(key)
      if (before === undefined && hubBytes.size >= MAX_RELAYED_PAIRS)
        hubBytes.delete(hubBytes.keys().next().value as string)
      hubBytes.set(key, (before ?? 0) + byteCount)
    },
    compare(records) {
      const ends = new Map<string, { dialler: EndpointId; host: EndpointId; endBytes: number }>()
      for (const { dialler, host, counts, openedAtMs } of records) {
        if (host === undefined || openedAtMs < startMs) continue
        const key = keyOf(dialler.endpoint, host.endpoint)
        const { bytesSent, bytesReceived } = chargeable(counts)
        const pair = ends.get(key) ?? { dialler: dialler.endpoint, host: host.endpoint, endBytes: 0 }
        pair.endBytes += bytesSent + bytesReceived
        ends.set(key, pair)
      }
      const pairs = [...ends].map(([key, pair]) => {
        const copied = hubBytes.get(key) ?? 0
        return { ...pair, hubBytes: copied, ...compareWithHub(pair.endBytes, copied) }
      })
      return pairs.sort((a, b) => b.endBytes - a.endBytes)
    },
  }
}

/** Either may have dialled the other. */
function keyOf(one: EndpointId, other: EndpointId): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`
}

/** Pairs of endpoints whose relayed bytes are known; the one that was first goes. */
export const MAX_RELAYED_PAIRS = 50_000
