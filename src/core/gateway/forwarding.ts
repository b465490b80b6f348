import type { Target } from '../model/address.ts'
import type { MeshError } from '../model/errors.ts'
import type { HeaderChanges } from './forward-headers.ts'

/** Where requests are sent on to. */
export interface HttpTarget {
  readonly to: Target
  /** HTTP/2 is spoken at once, without asking: inside TLS where there is some, else in the clear. */
  readonly isHttp2: boolean
  /** Inside TLS; in the clear if absent. */
  readonly tls?: TargetTls
}

/** How the certificate of a target is checked. */
export interface TargetTls {
  /** Authorities to believe instead of those that everybody believes, PEM. */
  readonly caPem?: string | undefined
  /** The name that its certificate must have, and that it is asked for; the host of the target by default. */
  readonly serverName?: string | undefined
  /** Take any certificate: whoever is on the way can read and change everything. */
  readonly dangerAnyCertificate?: boolean | undefined
}

/** How long one request may take, and how much it may carry. */
export interface ExchangeTerms {
  /** Times in ms; 0 is no limit. */
  readonly timeouts: {
    /** To open a stream to the service. */
    readonly connect: number
    /** From the whole request sent to the head of the answer. */
    readonly firstByte: number
    /** Without a byte in either direction. */
    readonly idle: number
    /** All of it. */
    readonly total: number
  }
  /** Tries after the first, of requests that may be repeated, as long as nothing was answered. */
  readonly retries: number
  /** Bytes of the request's body. */
  readonly maxBody: number
}

/** A request, before its body. */
export interface RequestHead {
  readonly method: string
  /** `/path?query`, or a whole URL. */
  readonly url: string
  /** Names and values in turn, as they came. */
  readonly headers: readonly string[]
  /** `1.1`, `2.0` */
  readonly httpVersion: string
}

/** How one try of a target goes: `begun`, then `answered` or `failed`, then `ended`. */
export type TryStep = 'begun' | 'answered' | 'failed' | 'ended'

/** Where a request goes, and how. */
export interface Forwarding {
  /** Tried in this order: the next if one cannot be connected to. At least one. */
  readonly targets: readonly HttpTarget[]
  /** Path and query for the target. */
  readonly path: string
  /** Names and values in turn, `host` first. */
  readonly headers: readonly string[]
  readonly responseHeaders: HeaderChanges
  readonly terms: ExchangeTerms
  /** For the record: which rule led here. */
  readonly route: string
  /** Hears of each try. @param error  of a try that failed */
  onTry?(target: HttpTarget, step: TryStep, error?: MeshError): void
}

/** What became of a request. */
export interface ForwardRecord {
  readonly method: string
  /** As it was asked for; empty if there was none. */
  readonly host: string
  /** Without its query, which may hold secrets. */
  readonly path: string
  /** `http/1.1` or `h2`. */
  readonly protocol: string
  readonly route: string | undefined
  /** The target that was tried last. */
  readonly target: HttpTarget | undefined
  /** 0 if nothing was answered. */
  readonly status: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly firstByteMs: number | undefined
  readonly durationMs: number
  readonly tries: number
  /** Code of the error that ended it. */
  readonly error: string | undefined
}

/** What may come in; see docs/limits.md. */
export interface ForwardLimits {
  /** The head of a request must have come within this time. */
  readonly headMs: number
  /** A stream without a request ends. */
  readonly idleMs: number
  /** Connections at once to one target; requests over that wait. */
  readonly maxConnectionsPerTarget: number
}
