import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { type Dispatcher, Pool } from 'undici'
import type { HttpTarget } from '../core/gateway/forwarding.ts'
import { formatTarget } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import { connectTcp } from './host-sockets.ts'
import { fromNodeError } from './node-error.ts'
import { MAX_SERVICE_HEADER_BYTES, type RequestHandler } from './service-streams.ts'

/** Requests to targets of this computer and around it, on connections that are kept for the next. */
export interface TargetStreams {
  /**
   * Send a request. What comes of it, an error too, goes to the handler; errors of connecting as they were thrown.
   *
   * @param connectMs  for connecting, TLS too
   */
  dispatch(
    target: HttpTarget,
    connectMs: number,
    request: Omit<Dispatcher.DispatchOptions, 'origin'>,
    handler: RequestHandler,
  ): void
  /** Break all. */
  close(): Promise<void>
}

/**
 * Keep connections to targets. Those to a target that nothing uses any more end by themselves.
 *
 * @param maxConnections  at once to one target; requests over that wait
 */
export function createTargetStreams(maxConnections: number): TargetStreams {
  const pools = new Map<string, Pool>()
  const keys = new WeakMap<HttpTarget, string>()
  const giveUp = new AbortController()

  function keyOf(target: HttpTarget, connectMs: number): string {
    const known = keys.get(target)
    if (known !== undefined) return known
    const key = JSON.stringify([connectMs, target])
    keys.set(target, key)
    return key
  }

  function open(target: HttpTarget, connectMs: number): Pool {
    const key = keyOf(target, connectMs)
    const kept = pools.get(key)
    if (kept !== undefined) return kept
    forgetUnused()
    const pool = new Pool('http://target', {
      connections: target.isHttp2 ? MAX_HTTP2_CONNECTIONS : maxConnections,
      ...(target.isHttp2 ? { useH2c: true, maxConcurrentStreams: MAX_HTTP2_REQUESTS } : { pipelining: 1 }),
      // Times are the caller's.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_CONNECTION_MS,
      keepAliveMaxTimeout: KEEP_CONNECTION_MS,
      maxHeaderSize: MAX_SERVICE_HEADER_BYTES,
      connect: (_options, done) => {
        const answer = done as (error: Error | null, stream: Duplex | null) => void
        openTarget(target, connectMs, giveUp.signal).then(
          stream => answer(null, stream),
          error => answer(error, null),
        )
      },
    })
    pools.set(key, pool)
    return pool
  }

  /** Settings may change for years: pools of targets that are gone must not gather. */
  function forgetUnused(): void {
    if (pools.size < MAX_IDLE_POOLS) return
    for (const [key, pool] of pools) {
      const { connected, pending, queued, running } = pool.stats
      if (connected + pending + queued + running > 0) continue
      pools.delete(key)
      void pool.close()
    }
  }

  return {
    dispatch(target, connectMs, request, handler) {
      open(target, connectMs).dispatch({ origin: 'http://target', ...request }, handler)
    },
    async close() {
      giveUp.abort()
      await Promise.all([...pools.values()].map(pool => pool.destroy()))
    },
  }
}

/**
 * Connect to a target, and know that it is the one where there is TLS.
 *
 * @throws MeshError `unreachable`, `timed-out`, `not-found`, `not-trusted`, `certificate-expired` …
 */
async function openTarget(target: HttpTarget, connectMs: number, signal: AbortSignal): Promise<Duplex> {
  const deadlineMs = performance.now() + connectMs
  const timeoutMs = connectMs === 0 ? LONGEST_CONNECT_MS : connectMs
  const connection = await connectTcp(target.to, { timeoutMs, signal })
  const leftMs = connectMs === 0 ? LONGEST_CONNECT_MS : Math.max(1, deadlineMs - performance.now())
  const stream = target.tls === undefined ? connection : await encrypt(target, connection, leftMs)
  // How undici knows what to speak.
  if (target.isHttp2) Object.defineProperty(stream, 'alpnProtocol', { value: 'h2' })
  return stream
}

function encrypt(target: HttpTarget, connection: Duplex, timeoutMs: number): Promise<tls.TLSSocket> {
  const { caPem, serverName, dangerAnyCertificate } = target.tls ?? {}
  const name = serverName ?? (target.to.kind === 'unix' ? '' : target.to.host)
  const action = `Cannot connect to ${formatTarget(target.to)}`
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      socket: connection,
      host: name,
      // An address is no name that can be asked for (RFC 6066); the certificate must have it all the same.
      servername: isIP(name) === 0 ? name : '',
      ...(caPem !== undefined && { ca: caPem }),
      minVersion: 'TLSv1.2',
      ALPNProtocols: [target.isHttp2 ? 'h2' : 'http/1.1'],
      rejectUnauthorized: dangerAnyCertificate !== true,
    })
    const fail = (error: unknown) => {
      clearTimeout(timer)
      connection.destroy()
      reject(fromNodeError(error, action))
    }
    const timer = setTimeout(
      () => fail(new MeshError('timed-out', `${action}: no TLS within ${Math.round(timeoutMs)} ms`)),
      timeoutMs,
    )
    socket.once('error', fail)
    socket.once('secureConnect', () => {
      clearTimeout(timer)
      if (target.isHttp2 && socket.alpnProtocol !== 'h2') {
        fail(new MeshError('unsupported', `${action}: it does not speak HTTP/2`))
        return
      }
      socket.off('error', fail)
      resolve(socket)
    })
  })
}

/** A connection that nothing uses is kept this long: shorter than most programs keep theirs, which end them at any moment. */
const KEEP_CONNECTION_MS = 4_000
const LONGEST_CONNECT_MS = 60_000
const MAX_HTTP2_CONNECTIONS = 8
const MAX_HTTP2_REQUESTS = 100
/** Targets without a connection that are remembered. */
const MAX_IDLE_POOLS = 64
