import type { ExchangeRecord } from '../net/exchange-record.ts'

/** What is remembered of one request, for the access log and the metrics. */
export interface AccessRecord extends ExchangeRecord {
  /** The client's address, then those of trusted proxies. */
  readonly chain: readonly [string, ...string[]]
  readonly method: string
  readonly host: string
  /** Without its query, which may hold secrets. */
  readonly path: string
  readonly protocol: string
  readonly isTls: boolean
  /** `host` and `path` of the route. */
  route: string | undefined
  service: string | undefined
  subject: string | undefined
  /** When to come again, seconds, if there were too many. */
  retryAfter: number | undefined
}

/** One line of the access log, as JSON; the names of its fields do not change. */
export function accessLine(record: AccessRecord, durationMs: number): Record<string, unknown> {
  const { id, chain, method, host, path, protocol, isTls, route, service, subject, status } = record
  return {
    id,
    client: chain[0],
    method,
    host,
    path: path.length > MAX_LOGGED_PATH ? `${path.slice(0, MAX_LOGGED_PATH)}…` : path,
    protocol,
    tls: isTls,
    route: route ?? null,
    service: service ?? null,
    subject: subject ?? null,
    status,
    bytesIn: record.bytesIn,
    bytesOut: record.bytesOut,
    firstByteMs: record.firstByteMs === undefined ? null : round(record.firstByteMs),
    durationMs: round(durationMs),
    tries: record.tries,
    error: record.error ?? null,
  }
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10
}

const MAX_LOGGED_PATH = 1_024
