import type { TLSSocket } from 'node:tls'
import type { ControllerPort } from '../core/api/controller.ts'
import { isEdgePath } from '../core/api/edge-path.ts'
import { MeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import {
  type AcceptedPeer,
  addressOf,
  type JudgedPeer,
  judge,
  type ShownIdentity,
} from '../net/http2-server.ts'
import type { Http2Answerer } from '../net/serve-http2.ts'
import { safeBody } from '../net/serve-routes.ts'
import { createTlsHttp1Server } from '../net/tls-http1-server.ts'

/** What the door to the Edge APIs needs. */
export interface EdgeDoorOptions {
  readonly controller: Pick<ControllerPort, 'edge'>
  readonly identify: (socket: TLSSocket) => ShownIdentity | undefined
  /** Whoever comes from this address, `host:port`, showed who it is. */
  readonly welcome: (address: string) => void
  readonly log: Log
}

/** Lets requests to the Edge APIs through to the controller, from programs that need not be of ours. */
export interface EdgeDoor extends AsyncDisposable {
  /** For requests of HTTP/2 sessions. */
  readonly app: Http2Answerer
  /** A connection that speaks HTTP/1.1: it can ask the Edge APIs, and nothing else. */
  acceptHttp1(socket: TLSSocket): void
}

type Visitor = JudgedPeer & Pick<AcceptedPeer, 'address'>

/** Make the door. */
export function createEdgeDoor(options: EdgeDoorOptions): EdgeDoor {
  const { controller, log, welcome } = options
  const sockets = new Set<TLSSocket>()

  async function answer(request: Request, visitor: Visitor, greet: () => void): Promise<Response> {
    const { response, isKnown } = await controller.edge(request, {
      identity: visitor.identity,
      address: visitor.address,
      ...(visitor.shown && {
        issuedAtMs: visitor.shown.issuedAtMs,
        publicKeyPem: visitor.shown.publicKeyPem,
      }),
    })
    if (isKnown) {
      greet()
      welcome(visitor.address)
    }
    return response
  }

  const http1 = createTlsHttp1Server<Visitor>(
    async (request, visitor) => {
      if (visitor.refusal !== undefined) return refuse(visitor.refusal)
      if (!isEdgePath(new URL(request.url).pathname)) return refuse(NOT_HERE())
      return await answer(request, visitor, () => {})
    },
    { keepAliveTimeout: EDGE_KEEP_ALIVE_MS },
  )
  return {
    app: { fetch: (request, { peer }) => answer(request, peer, () => peer.welcome()) },
    acceptHttp1(socket) {
      if (sockets.size >= MAX_EDGE_CONNECTIONS) {
        log.warn('connections.crowded', { reason: `over ${MAX_EDGE_CONNECTIONS} speak HTTP/1.1` })
        socket.destroy()
        return
      }
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      socket.on('error', error => log.debug('connection.failed', { error: error.message }))
      http1.accept(socket, { ...judge(socket, options), address: addressOf(socket) })
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await http1[Symbol.asyncDispose]()
    },
  }
}

function refuse(error: MeshError): Response {
  return Response.json(safeBody(error), { status: error.kind.http })
}

const NOT_HERE = () =>
  new MeshError('not-found', 'Cannot answer: over HTTP/1.1 there are the Edge APIs alone: /edge/client/v1')

/** Connections that speak HTTP/1.1 at one time; see docs/limits.md. */
const MAX_EDGE_CONNECTIONS = 4_096
/** How long such a connection is kept for another request. */
const EDGE_KEEP_ALIVE_MS = 60_000
