import http from 'node:http'
import https from 'node:https'
import { parseBalance } from '../core/billing/balance.ts'
import type { Commerce } from '../core/billing/commerce.ts'
import type { MoneyUnit } from '../core/billing/money.ts'
import { usageBody } from '../core/billing/usage.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'
import { fromNodeError } from './node-error.ts'

/** What a client of Commerce needs. */
export interface CommerceClientOptions {
  /** `https://host/path`; plain `http` to this computer alone, as requests carry a token. */
  readonly url: string
  /** The token to show, asked for with each request. */
  readonly token: () => Promise<string>
  /** What one stands for in the amounts of its answers; default `major`. */
  readonly unit?: MoneyUnit
  /** How long a request may take with its answer; default 10 s. */
  readonly timeoutMs?: number
  /** PEM text of more certificate authorities to trust; those of the system alone if absent. */
  readonly ca?: string
}

/** Commerce, and the connections kept open to it. */
export interface CommerceClient extends Commerce, Disposable {}

/**
 * Talk to Commerce by HTTP. Whatever goes wrong is `billing-failed`, so that whoever asks can fail closed. Redirects are not
 * followed: the token is for one host.
 *
 * @throws MeshError `bad-input` for a URL that is none, has a login in it, or is `http` to another computer
 * @see docs/protocol.md, "Commerce"
 */
export function createCommerceClient(options: CommerceClientOptions): CommerceClient {
  const base = parseCommerceUrl(options.url)
  const { unit = 'major' } = options
  const agentOptions = { keepAlive: true, maxSockets: MAX_COMMERCE_CONNECTIONS, timeout: IDLE_MS }
  const agent = base.protocol === 'https:' ? new https.Agent(agentOptions) : new http.Agent(agentOptions)
  const call = (request: CommerceCall) => exchange(base, agent, options, request)
  return {
    async balance({ service, user }) {
      const query = new URLSearchParams({ service, ...(user !== undefined && { user }) })
      const action = `Cannot ask Commerce for the balance for ${quote(service)}`
      const answer = await call({ method: 'GET', path: `v1/billing/balance?${query}`, action })
      if (answer.status !== 200) throw failed(action, describeStatus(answer))
      return parseBalance(readJson(answer, action), unit)
    },
    async record(usage) {
      const action = `Cannot record usage ${quote(usage.id)} at Commerce`
      const answer = await call({
        method: 'POST',
        path: 'v1/billing/usage',
        body: JSON.stringify(usageBody(usage)),
        idempotencyKey: usage.id,
        action,
      })
      if (answer.status === 200 || answer.status === 201) {
        // The page of a hotel's network is no receipt.
        if (answer.text !== '') readJson(answer, action)
        return 'recorded'
      }
      if (REFUSALS.has(answer.status)) return 'refused'
      throw failed(action, describeStatus(answer))
    },
    [Symbol.dispose]: () => agent.destroy(),
  }
}

/** The base URL of Commerce. @throws MeshError `bad-input` as `createCommerceClient` */
export function parseCommerceUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isLocal = url !== undefined && /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname)
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal)
  if (url === undefined || !isSafe || url.username !== '' || url.password !== '' || url.search || url.hash) {
    throw new MeshError(
      'bad-input',
      `Cannot use Commerce at ${quote(text)}: give an https:// address, or http:// of this computer, without login and query`,
    )
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

interface CommerceCall {
  readonly method: 'GET' | 'POST'
  /** Relative to the base. */
  readonly path: string
  readonly body?: string
  readonly idempotencyKey?: string
  readonly action: string
}

interface CommerceAnswer {
  readonly status: number
  readonly text: string
}

async function exchange(
  base: URL,
  agent: http.Agent,
  { token, timeoutMs = TIMEOUT_MS, ca }: CommerceClientOptions,
  { method, path, body, idempotencyKey, action }: CommerceCall,
): Promise<CommerceAnswer> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const abort = new AbortController()
  const timer = setTimeout(() => {
    reject(failed(action, `no answer within ${timeoutMs / 1_000} s`))
    abort.abort()
  }, timeoutMs)
  // Both requests may be sent twice.
  async function ask(): Promise<CommerceAnswer> {
    const bearer = await token()
    if (!/^[\x21-\x7e]{1,16384}$/.test(bearer)) throw failed(action, 'the token to show is none')
    const headers = {
      accept: 'application/json',
      authorization: `Bearer ${bearer}`,
      ...(body !== undefined && {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
      }),
      ...(idempotencyKey !== undefined && { 'x-idempotency-key': idempotencyKey }),
    }
    for (let isFirst = true; ; isFirst = false) {
      const send = base.protocol === 'https:' ? https.request : http.request
      const request = send(new URL(path, base), {
        method,
        headers,
        agent,
        signal: abort.signal,
        maxHeaderSize: MAX_COMMERCE_ANSWER_BYTES,
        ...(ca !== undefined && { ca }),
      })
      const answered = new Promise<http.IncomingMessage>((resolve, fail) => {
        request.once('response', resolve)
        request.on('error', fail)
      })
      request.end(body)
      try {
        const response = await answered
        return { status: response.statusCode ?? 0, text: await readText(response, action) }
      } catch (error) {
        // Whoever closes a connection that was kept open may do so while a request is under way to it.
        if (!isFirst || !request.reusedSocket || (error as { code?: unknown }).code !== 'ECONNRESET')
          throw error
      }
    }
  }
  try {
    return await Promise.race([ask(), late])
  } catch (thrown) {
    const error = fromNodeError(thrown, action)
    if (error.code === 'billing-failed') throw error
    throw new MeshError('billing-failed', error.message, { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

async function readText(response: http.IncomingMessage, action: string): Promise<string> {
  const chunks: Buffer[] = []
  let byteCount = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    byteCount += chunk.length
    if (byteCount > MAX_COMMERCE_ANSWER_BYTES)
      throw failed(action, `its answer is over ${MAX_COMMERCE_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function readJson({ text }: CommerceAnswer, action: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw failed(action, 'its answer is not JSON', toMeshError(cause))
  }
}

function describeStatus({ status }: CommerceAnswer): string {
  if (status === 401 || status === 403) return `it answers ${status}: see whether the token is good`
  if (status >= 300 && status < 400)
    return `it answers ${status}: redirects are not followed, give its own address`
  return `it answers ${status}`
}

function failed(action: string, state: string, cause?: MeshError): MeshError {
  return new MeshError('billing-failed', `${action}: ${state}`, { cause })
}

/** The status of what would be refused however often it is sent; all others may be a fault that passes. */
const REFUSALS: ReadonlySet<number> = new Set([400, 413, 422])
/** How long a request may take. */
const TIMEOUT_MS = 10_000
/** A connection that is not used is closed. */
const IDLE_MS = 30_000
/** Requests to Commerce at one time; more wait. */
export const MAX_COMMERCE_CONNECTIONS = 16
/** The longest answer, and the longest headers, that are read. */
export const MAX_COMMERCE_ANSWER_BYTES = 65_536
