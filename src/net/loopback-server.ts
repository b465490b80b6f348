import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Address } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import { HTTP1_OPTIONS } from './http1-limits.ts'
import { listen } from './hub-port.ts'
import { closeServer } from './unix-server.ts'

/** A request of a program of this computer. */
export interface LoopbackRequest {
  readonly method: string
  /** The request target as it came: a path, or a whole URL. */
  readonly target: string
  /** @param name  in lower case; what came several times is joined by commas */
  header(name: string): string | undefined
  /** The body as it comes: no faster than it is taken, and at most once. Throws `bad-message` if it is cut. */
  readonly body: AsyncIterable<Uint8Array>
}

/** What it is answered with. */
export interface LoopbackAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  /** Asked for no faster than it is taken. When it throws, the connection is broken: nobody takes what came for the whole. */
  readonly body?: string | AsyncIterable<Uint8Array | string>
}

/** A server on the loopback interface. */
export interface LoopbackServer extends AsyncDisposable {
  readonly address: Address
}

/**
 * Serve HTTP/1.1 to programs of this computer. Whoever is it must be found out by the handler: every user of the computer can connect.
 *
 * @param answer  must not throw
 * @throws MeshError `bad-input` for an address that is not of the loopback interface, `port-in-use`, `not-permitted`
 */
export async function serveLoopback(
  at: Address,
  answer: (request: LoopbackRequest, address: Address) => Promise<LoopbackAnswer>,
): Promise<LoopbackServer> {
  if (!/^127(?:\.\d{1,3}){3}$|^::1$|^localhost$/.test(at.host))
    throw new MeshError('bad-input', `Cannot listen on ${at.host}: only on this computer itself: 127.0.0.1`)
  // A large body may take hours; what counts is that something comes.
  const server = createServer({ ...HTTP1_OPTIONS, requestTimeout: 0 }, (request, response) => {
    void answer(readRequest(request), address).then(
      given => send(request, response, given),
      () => response.destroy(),
    )
  })
  server.maxConnections = MAX_LOOPBACK_CONNECTIONS
  server.timeout = IDLE_TIMEOUT_MS
  await listen(server, at)
  const bound = server.address() as AddressInfo
  const address = { host: bound.address, port: bound.port }
  return { address, [Symbol.asyncDispose]: () => closeServer(server) }
}

function readRequest(request: IncomingMessage): LoopbackRequest {
  return {
    method: request.method ?? '',
    target: request.url ?? '',
    header: name => {
      const value = request.headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    body: readBody(request),
  }
}

async function* readBody(request: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    // The answer goes over the same connection.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) yield chunk as Buffer
  } catch (cause) {
    throw new MeshError('bad-message', 'Cannot read request: it was cut', { cause })
  }
  if (!request.complete) throw new MeshError('bad-message', 'Cannot read request: it was cut')
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: LoopbackAnswer,
): Promise<void> {
  const isHead = request.method === 'HEAD'
  const all = Object.entries(headers).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : [...value],
  ])
  if (body === undefined || typeof body === 'string') {
    const length = body === undefined ? '0' : String(Buffer.byteLength(body))
    const needsLength = status !== 204 && status !== 304 && headers['content-length'] === undefined
    response.writeHead(
      status,
      Object.fromEntries([...all, ...(needsLength ? [['content-length', length]] : [])]),
    )
    response.end(isHead ? undefined : body)
    return
  }
  const pieces = body[Symbol.asyncIterator]()
  try {
    response.writeHead(status, Object.fromEntries(all))
    while (!isHead) {
      const { done, value } = await pieces.next()
      if (done || response.destroyed) break
      if (!response.write(value)) await drained(response)
    }
    response.end()
  } catch {
    response.destroy()
  } finally {
    await Promise.resolve(pieces.return?.()).catch(() => {})
  }
}

/** When more can be written, or nobody takes it any more. */
async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed || !response.writableNeedDrain) return
  const gone = new AbortController()
  const leave = () => gone.abort()
  response.once('close', leave)
  await once(response, 'drain', { signal: gone.signal }).catch(() => {})
  response.off('close', leave)
}

/** Connections of programs of this computer at once; further ones are closed. */
export const MAX_LOOPBACK_CONNECTIONS = 64
/** A connection on which nothing moves for so long is closed. */
const IDLE_TIMEOUT_MS = 600_000
