import http2, { type Http2ServerRequest, type Http2ServerResponse, type Http2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import { MeshError } from '../core/model/errors.ts'
import { endGently } from './end-gently.ts'
import { guardAgainstFloods } from './flood-guard.ts'
import { HTTP2_LIMITS } from './http2-settings.ts'
import {
  createPublicServer,
  MAX_PUBLIC_HEADER_BYTES,
  MAX_PUBLIC_STREAMS,
  PUBLIC_STREAM_WINDOW_BYTES,
  type PublicHandlers,
  type PublicRequest,
} from './public-server.ts'

/** An HTTP server for streams in the clear: HTTP/1.1, and HTTP/2 of who speaks it at once. */
export interface StreamHttpServer<C extends object> {
  /** Serve a stream until it ends. @param caller  whose it is */
  accept(stream: Duplex, caller: C): void
  /** Whose stream a request came on, asked while it is handed over. @throws MeshError `link-closed` */
  callerOf(request: PublicRequest): C
  readonly streamCount: number
  /** Break everything. */
  destroy(): void
}

/** How long such a server waits, ms. */
export interface StreamHttpTimes {
  /** For the head of a request. */
  readonly headMs: number
  /** For another request. */
  readonly idleMs: number
}

/** Make one. */
export function createStreamHttpServer<C extends object>(
  handlers: PublicHandlers,
  { headMs, idleMs }: StreamHttpTimes,
): StreamHttpServer<C> {
  const callers = new WeakMap<object, C>()
  const streams = new Set<Duplex>()
  const sessions = new WeakMap<Duplex, Http2Session>()
  let accepting: { readonly caller: C; readonly stream: Duplex } | undefined
  const http1 = createPublicServer(
    {
      ...handlers,
      onRequest(request, response, isExpecting) {
        const served = byStream.get(request.socket)
        if (served === undefined) return
        served.begin()
        response.once('close', () => served.end())
        handlers.onRequest(request, response, isExpecting)
      },
      onUpgrade(request, socket, head) {
        // Never over here: who takes it ends the stream.
        byStream.get(socket)?.begin()
        handlers.onUpgrade(request, socket, head)
      },
    },
    { headMs },
  )
  const byStream = new WeakMap<object, ServedStream>()
  const http2Server = http2.createServer({
    ...HTTP2_LIMITS,
    maxSessionMemory: 32,
    streamResetBurst: 200,
    streamResetRate: 50,
    settings: {
      maxConcurrentStreams: MAX_PUBLIC_STREAMS,
      initialWindowSize: PUBLIC_STREAM_WINDOW_BYTES,
      maxHeaderListSize: MAX_PUBLIC_HEADER_BYTES,
      enableConnectProtocol: true,
    },
  } as http2.ServerOptions)
  // One that was reset at once has lost its session before anybody hears of it.
  const isThere = (request: Http2ServerRequest) => request.stream.session !== undefined
  http2Server.on('request', (request, response) => {
    if (isThere(request)) handlers.onRequest(request, response as never, false)
  })
  http2Server.on('checkContinue', (request, response) => {
    if (isThere(request)) handlers.onRequest(request, response as never, true)
  })
  http2Server.on('connect', (request: unknown, response: unknown) => {
    const asked = request as Http2ServerRequest
    if (isThere(asked)) handlers.onConnect(asked, response as Http2ServerResponse)
  })
  http2Server.on('session', session => {
    if (accepting !== undefined) {
      callers.set(session, accepting.caller)
      sessions.set(accepting.stream, session)
    }
    session.on('error', () => {})
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES)
    session.setTimeout(idleMs, () => session.close())
    guardAgainstFloods(session, () => handlers.onGarbage(0, 'FLOOD'))
  })
  http2Server.on('sessionError', () => {})

  function serve(stream: Duplex, caller: C, isHttp2: boolean): void {
    if (!isHttp2) {
      callers.set(stream, caller)
      // As Node ends a socket after the last answer. Without it, more requests would be read.
      Object.assign(stream, { destroySoon: () => endGently(stream) })
      byStream.set(stream, watchIdle(stream, idleMs))
      http1.accept(stream)
      return
    }
    const known = stream.rawListeners('end')
    accepting = { caller, stream }
    http2Server.emit('connection', stream)
    accepting = undefined
    // Node answers the end of such a stream by ending it, and when HTTP/2 then writes once more, the process ends by an assertion
    // (`JSStreamSocket.doWrite`, Node 24.21). A client that ends its half has no more to hear: the session ends.
    for (const listener of stream.rawListeners('end')) {
      if (!known.includes(listener)) stream.off('end', listener as () => void)
    }
    stream.once('end', () => {
      sessions.get(stream)?.destroy()
      stream.destroy()
    })
  }

  return {
    accept(stream, caller) {
      streams.add(stream)
      stream.once('close', () => streams.delete(stream))
      stream.on('error', () => {})
      isHttp2Next(stream, headMs).then(
        isHttp2 => serve(stream, caller, isHttp2),
        error => stream.destroy(error),
      )
    },
    callerOf(request) {
      const key: object | undefined =
        'stream' in request ? (request.stream.session as Http2Session) : request.socket
      const caller = key === undefined ? undefined : callers.get(key)
      if (caller === undefined) throw new MeshError('link-closed', 'Cannot serve request: its stream is gone')
      return caller
    },
    get streamCount() {
      return streams.size
    },
    destroy() {
      http1.destroy()
      for (const stream of streams)
        stream.destroy(new MeshError('link-closed', 'Stream ended: it is closed here'))
      http2Server.close(() => {})
    },
  }
}

