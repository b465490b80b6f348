import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { Hono } from 'hono'
import { EVENTS_PATH } from '../core/api/hub-api.ts'
import { PASSAGE_AUTHORITY } from '../core/api/passage.ts'
import { createHttp2Server } from '../net/http2-server.ts'
import { HUB_PORT_LIMITS, openHubPort } from '../net/hub-port.ts'
import { type Http2App, serveHttp2 } from '../net/serve-http2.ts'
import type { Credential } from './hub-visit.ts'

/** A server that says it is a hub. */
export interface FalseHub extends AsyncDisposable {
  readonly address: string
  /** What it was asked: method and path. Somebody was fooled if there is one. */
  readonly requests: readonly string[]
  /** TLS connections that came. */
  readonly connectionCount: number
  /** Connections that came with a relay ticket. */
  readonly tickets: ReadonlySet<Socket>
  /** What it answers, if it is asked. */
  readonly app: Http2App
  /** Say something to every link, in place of a hub's events. */
  tell(line: string): void
}

/** Listen with a credential, whoever's it is. With that of a true hub, a malicious one listens. */
export async function startFalseHub(
  credential: Credential & { readonly rootPem: string },
): Promise<FalseHub> {
  const links = new Set<ServerHttp2Stream>()
  const tickets = new Set<Socket>()
  const requests: string[] = []
  const app: Http2App = new Hono()
  let connectionCount = 0
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const server = createHttp2Server({
    identity: credential,
    identify: () => undefined,
    log,
    onStream(stream, headers, peer) {
      requests.push(`${headers[':method']} ${headers[':path']}`)
      if (headers[':authority'] === PASSAGE_AUTHORITY) {
        // It plays the hub at the other end, too.
        stream.respond({ ':status': 200 })
        server.accept(stream)
      } else if (headers[':path'] !== EVENTS_PATH) void serveHttp2(app, stream, headers, peer)
      else {
        stream.respond({ ':status': 200 })
        links.add(stream)
        stream.once('close', () => links.delete(stream))
      }
    },
  })
  const port = await openHubPort(
    { host: '127.0.0.1', port: 0 },
    {
      onTls(socket) {
        connectionCount += 1
        server.accept(socket)
      },
      onTicket(socket) {
        tickets.add(socket)
        socket.once('close', () => tickets.delete(socket)).resume()
      },
      limits: HUB_PORT_LIMITS,
      log,
    },
  )
  return {
    address: `127.0.0.1:${port.address.port}`,
    requests,
    tickets,
    app,
    tell(line) {
      for (const link of links) link.write(line)
    },
    get connectionCount() {
      return connectionCount
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await port[Symbol.asyncDispose]()
    },
  }
}
