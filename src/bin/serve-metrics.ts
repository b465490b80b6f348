import { createServer } from 'node:http'
import type { Address } from '../core/model/address.ts'
import { HTTP1_OPTIONS, MAX_HTTP1_CONNECTIONS } from '../net/http1-limits.ts'
import { listen } from '../net/hub-port.ts'
import { closeServer } from '../net/unix-server.ts'

/**
 * Serve `/metrics` for Prometheus, without a login: choose an address that only it reaches.
 *
 * @param checks  further paths: 200 if all is well, 503 if not, and a body of JSON
 * @throws MeshError `port-in-use`, `not-permitted`
 */
export async function serveMetrics(
  at: Address,
  metrics: () => Promise<string>,
  checks: Readonly<Record<string, () => { isGood: boolean; body: string }>> = {},
): Promise<AsyncDisposable> {
  const server = createServer(HTTP1_OPTIONS, (request, response) => {
    const check = Object.hasOwn(checks, request.url ?? '') ? checks[request.url ?? ''] : undefined
    if (check !== undefined) {
      const { isGood, body } = check()
      response.writeHead(isGood ? 200 : 503, { 'content-type': 'application/json' }).end(body)
      return
    }
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
