import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, ListenOptions } from 'node:net'

/** A web server that a test started, on a free port of 127.0.0.1 if nothing else was said. */
export interface Page extends AsyncDisposable {
  /** 0 for one on a unix socket. */
  readonly port: number
  /** `host:port`, as a target is typed. */
  readonly at: string
}

/** Start a web server that answers every request with one text. */
export async function startPage(
  text: string,
  where: ListenOptions = { host: '127.0.0.1', port: 0 },
): Promise<Page> {
  const server = createServer((_, response) => response.end(text))
  server.listen(where)
  await once(server, 'listening')
  const { port = 0, address = '', family } = server.address() as Partial<AddressInfo>
  return {
    port,
    at: family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/**
 * Fetch a page by a connection of its own, without any second try.
 *
 * @param at  a port of 127.0.0.1, or `host:port`
 */
export async function fetchPage(at: number | string): Promise<string> {
  const response = await fetch(`http://${typeof at === 'number' ? `127.0.0.1:${at}` : at}/`, {
    headers: { connection: 'close' },
    signal: AbortSignal.timeout(10_000),
  })
  return response.text()
}
