import dns, { type LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import tls from 'node:tls'
import { Agent, type Dispatcher, request } from 'undici'
import { MeshError } from '../core/model/errors.ts'
import type { FetchReach } from '../core/model/fetch-reach.ts'
import { finalRange, type IpRange, parseIp } from '../core/model/ip-address.ts'
import { quote } from '../core/model/quote.ts'
import { fromNodeError } from './node-error.ts'

/** How much one fetch may cost. */
export interface FetchLimits {
  /** For the whole of it: names, connections, redirects, body. */
  readonly timeoutMs: number
  /** Of the body; counted while it comes, whatever was announced. */
  readonly maxBytes: number
  readonly maxRedirects: number
}

/** How documents are fetched. */
export interface LimitedFetchOptions extends Partial<FetchLimits> {
  /** `site` by default. */
  readonly reach?: FetchReach
  /** Authorities to believe beside those of Node, PEM. */
  readonly caPem?: string
}

/** Fetches JSON documents of strangers. */
export interface LimitedFetch extends AsyncDisposable {
  /**
   * GET one JSON document.
   *
   * Plain HTTP is asked only where no stranger is on the way: in a private network or on this computer. A redirect stays
   * with its scheme. Each address that is connected to is looked at, so that no name leads where it may not.
   *
   * @param url  `https:`, or `http:`
   * @returns the parsed document; whoever asked parses its shape
   * @throws MeshError `bad-input` for a URL that is none, `denied` for an address that may not be asked, `timed-out`,
   *   `too-large`, `not-trusted` for its certificate, `bad-message` for an answer that is no document, and as
   *   `fromNodeError`
   */
  json(url: string): Promise<unknown>
}

/** The limits where none are given; see docs/limits.md, "Logins". */
export const FETCH_LIMITS: FetchLimits = { timeoutMs: 5_000, maxBytes: 262_144, maxRedirects: 3 }

/** Make one. Connections are kept for a second, for redirects and the document next to this one. */
export function createLimitedFetch(options: LimitedFetchOptions = {}): LimitedFetch {
  const limits = { ...FETCH_LIMITS, ...options }
  const ways = createWays(options, limits.timeoutMs)

  async function follow(start: URL, action: string, signal: AbortSignal): Promise<unknown> {
    let url = start
    for (let hop = 0; hop <= limits.maxRedirects; hop++) {
      const way = ways[url.protocol]
      if (way === undefined) throw new MeshError('bad-input', `${action}: not an http or https URL`)
      // A name is looked at when it is looked up; an address that stands in the URL never is.
      const literal = parseIp(url.hostname.replace(/^\[(.*)\]$/, '$1'))
      if (literal !== undefined) expectAllowed(literal, way.ranges, url.hostname)
      const { agent: dispatcher } = way
      const answer = await request(url, { dispatcher, signal, headers: { accept: ACCEPT } })
      const location = REDIRECTS.has(answer.statusCode) ? answer.headers.location : undefined
      if (location === undefined) return readDocument(answer, limits.maxBytes, action)
      discard(answer)
      url = redirected(url, location, action)
    }
    throw new MeshError('bad-message', `${action}: more than ${limits.maxRedirects} redirects`)
  }

  return {
    async json(text) {
      const action = `Cannot fetch ${quote(text, 200)}`
      const url = URL.parse(text)
      if (url === null || url.username !== '' || url.password !== '') {
        throw new MeshError('bad-input', `${action}: not a URL without a user`)
      }
      const signal = AbortSignal.timeout(limits.timeoutMs)
      try {
        return await follow(url, action, signal)
      } catch (error) {
        if (!signal.aborted) throw translate(error, action)
        throw new MeshError('timed-out', `${action}: no whole answer within ${limits.timeoutMs} ms`)
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(ways).map(({ agent }) => agent.destroy()))
    },
  }
}

interface Way {
  readonly agent: Agent
  readonly ranges: readonly IpRange[]
}

/** A way for each scheme. */
function createWays(options: LimitedFetchOptions, timeoutMs: number): Readonly<Record<string, Way>> {
  const { reach = 'site', caPem } = options
  const ca = caPem === undefined ? {} : { ca: [...tls.getCACertificates('default'), caPem] }
  const makeWay = (ranges: readonly IpRange[]): Way => ({
    ranges,
    agent: new Agent({
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      connect: { lookup: createLookup(ranges), timeout: timeoutMs, ...ca },
    }),
  })
  return {
    // Over plain HTTP whoever is on the way writes the answer: not over the internet.
    'http:': makeWay(RANGES[reach].filter(range => range !== 'public')),
    'https:': makeWay(RANGES[reach]),
  }
}

/** Look names up as the system does, and give no address that may not be asked. */
function createLookup(ranges: readonly IpRange[]): LookupFunction {
  return (host, options, done) => {
    dns.lookup(host, { ...options, all: true }, (error, found: LookupAddress[]) => {
      if (error !== null) return done(error, [])
      const allowed = found.filter(({ address }) => {
        const ip = parseIp(address)
        return ip !== undefined && ranges.includes(finalRange(ip))
      })
      const [first] = allowed
      if (first === undefined) return done(forbidden(host), [])
      if (options.all === true) done(null, allowed)
      else done(null, first.address, first.family)
    })
  }
}

function expectAllowed(ip: Uint8Array, ranges: readonly IpRange[], host: string): void {
  if (!ranges.includes(finalRange(ip))) throw forbidden(host)
}

function forbidden(host: string): MeshError {
  return new MeshError('denied', `Cannot ask ${quote(host)}: its address may not be asked this way`)
}

async function readDocument(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  maxBytes: number,
  action: string,
): Promise<unknown> {
  if (statusCode !== 200) {
    discard({ body })
    throw new MeshError('bad-message', `${action}: status ${statusCode}`)
  }
  const chunks: Buffer[] = []
  let byteCount = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    byteCount += chunk.length
    // Leaving the loop destroys the body, and with it the connection.
    if (byteCount > maxBytes) throw new MeshError('too-large', `${action}: over ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)))
  } catch (cause) {
    const type = quote(headers['content-type'] ?? 'nothing')
    throw new MeshError('bad-message', `${action}: not JSON: it says to be ${type}`, { cause })
  }
}

/** Of no use: what is still to come of it need not come. */
function discard({ body }: Pick<Dispatcher.ResponseData, 'body'>): void {
  body.on('error', () => undefined)
  body.destroy()
}

function redirected(from: URL, location: string | string[], action: string): URL {
  const to = typeof location === 'string' ? URL.parse(location, from.href) : null
  if (to === null || to.protocol !== from.protocol || to.username !== '' || to.password !== '') {
    throw new MeshError('bad-message', `${action}: redirected to what is no ${from.protocol} URL`)
  }
  return to
}

function translate(thrown: unknown, action: string): MeshError {
  if (thrown instanceof MeshError) return thrown
  const code = String((thrown as { code?: unknown } | null)?.code)
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  const isUnread = thrown instanceof Error && thrown.name === 'HTTPParserError'
  if (isUnread || /^(?:HPE_|UND_ERR_(?:HEADERS_OVERFLOW|RES_))/.test(code)) {
    return new MeshError('bad-message', `${action}: not an HTTP answer`, { cause: thrown })
  }
  if (/^UND_ERR_/.test(code)) return new MeshError('link-closed', `${action}: ${text}`, { cause: thrown })
  if (/CERT|^UNABLE_TO_|^ERR_TLS_/.test(code)) {
    return new MeshError('not-trusted', `${action}: its certificate is not good (${code})`, { cause: thrown })
  }
  return fromNodeError(thrown, action)
}

const RANGES: Readonly<Record<FetchReach, readonly IpRange[]>> = {
  public: ['public'],
  site: ['public', 'private'],
  computer: ['public', 'private', 'loopback'],
}
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const ACCEPT = 'application/json, application/jwk-set+json;q=0.9'
const MAX_HEADER_BYTES = 16_384
const IDLE_MS = 1_000
