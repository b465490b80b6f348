import { randomUUID } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { toMeshError } from '../core/model/errors.ts'
import { type CommerceBooks, openCommerceBooks } from './commerce-books.ts'

/**
 * What a Commerce server may do wrong:
 * - `down`: it closes each connection without a word
 * - `silent`: it takes requests and never answers
 * - `trickle`: its answer comes a byte at a time, and never ends
 * - `error`: 500; `not-json`: 200 with a page; `huge`: an answer that does not end
 * - `redirect`: it sends elsewhere
 * - `unlogged`: it refuses every token
 * - `lost-answer`: it records usage, and closes the connection instead of saying so
 */
export type CommerceFault =
  | 'down'
  | 'silent'
  | 'trickle'
  | 'error'
  | 'not-json'
  | 'huge'
  | 'redirect'
  | 'unlogged'
  | 'lost-answer'

/** How a Commerce server for development and tests is made. */
export interface CommerceServerOptions {
  /** SQLite file of its books; made if there is none. */
  readonly file: string
  readonly port?: number
  /** Token of the mesh, which may ask for any user. Default `mesh-token`. */
  readonly meshToken?: string
  /** What a gigabyte (10⁹ bytes, both ways) and a session cost; default 1 and 0.01. */
  readonly pricePerGigabyte?: number
  readonly pricePerSession?: number
}

/** A running Commerce server. */
export interface CommerceServer extends AsyncDisposable {
  /** Base for clients: `http://127.0.0.1:port/commerce`. */
  readonly url: string
  readonly books: CommerceBooks
  /** More tokens, and whose they are. */
  readonly tokens: Map<string, string>
  /** What it does wrong from now on; nothing if undefined. */
  fault: CommerceFault | undefined
  /** How long it takes to record, so that a second request of the same key meets the first. */
  delayMs: number
  /** `GET /v1/billing/balance?service=tcp%2Fweb` of each request that came, without what its fault answers before looking. */
  readonly requests: readonly string[]
}

/**
 * Serve the balance and usage of Commerce on loopback. A bearer `user:NAME` is the token of that user; an account is made
 * with 10 units when it is first asked for.
 */
export async function startCommerceServer(options: CommerceServerOptions): Promise<CommerceServer> {
  const { meshToken = 'mesh-token' } = options
  const books = openCommerceBooks(options.file, {
    perGigabyte: options.pricePerGigabyte ?? 1,
    perSession: options.pricePerSession ?? 0.01,
  })
  const requests: string[] = []
  const pending = new Set<string>()
  const tokens = new Map<string, string>()
  const state: { fault: CommerceFault | undefined; delayMs: number } = { fault: undefined, delayMs: 0 }

  /** Whose token it is; `*` for the mesh, which may name any. */
  function payerOf(request: http.IncomingMessage, wanted: unknown): string {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1]
    const known = tokens.get(token ?? '') ?? /^user:(.+)$/.exec(token ?? '')?.[1]
    const own = token === meshToken ? undefined : known
    if (state.fault === 'unlogged' || (token !== meshToken && own === undefined)) throw answer(401)
    const user = own ?? (typeof wanted === 'string' ? wanted : undefined)
    if (user === undefined) throw answer(400, { error: 'user is missing' })
    if (own !== undefined && typeof wanted === 'string' && wanted !== own) throw answer(403)
    return user
  }

  async function serve(request: http.IncomingMessage, url: URL): Promise<Answer> {
    const route = `${request.method} ${url.pathname.replace(/^\/commerce/, '')}`
    if (route === 'GET /v1/billing/balance') {
      const service = url.searchParams.get('service')
      if (service === null) return answer(400, { error: 'service is missing' })
      return answer(200, books.balance(payerOf(request, url.searchParams.get('user') ?? undefined), service))
    }
    if (route !== 'POST /v1/billing/usage') return answer(404)
    const body = JSON.parse(await readBody(request)) as { user?: unknown; requestId?: unknown }
    const user = payerOf(request, body.user)
    const key = request.headers['x-idempotency-key'] ?? body.requestId
    if (typeof key !== 'string') return answer(400, { error: 'no idempotency key' })
    if (pending.has(key)) return answer(409, { error: 'the same request is under way' })
    pending.add(key)
    try {
      if (state.delayMs > 0) await new Promise(resolve => setTimeout(resolve, state.delayMs))
      const { isReplay, transaction } = books.record(user, key, body)
      if (state.fault === 'lost-answer') throw answer(0)
      return answer(isReplay ? 200 : 201, transaction)
    } catch (thrown) {
      if (thrown instanceof Answer) throw thrown
      return answer(400, { error: toMeshError(thrown).message })
    } finally {
      pending.delete(key)
    }
  }

  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    if (misbehave(state.fault, request, response)) return
    requests.push(`${request.method} ${url.pathname.replace(/^\/commerce/, '')}${url.search}`)
    serve(request, url)
      .catch((thrown: unknown) =>
        thrown instanceof Answer ? thrown : answer(400, { error: toMeshError(thrown).message }),
      )
      .then(({ status, body }) => {
        if (status === 0) request.socket.destroy()
        else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      })
  })
  await new Promise<void>(resolve => server.listen(options.port ?? 0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}/commerce`,
    books,
    tokens,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = new Promise(resolve => server.close(resolve))
      server.closeAllConnections()
      await closed
      books[Symbol.dispose]()
    },
  })
}

class Answer {
  readonly status: number
  readonly body: object

  constructor(status: number, body: object) {
    this.status = status
    this.body = body
  }
}

function answer(status: number, body: object = { error: `status ${status}` }): Answer {
  return new Answer(status, body)
}

/** @returns whether the fault has dealt with the request */
function misbehave(
  fault: CommerceFault | undefined,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): boolean {
  const isDealtWith = fault !== undefined && fault !== 'unlogged' && fault !== 'lost-answer'
  switch (fault) {
    case 'down':
      request.socket.destroy()
      break
    case 'trickle': {
      response.writeHead(200)
      const timer = setInterval(() => response.write(' '), 5)
      response.once('close', () => clearInterval(timer))
      break
    }
    case 'error':
      response.writeHead(500).end('{"error":"out of order"}')
      break
    case 'not-json':
      response.writeHead(200).end('<html>balance: 100</html>')
      break
    case 'huge': {
      const more = () => !response.destroyed && response.write('x'.repeat(65_536), more)
      response.writeHead(200)
      more()
      break
    }
    case 'redirect':
      response.writeHead(307, { location: `http://localhost:1/${randomUUID()}` }).end()
      break
    default:
  }
  return isDealtWith
}

async function readBody(request: http.IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk
    if (text.length > 65_536) throw answer(413)
  }
  return text
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { port: { type: 'string' }, file: { type: 'string' } } })
  const server = await startCommerceServer({
    file: values.file ?? 'commerce.db',
    port: Number(values.port ?? 0),
  })
  process.stdout.write(`${server.url}\n`)
}
