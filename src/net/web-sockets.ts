import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws'
import type { MeshError } from '../core/model/errors.ts'
import { endGently } from './end-gently.ts'
import { safeBody } from './serve-routes.ts'

/** A browser that wants a stream of bytes. */
export interface SocketRequest {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** The connection it came by. */
  readonly socket: Socket
  /** What it offers to speak, in its order: RFC 6455, section 11.3.4. */
  readonly protocols: readonly string[]
  /** Say yes, and that `protocol` is spoken. The stream has the bytes of its messages, without their bounds. */
  accept(protocol: string, take: (stream: Duplex) => void): void
  refuse(error: MeshError): void
}

/**
 * Hear of the WebSockets that browsers want to open at a server. Its own requests are not touched; the sockets end with
 * the server's connections.
 *
 * @see RFC 6455
 */
export function serveWebSockets(
  server: Server,
  onRequest: (request: SocketRequest) => void,
): Disposable & { readonly count: number } {
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    perMessageDeflate: false,
    maxPayload: MAX_SOCKET_MESSAGE_BYTES,
    handleProtocols: (_, request) => chosen.get(request) ?? false,
  })
  const chosen = new WeakMap<IncomingMessage, string>()
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {})
    const refuse = (error: MeshError) => refuseSocket(socket, error)
    onRequest({
      path: request.url ?? '/',
      headers: request.headers,
      socket: request.socket,
      protocols: (request.headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim()),
      accept(protocol, take) {
        chosen.set(request, protocol)
        sockets.handleUpgrade(request, socket, head, opened => take(streamOf(opened)))
      },
      refuse,
    })
  })
  return {
    get count() {
      return sockets.clients.size
    },
    [Symbol.dispose]() {
      for (const one of sockets.clients) one.terminate()
    },
  }
}

function streamOf(socket: WebSocket): Duplex {
  const stream = createWebSocketStream(socket)
  stream.on('error', () => {})
  return stream
}

/** A refusal as the API gives it: the browser's program learns only that there was one, people who look see why. */
function refuseSocket(socket: Duplex, error: MeshError): void {
  const body = JSON.stringify(safeBody(error))
  const head = [
    `HTTP/1.1 ${error.kind.http} Refused`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    '',
  ]
  socket.write(head.join('\r\n') + body)
  // HTTP has no hold on it any more: left half open it would stay for ever.
  endGently(socket)
}

/** The longest message of a browser; what is larger comes in several. */
export const MAX_SOCKET_MESSAGE_BYTES = 1_048_576
