import type { Count } from './meter.ts'

/** What the two ends of a stream say of it, both as seen from who dialled; absent if that end said nothing. */
export interface Witnesses {
  readonly dialler?: Count | undefined
  readonly host?: Count | undefined
}

/**
 * How the two ends agree about a stream:
 * - `agree`: to the byte
 * - `in-flight`: a side sent more than arrived, no more than may be under way when a stream breaks
 * - `differ`: one of them counts wrong, or lies
 * - `no-dialler`, `no-host`: that end said nothing; `nobody`: neither did
 */
export type Verdict = 'agree' | 'in-flight' | 'differ' | 'no-dialler' | 'no-host' | 'nobody'

/** A verdict and by how much. */
export interface Reconciliation {
  readonly verdict: Verdict
  /** What the host counts more than the dialler of what the dialler sent, bytes; negative if less. 0 where one is missing. */
  readonly sentDifference: number
  /** The same of what the dialler received. */
  readonly receivedDifference: number
}

/** Compare what the two ends counted. */
export function reconcile({ dialler, host }: Witnesses): Reconciliation {
  if (dialler === undefined || host === undefined) {
    const missing = dialler === undefined ? 'no-dialler' : 'no-host'
    const verdict = dialler === host ? 'nobody' : missing
    return { verdict, sentDifference: 0, receivedDifference: 0 }
  }
  const sentDifference = host.bytesSent - dialler.bytesSent
  const receivedDifference = host.bytesReceived - dialler.bytesReceived
  return { verdict: judge(sentDifference, receivedDifference), sentDifference, receivedDifference }
}

/**
 * What is charged of a stream: of each direction the higher count. So no end can lower it, reports may come in any order
 * and again, and what came late only ever adds. An end that counts too much shows as `differ`.
 */
export function chargeable({ dialler, host }: Witnesses): Count {
  const most = (of: keyof Count) => Math.max(dialler?.[of] ?? 0, host?.[of] ?? 0)
  return {
    bytesSent: most('bytesSent'),
    bytesReceived: most('bytesReceived'),
    durationMs: most('durationMs'),
  }
}

/** What is charged now of a stream of which `before` was charged already. */
export function minus(now: Count, before: Count): Count {
  return {
    bytesSent: Math.max(0, now.bytesSent - before.bytesSent),
    bytesReceived: Math.max(0, now.bytesReceived - before.bytesReceived),
    durationMs: Math.max(0, now.durationMs - before.durationMs),
  }
}

/**
 * Hold what the ends of streams counted against what hubs copied between them. A hub copies TLS records, so it counts
 * somewhat more than the ends; less means that the rest went without a hub, or that it is made up.
 *
 * @param endBytes  of both directions, of all streams between two endpoints
 * @param hubBytes  of both directions, between the same two, in the same time
 */
export function compareWithHub(endBytes: number, hubBytes: number): { hubOnly: number; withoutHub: number } {
  return { hubOnly: Math.max(0, hubBytes - endBytes), withoutHub: Math.max(0, endBytes - hubBytes) }
}

/** Nothing was counted. */
export const NO_COUNT: Count = { bytesSent: 0, bytesReceived: 0, durationMs: 0 }

function judge(sentDifference: number, receivedDifference: number): Verdict {
  if (sentDifference === 0 && receivedDifference === 0) return 'agree'
  // What the dialler sent and the host did not get, and the other way round.
  const underWay = [-sentDifference, receivedDifference]
  return underWay.every(bytes => bytes >= 0 && bytes <= MAX_IN_FLIGHT_BYTES) ? 'in-flight' : 'differ'
}

/** What one direction of a stream may have under way, bytes: the windows of HTTP/2, and what is kept to be sent again. */
export const MAX_IN_FLIGHT_BYTES = 67_108_864
