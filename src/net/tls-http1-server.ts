import type { ServerOptions } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { Hono } from 'hono'
import { closeServer, createHttp1Server } from './unix-server.ts'

/** An HTTP/1.1 server that is handed its connections, TLS done and the other end known. */
export interface TlsHttp1Server<P> extends AsyncDisposable {
  /** @param peer  what `answer` is told of whoever sends requests on this connection */
  accept(socket: TLSSocket, peer: P): void
}

/**
 * Make a server. Nothing listens: see `accept`.
 *
 * @param answer   called for each request; its body may be read as it comes
 * @param options  times and sizes that differ from those in docs/limits.md, "Local API"
 */
export function createTlsHttp1Server<P extends object>(
  answer: (request: Request, peer: P) => Promise<Response>,
  options: ServerOptions = {},
): TlsHttp1Server<P> {
  const peers = new WeakMap<object, P>()
  const app = new Hono<{ Bindings: { incoming: { socket: object } } }>()
  app.all('*', async context => {
    const peer = peers.get(context.env.incoming.socket)
    // The connection is gone.
    if (peer === undefined) return context.body(null, 503)
    return await answer(context.req.raw, peer)
  })
  const server = createHttp1Server(app as unknown as Hono, options)
  // It looks after the times of connections from the moment it listens, which this one never does by itself.
  server.emit('listening')
  return {
    accept(socket, peer) {
      peers.set(socket, peer)
      server.emit('connection', socket)
    },
    [Symbol.asyncDispose]: () => closeServer(server),
  }
}
