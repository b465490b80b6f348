import { X509Certificate } from 'node:crypto'
import { type buildConnector, Pool } from 'undici'
import { MeshError } from '../core/model/errors.ts'
import type { MeshId } from '../core/model/ids.ts'
import { readIdentity } from '../pki/check.ts'
import { fromNodeError } from './node-error.ts'

/** By what a server is known. */
export type ServerTrust =
  /** The certificates of the operating system, and the server's name. */
  | { readonly kind: 'system' }
  /** Those of this PEM text, and the server's name. */
  | { readonly kind: 'authority'; readonly caPem: string }
  /** It is a hub of this mesh, wherever it is reached. */
  | { readonly kind: 'hub'; readonly rootPem: string; readonly mesh: MeshId }

/** How a server is reached. */
export interface HttpsPoolOptions {
  /** `https://host:port` */
  readonly origin: string
  readonly trust: ServerTrust
  /** Shown if the server asks. */
  readonly identity?: { readonly certificatePem: string; readonly privateKeyPem: string }
  /** For TCP and TLS together. */
  readonly connectTimeoutMs: number
}

/** A request that is small, and wants a small answer. */
export interface HttpsRequest {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** For all of it, connecting included. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** What came back; the whole of it. */
export interface HttpsAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly text: string
}

/** A few connections to one server over TLS 1.3 and HTTP/1.1, kept for the next request. */
export interface HttpsPool extends AsyncDisposable {
  /** @throws MeshError `unreachable`, `timed-out`, `not-trusted`, `link-closed`, `too-large` */
  request(request: HttpsRequest): Promise<HttpsAnswer>
}

/** Make a pool; it connects when it is asked something. */
export function openHttpsPool(options: HttpsPoolOptions): HttpsPool {
  const { origin, connectTimeoutMs } = options
  const pool = new Pool(origin, {
    connections: MAX_CONNECTIONS,
    connect: { ...tlsOptions(options), timeout: connectTimeoutMs, maxCachedSessions: 0 },
    keepAliveTimeout: KEEP_MS,
    keepAliveMaxTimeout: KEEP_MS,
    maxResponseSize: MAX_ANSWER_BYTES,
    // What counts is the time that each request is given.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  return {
    async request({ method, path, headers, body, timeoutMs, signal }) {
      const action = `Cannot ask ${origin}`
      const late = AbortSignal.timeout(timeoutMs)
      try {
        const answer = await pool.request({
          method: method as 'GET',
          path,
          headers: { ...headers },
          ...(body !== undefined && { body }),
          signal: signal === undefined ? late : AbortSignal.any([late, signal]),
        })
        return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() }
      } catch (thrown) {
        if (signal?.aborted) throw new MeshError('timed-out', `${action}: given up`, { cause: thrown })
        if (late.aborted) throw new MeshError('timed-out', `${action}: no answer within ${timeoutMs} ms`)
        throw fromNodeError(thrown, action)
      }
    },
    async [Symbol.asyncDispose]() {
      await pool.destroy()
    },
  }
}

function tlsOptions({ trust, identity }: HttpsPoolOptions): Partial<buildConnector.BuildOptions> {
  const shown = identity && { cert: identity.certificatePem, key: identity.privateKeyPem }
  const base = { minVersion: 'TLSv1.3', rejectUnauthorized: true, ...shown } as const
  switch (trust.kind) {
    case 'system':
      return base
    case 'authority':
      return { ...base, ca: trust.caPem }
    case 'hub':
      return {
        ...base,
        ca: trust.rootPem,
        // OpenSSL has found the chain good; who it is for, the name in it says, and not how it is reached.
        checkServerIdentity: (_, { raw }) => checkHub(raw, trust.mesh),
      }
  }
}

function checkHub(leafDer: Buffer, mesh: MeshId): Error | undefined {
  try {
    const identity = readIdentity(new X509Certificate(leafDer))
    if (identity.kind === 'hub' && identity.mesh === mesh) return undefined
  } catch (error) {
    return error as Error
  }
  return new MeshError('not-trusted', 'Cannot trust controller: it is no hub of this mesh')
}

/** Connections to one controller at one time. */
const MAX_CONNECTIONS = 4
/** Less than the hub keeps them. */
const KEEP_MS = 30_000
/** The longest answer that is read. */
const MAX_ANSWER_BYTES = 16 * 1_048_576
