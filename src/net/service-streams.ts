import type { Duplex } from 'node:stream'
import { Client, type Dispatcher, Pool } from 'undici'
import { MeshError } from '../core/model/errors.ts'
import type { ServiceName } from '../core/model/names.ts'
import { fromNodeError } from './node-error.ts'

/** Open a stream to a service. @throws MeshError as `Dialing.opened` */
export type DialService = (service: ServiceName, options: { readonly signal: AbortSignal }) => Promise<Duplex>

/** Hears of a request, and of the stream that carries it. */
export interface RequestHandler extends Dispatcher.DispatchHandler {
  /** The stream lost its path: bytes wait, and may go on when there is another. @param isLost  false when they do */
  onPath?(isLost: boolean): void
}

/** Requests to services over HTTP/1.1, on streams that are kept for the next. */
export interface ServiceStreams {
  /**
   * Send a request. What comes of it, an error too, goes to the handler; errors of the dial as they were thrown.
   *
   * @param connectMs  for opening a stream; 0 is no limit
   */
  dispatch(
    service: ServiceName,
    connectMs: number,
    request: Omit<Dispatcher.DispatchOptions, 'origin'>,
    handler: RequestHandler,
  ): void
  /** Open streams, free ones too. */
  readonly streamCount: number
  /** Break all. */
  close(): Promise<void>
}

/** Keep streams to services. @param maxStreams  at once to one service; requests over that wait */
export function createServiceStreams(dial: DialService, maxStreams: () => number): ServiceStreams {
  const pools = new Map<string, Pool>()
  const dials = new Set<AbortController>()
  let streamCount = 0

  function open(service: ServiceName, connectMs: number, done: Opened) {
    const giveUp = new AbortController()
    dials.add(giveUp)
    giveUp.signal.addEventListener('abort', () => clearTimeout(timer))
    const timer = connectMs === 0 ? undefined : setTimeout(() => giveUp.abort(), connectMs)
    dial(service, { signal: giveUp.signal }).then(
      stream => {
        clearTimeout(timer)
        dials.delete(giveUp)
        streamCount += 1
        stream.once('close', () => {
          streamCount -= 1
        })
        done(null, stream)
      },
      error => {
        clearTimeout(timer)
        dials.delete(giveUp)
        const late = new MeshError('timed-out', `Cannot dial "${service}": no stream within ${connectMs} ms`)
        done(giveUp.signal.aborted ? late : error, null)
      },
    )
  }

  function poolOf(service: ServiceName, connectMs: number): Pool {
    const key = `${connectMs} ${service}`
    const kept = pools.get(key)
    if (kept !== undefined) return kept
    const pool = new Pool('http://service', {
      connections: maxStreams(),
      pipelining: 1,
      // Times are the caller's.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_STREAM_MS,
      keepAliveMaxTimeout: KEEP_STREAM_MS,
      maxHeaderSize: MAX_SERVICE_HEADER_BYTES,
      factory: (origin, options) => createClient(origin, options, done => open(service, connectMs, done)),
    })
    pools.set(key, pool)
    return pool
  }

  return {
    dispatch(service, connectMs, request, handler) {
      poolOf(service, connectMs).dispatch({ origin: 'http://service', ...request }, handler)
    },
    get streamCount() {
      return streamCount
    },
    async close() {
      for (const giveUp of dials) giveUp.abort()
      await Promise.all([...pools.values()].map(pool => pool.destroy()))
    },
  }
}

type Opened = (error: Error | null, stream: Duplex | null) => void

/** A client of one stream at a time, which tells its request when the stream is lost; one that carries none is given up. */
function createClient(origin: URL, options: object, open: (done: Opened) => void): Client {
  let handler: RequestHandler | undefined
  const client = new Client(origin, {
    ...options,
    connect: (_options, done) =>
      open((error, stream) => {
        stream?.on('lost', () => {
          if (client.stats.running === 0) stream.destroy()
          else handler?.onPath?.(true)
        })
        stream?.on('carried', () => handler?.onPath?.(false))
        ;(done as Opened)(error, stream)
      }),
  })
  const dispatch = client.dispatch.bind(client)
  client.dispatch = (request, given) => {
    handler = given
    return dispatch(request, given)
  }
  return client
}

/** What went wrong with a request to a service, in our words. */
export function serviceError(thrown: unknown): MeshError {
  if (thrown instanceof MeshError) {
    // The gateway is refused, not whoever asks it.
    const isOurs = ['denied', 'not-trusted', 'evicted', 'bad-ticket', 'certificate-expired'].includes(
      thrown.code,
    )
    if (thrown.code === 'not-found') return new MeshError('offline', thrown.message, { cause: thrown })
    return isOurs ? new MeshError('unreachable', thrown.message, { cause: thrown }) : thrown
  }
  const code = (thrown as { code?: unknown } | null)?.code
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') {
    return new MeshError('bad-message', 'Cannot send request on: it has what HTTP/1.1 cannot say', {
      cause: thrown,
    })
  }
  const isGarbage = thrown instanceof Error && thrown.name === 'HTTPParserError'
  if (isGarbage || (typeof code === 'string' && /^(UND_ERR_|HPE_)/.test(code))) {
    return new MeshError('link-closed', `Request to service failed: ${(thrown as Error).message}`, {
      cause: thrown,
    })
  }
  return fromNodeError(thrown, 'Request to service failed')
}

/** A stream to a service that nothing uses is kept this long. */
const KEEP_STREAM_MS = 30_000
/** Header lines of an answer together, bytes. */
export const MAX_SERVICE_HEADER_BYTES = 65_536