/** A stream of HTTP/1.1, and the requests on it. */
interface ServedStream {
  begin(): void
  end(): void
}

/** Ends a stream on which nothing happens: those of the mesh have no timeouts of their own, by which Node does so. */
function watchIdle(stream: Duplex, idleMs: number): ServedStream {
  let openCount = 0
  let timer: NodeJS.Timeout | undefined
  stream.once('close', () => clearTimeout(timer))
  return {
    begin() {
      openCount += 1
      clearTimeout(timer)
    },
    end() {
      openCount -= 1
      if (openCount === 0 && !stream.destroyed) timer = setTimeout(() => stream.destroy(), idleMs)
    },
  }
}

/** Whether HTTP/2 begins on a stream, which keeps its bytes. @throws MeshError `too-slow`, `link-closed` */
function isHttp2Next(stream: Duplex, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let seen: Buffer = Buffer.alloc(0)
    const done = (isHttp2: boolean | MeshError) => {
      clearTimeout(timer)
      stream.off('readable', look).off('end', gone).off('close', gone)
      if (isHttp2 instanceof MeshError) return reject(isHttp2)
      stream.unshift(seen)
      resolve(isHttp2)
    }
    const look = () => {
      const chunk = stream.read() as Buffer | null
      if (chunk === null) return
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk])
      const begin = seen.subarray(0, PREFACE.length)
      // No method of HTTP/1 begins so.
      if (!begin.equals(PREFACE.subarray(0, begin.length))) done(false)
      else if (begin.length === PREFACE.length) done(true)
    }
    const gone = () => done(new MeshError('link-closed', 'Cannot serve stream: it ended without a request'))
    const timer = setTimeout(
      () => done(new MeshError('too-slow', `Cannot serve stream: no request within ${timeoutMs} ms`)),
      timeoutMs,
    )
    stream.on('readable', look).on('end', gone).on('close', gone)
    look()
  })
}

/** How a connection of HTTP/2 begins, its first four bytes; RFC 9113, section 3.4. */
const PREFACE = Buffer.from('PRI ')
const CONNECTION_WINDOW_BYTES = 8 * 1_048_576
