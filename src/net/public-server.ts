import type { EventEmitter } from 'node:events'
import http, { type IncomingMessage, ServerResponse } from 'node:http'
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import net, { type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { SecureContext, TLSSocket } from 'node:tls'
import { endGently } from './end-gently.ts'
import { guardAgainstFloods } from './flood-guard.ts'
import { HTTP2_LIMITS } from './http2-settings.ts'
import { createReadWatch } from './read-while-writing.ts'

/** A request of the public, over HTTP/1.1 or HTTP/2. */
export type PublicRequest = IncomingMessage | Http2ServerRequest
/** Its answer: what `ServerResponse` and `Http2ServerResponse` have alike. */
export interface PublicResponse extends EventEmitter {
  readonly headersSent: boolean
  readonly destroyed: boolean
  readonly writableEnded: boolean
  setHeader(name: string, value: string): void
  writeHead(status: number, headers: Readonly<Record<string, string | string[]>>): void
  flushHeaders(): void
  writeContinue(): void
  writeEarlyHints(hints: Record<string, string | string[]>): void
  /** @returns false when no more should come before `drain` */
  write(chunk: Uint8Array): boolean
  addTrailers(trailers: Record<string, string>): void
  end(body?: string): void
  destroy(): void
}

/** What is done with what the public sends. */
export interface PublicHandlers {
  /** @param isExpecting  the client waits for `100 Continue` before it sends the body */
  readonly onRequest: (request: PublicRequest, response: PublicResponse, isExpecting: boolean) => void
  /** A WebSocket by HTTP/1.1. `socket` is the handler's from here on, `head` came behind the request. */
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** A WebSocket by HTTP/2 (RFC 8441): the request's stream carries it once it is answered with 200. */
  readonly onConnect: (request: Http2ServerRequest, response: Http2ServerResponse) => void
  /** What is no request; it was refused with this status. */
  readonly onGarbage: (status: number, code: string) => void
}

/** How a server of TLS finds its certificates. */
export interface PublicTls {
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  /** @returns undefined to refuse the name */
  readonly contextFor: (serverName: string) => SecureContext | undefined
}

/** How a server is made. */
export interface PublicServerOptions {
  /** The head of a request must have come within this time of its first byte, or of the opening of the connection. */
  readonly headMs: number
  readonly tls?: PublicTls | undefined
}

/** A server that is handed its connections. */
export interface PublicServer {
  /** HTTP, or the TLS around it; what was read of it must have been put back. */
  accept(connection: Duplex): void
  /** End idle connections, and others with their present request. */
  drain(): void
  /** End everything. */
  destroy(): void
  readonly isDraining: boolean
}

/** Make a server for HTTP/1.1, or with `tls` for HTTP/2 and HTTP/1.1 inside TLS. */
export function createPublicServer(handlers: PublicHandlers, options: PublicServerOptions): PublicServer {
  const connections = new Set<Duplex>()
  const sessions = new Set<http2.ServerHttp2Session>()
  let isDraining = false
  const { tls, headMs } = options
  const http1Options = { ...HTTP1_PUBLIC, headersTimeout: headMs }
  const server = tls === undefined ? http.createServer(http1Options) : createTlsServer(tls, http1Options)
  const http1 = server as http.Server
  http1.on('request', (request, response) => {
    if (!isBehindLast(request)) handlers.onRequest(request, response as PublicResponse, false)
  })
  http1.on('checkContinue', (request, response) => {
    if (!isBehindLast(request)) handlers.onRequest(request, response as PublicResponse, true)
  })
  http1.on('checkExpectation', (_request, response) => response.writeHead(417).end())
  http1.on('upgrade', (request, socket, head) => handlers.onUpgrade(request, socket, head))
  http1.on('connect', (request: unknown, response: unknown) => {
    if (request instanceof http2.Http2ServerRequest)
      handlers.onConnect(request, response as Http2ServerResponse)
    // A proxy for anybody is what nobody wants to be.
    else refuseGarbage(response as Duplex, 405, 'CONNECT')
  })
  http1.on('clientError', (error: NodeJS.ErrnoException, socket) =>
    refuseGarbage(socket, statusOf(error), error.code),
  )
  // Node checks the times of requests only in servers that listen themselves.
  server.emit('listening')
  const watch = createReadWatch()
  let current: TLSSocket | undefined
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    current = socket
  })
  server.on('session', (session: http2.ServerHttp2Session) => {
    if (current !== undefined) watch.add(current)
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
    session.on('error', () => {})
    session.setLocalWindowSize(PUBLIC_CONNECTION_WINDOW_BYTES)
    session.setTimeout(PUBLIC_TIMES.idleMs, () => session.close())
    guardAgainstFloods(session, () => handlers.onGarbage(0, 'FLOOD'))
  })
  for (const event of ['sessionError', 'tlsClientError', 'unknownProtocol']) {
    server.on(event, (first: unknown, second?: Duplex) => {
      if (event === 'unknownProtocol') (first as Duplex).destroy()
      if (event === 'tlsClientError') second?.destroy()
    })
  }

  function refuseGarbage(socket: Duplex, status: number, code = 'UNKNOWN'): void {
    handlers.onGarbage(status, code)
    const { _httpMessage: answer } = socket as {
      _httpMessage?: { headersSent?: boolean; writableEnded?: boolean } | null
    }
    if (!socket.writable || code === 'ECONNRESET') socket.destroy()
    // An answer that is whole is on its way; one that is not must not look so.
    else if (answer?.headersSent && answer.writableEnded && !(socket instanceof net.Socket)) endGently(socket)
    else if (answer?.headersSent) socket.destroy()
    else {
      const text = `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${GARBAGE_HEADERS}\r\n`
      if (socket instanceof net.Socket) socket.end(text, () => socket.destroy())
      else endGently(socket, text)
    }
  }

  return {
    accept(connection) {
      connections.add(connection)
      connection.once('close', () => connections.delete(connection))
      connection.on('error', () => {})
      server.emit('connection', connection)
    },
    drain() {
      isDraining = true
      for (const session of sessions) session.close()
      ;(server as Partial<http.Server>).closeIdleConnections?.()
    },
    destroy() {
      isDraining = true
      for (const session of sessions) session.destroy()
      for (const connection of connections) connection.destroy()
      server.close(() => {})
    },
    get isDraining() {
      return isDraining
    },
  }
}

