import dns, { type LookupAddress } from 'node:dns'
import type { Readable } from 'node:stream'
import { Agent, request } from 'undici'
import { MeshError } from '../core/model/errors.ts'
import { parseIp } from '../core/model/ip-address.ts'
import { quote } from '../core/model/quote.ts'
import { fromNodeError } from './node-error.ts'

/** A request that somebody else's program makes through us. */
export interface FetchRequest {
  readonly url: string
  readonly method: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Readable | undefined
  readonly signal: AbortSignal
}

/** What came of it; the body has to be read or destroyed. */
export interface FetchAnswer {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Readable
}

/** Makes requests for one program. */
export interface GuardedFetch extends AsyncDisposable {
  /**
   * Ask a web server. Redirects are answers like others. Names are resolved here, and each address is asked about
   * before it is connected to.
   *
   * @throws MeshError `bad-input` for a URL that is none, `denied`, `unreachable`, `timed-out`, `not-trusted`
   */
  fetch(request: FetchRequest): Promise<FetchAnswer>
}

/** Which hosts, and which addresses of theirs, may be asked. */
export interface FetchGuard {
  mayAsk(host: string, port: number): boolean
  mayUse(host: string, port: number, ip: string): boolean
}

/** Make one. */
export function createGuardedFetch(guard: FetchGuard): GuardedFetch {
  // A pool for each host and port, as what may be connected to depends on both.
  const agents = new Map<string, Agent>()
  const agentFor = (host: string, port: number) => {
    const key = `${host}:${port}`
    const known = agents.get(key)
    if (known !== undefined) return known
    if (agents.size >= MAX_POOLS) throw new MeshError('too-many', `Cannot fetch: over ${MAX_POOLS} hosts`)
    const agent = new Agent({
      connections: MAX_CONNECTIONS,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
      connect: { timeout: CONNECT_TIMEOUT_MS, lookup: lookupFor(guard, host, port) },
    })
    agents.set(key, agent)
    return agent
  }
  return {
    async fetch({ url: text, method, headers, body, signal }) {
      const url = URL.parse(text)
      const isWeb = url?.protocol === 'http:' || url?.protocol === 'https:'
      if (url === null || !isWeb || url.username !== '' || url.password !== '')
        throw new MeshError(
          'bad-input',
          `Cannot fetch ${quote(text, 200)}: not an http or https URL without a user`,
        )
      const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
      const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
      const isAllowed =
        guard.mayAsk(host, port) && (parseIp(host) === undefined || guard.mayUse(host, port, host))
      if (!isAllowed) throw notGranted(host, port)
      const named = headers.filter(([name]) => !OWN_HEADERS.has(name.toLowerCase()))
      try {
        const answer = await request(url, {
          dispatcher: agentFor(host, port),
          method: method as 'GET',
          headers: named.flat(),
          body: body ?? null,
          signal,
        })
        return { status: answer.statusCode, headers: listHeaders(answer.headers), body: answer.body }
      } catch (thrown) {
        if (thrown instanceof MeshError) throw thrown
        throw fromNodeError(thrown, `Cannot fetch from ${quote(host)}`)
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...agents.values()].map(agent => agent.destroy()))
    },
  }
}

function lookupFor(guard: FetchGuard, host: string, port: number): typeof dns.lookup {
  const lookup = (
    name: string,
    options: dns.LookupOptions,
    done: (error: Error | null, found: LookupAddress[] | string, family?: number) => void,
  ) => {
    dns.lookup(name, { ...options, all: true }, (error, found) => {
      if (error !== null) return done(error, [])
      const allowed = found.filter(({ address }) => guard.mayUse(host, port, address))
      const [first] = allowed
      if (first === undefined) return done(notGranted(host, port), [])
      if (options.all === true) done(null, allowed)
      else done(null, first.address, first.family)
    })
  }
  return lookup as unknown as typeof dns.lookup
}

/** What an app hears that asks for an address it was not given. */
function notGranted(host: string, port: number): MeshError {
  return new MeshError(
    'denied',
    `Cannot reach ${quote(host)} port ${port}: not granted, or it is a private address`,
  )
}

function listHeaders(headers: Record<string, string | string[] | undefined>): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined || HOP_HEADERS.has(name)
      ? []
      : (Array.isArray(value) ? value : [value]).map(one => [name, one]),
  )
}

/** Ours to write. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  ...[
    'host',
    'connection',
    'content-length',
    'transfer-encoding',
    'keep-alive',
    'upgrade',
    'expect',
    'te',
    'accept-encoding',
  ],
])
/** Of one connection, not of the answer. */
const HOP_HEADERS: ReadonlySet<string> = new Set(['connection', 'transfer-encoding', 'keep-alive', 'upgrade'])
const MAX_POOLS = 64
const MAX_CONNECTIONS = 8
const MAX_HEADER_BYTES = 32_768
const CONNECT_TIMEOUT_MS = 10_000
const ANSWER_TIMEOUT_MS = 60_000
