import { createServer } from 'node:http'
import type { Address } from '../core/model/address.ts'
import { HTTP1_OPTIONS, MAX_HTTP1_CONNECTIONS } from '../net/http1-limits.ts'
import { listen } from '../net/hub-port.ts'
import { closeServer } from '../net/unix-server.ts'

/**
 * Serve `/metrics` for Prometheus, without a login: choose an address that only it reaches.
 *
 * @throws MeshError `port-in-use`, `not-permitted`
 */
export async function serveMetrics(at: Address, metrics: () => Promise<string>): Promise<AsyncDisposable> {
  const server = createServer(HTTP1_OPTIONS, (request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    metrics().then(
      text => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(text),
      () => response.writeHead(500).end(),
    )
  })
  server.maxConnections = MAX_HTTP1_CONNECTIONS
  await listen(server, at)
  return { [Symbol.asyncDispose]: () => closeServer(server) }
}