/** The answer to a request whose connection Node handed over, for where it becomes no WebSocket. */
export function answerUpgrade(request: IncomingMessage, socket: Duplex): PublicResponse {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket as Socket)
  // HTTP has no hold on it any more: left half open it would stay for ever.
  response.once('finish', () => endGently(socket))
  return response as PublicResponse
}

/** Break an answer, so that the client sees that it is not whole. */
export function breakResponse(response: PublicResponse): void {
  if (response instanceof http2.Http2ServerResponse)
    response.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)
  else response.destroy()
}

/** Whether a request came behind one whose answer ends the connection: nobody may be served by it any more. */
function isBehindLast(request: PublicRequest): boolean {
  if ('stream' in request) return false
  const { _httpMessage: answer, writableEnded } = request.socket as Duplex & {
    _httpMessage?: { _last?: boolean; headersSent?: boolean } | null
  }
  return writableEnded || (answer?.headersSent === true && answer._last === true)
}

function createTlsServer(
  { minVersion, contextFor }: PublicTls,
  http1Options: http.ServerOptions,
): http2.Http2SecureServer {
  return http2.createSecureServer({
    ...http1Options,
    ...HTTP2_LIMITS,
    maxSessionMemory: 32,
    allowHTTP1: true,
    http1Options,
    minVersion,
    ciphers: PUBLIC_CIPHERS,
    honorCipherOrder: true,
    ecdhCurve: 'X25519MLKEM768:X25519:P-256',
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: PUBLIC_TIMES.handshakeMs,
    streamResetBurst: 200,
    streamResetRate: 50,
    settings: {
      maxConcurrentStreams: MAX_PUBLIC_STREAMS,
      initialWindowSize: PUBLIC_STREAM_WINDOW_BYTES,
      maxHeaderListSize: MAX_PUBLIC_HEADER_BYTES,
      enableConnectProtocol: true,
    },
    SNICallback(serverName, done) {
      const context = contextFor(serverName.toLowerCase())
      if (context === undefined) done(new Error('unknown name'))
      else done(null, context)
    },
  } as http2.SecureServerOptions)
}

function statusOf({ code }: NodeJS.ErrnoException): number {
  if (code === 'HPE_HEADER_OVERFLOW') return 431
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return 413
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400
}

const GARBAGE_BODY = '{"error":{"code":"InvalidArgument","message":"Cannot read request","details":{}}}'
const GARBAGE_HEADERS = [
  'content-type: application/json',
  `content-length: ${GARBAGE_BODY.length}`,
  'connection: close',
  '',
  GARBAGE_BODY,
].join('\r\n')

/** Header lines and the request line together, bytes. */
export const MAX_PUBLIC_HEADER_BYTES = 32_768
/** Header lines of one request. */
export const MAX_PUBLIC_HEADERS = 100
/** Requests a client may have open at once on one HTTP/2 connection. */
export const MAX_PUBLIC_STREAMS = 128
/** Bytes of one request that may wait here to be taken by a service. */
export const PUBLIC_STREAM_WINDOW_BYTES = 1_048_576
const PUBLIC_CONNECTION_WINDOW_BYTES = 8 * 1_048_576

/** How long the public may take, ms. */
export const PUBLIC_TIMES = {
  /** A TLS handshake. */
  handshakeMs: 10_000,
  /** A connection without a request. */
  idleMs: 75_000,
}

const HTTP1_PUBLIC = {
  maxHeaderSize: MAX_PUBLIC_HEADER_BYTES,
  // A body may be long; whether it moves is watched by who takes it.
  requestTimeout: 0,
  keepAliveTimeout: PUBLIC_TIMES.idleMs,
  connectionsCheckingInterval: 1_000,
  requireHostHeader: true,
  insecureHTTPParser: false,
  shouldUpgradeCallback: (request: IncomingMessage) =>
    request.method === 'GET' && request.headers.upgrade?.toLowerCase() === 'websocket',
}

/** Those with forward secrecy and authenticated encryption. */
const PUBLIC_CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')
