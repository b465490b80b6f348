import { randomBytes } from 'node:crypto'
import { type ClientFinder, clientGroup } from '../core/gateway/client-address.ts'
import { corsHeaders, preflightHeaders } from '../core/gateway/cors.ts'
import { forwardRequestHeaders, type HeaderChanges } from '../core/gateway/forward-headers.ts'
import { hostsOf, type RequestPlace, readRequestPlace } from '../core/gateway/request-host.ts'
import { withoutPrefix } from '../core/gateway/request-path.ts'
import type { RouteTable } from '../core/gateway/route-table.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { Clock } from '../core/model/time.ts'
import { answerError, sendAnswer } from '../net/http-answer.ts'
import { exchange, type Onward } from '../net/http-exchange.ts'
import { MAX_PUBLIC_HEADERS, type PublicRequest, type PublicResponse } from '../net/public-server.ts'
import { tooLarge } from '../net/request-body.ts'
import type { ServiceStreams } from '../net/service-streams.ts'
import type { AccessRecord } from './access-record.ts'
import type { LiveRoute } from './live-routes.ts'
import type { CheckedToken } from './token-check.ts'
import type { ZapClients } from './zap-clients.ts'
import { callZap } from './zap-exchange.ts'

/** What may change while a gateway runs: read anew for each request. */
export interface EntranceState {
  readonly routes: RouteTable<LiveRoute>
  readonly findClient: ClientFinder
}

/** What an entrance is made of. */
export interface EntranceOptions {
  readonly state: () => EntranceState
  readonly streams: ServiceStreams
  readonly zapClients: ZapClients
  readonly clock: Clock
  /** Answer of an ACME challenge by its token. */
  readonly challenge: (token: string) => string | undefined
  readonly onBegun: () => void
  readonly onDone: (record: AccessRecord, durationMs: number) => void
  readonly onBug: (error: MeshError) => void
}

/** On which listener a request came. */
export interface EntranceDoor {
  readonly isTls: boolean
  readonly redirectToHttps: boolean
  readonly isDraining: () => boolean
}

/** What of a request goes on to its service. */
export interface Admitted extends Onward {
  readonly route: LiveRoute
}

/** Takes requests of the public: finds their routes, checks them, and sends them on. */
export interface Entrance {
  take(request: PublicRequest, response: PublicResponse, door: EntranceDoor, isExpecting: boolean): void
  /** Check a request that wants a WebSocket. @throws MeshError why it gets none */
  admit(request: PublicRequest, record: AccessRecord): Promise<Admitted>
  /** Begin the record of a request. */
  begin(request: PublicRequest, door: EntranceDoor): AccessRecord
  /** Answer a request that is not let in. */
  refuse(request: PublicRequest, response: PublicResponse, record: AccessRecord, thrown: unknown): void
  end(record: AccessRecord): void
}

/** Make an entrance. */
export function createEntrance(options: EntranceOptions): Entrance {
  return new RequestEntrance(options)
}

interface Found {
  readonly place: RequestPlace
  readonly route: LiveRoute
  readonly parameters: Readonly<Record<string, string>>
}

class RequestEntrance implements Entrance {
  readonly #options: EntranceOptions
  readonly #prefix = randomBytes(6).toString('base64url')
  #count = 0

  constructor(options: EntranceOptions) {
    this.#options = options
  }

  begin(request: PublicRequest, { isTls }: EntranceDoor): AccessRecord {
    const { headers, socket, url = '', method = '', httpVersion } = request
    const forwardedFor = headers['x-forwarded-for']
    const { findClient } = this.#options.state()
    const query = url.indexOf('?')
    this.#count += 1
    this.#options.onBegun()
    return {
      id: `${this.#prefix}-${this.#count.toString(36)}`,
      startedMs: performance.now(),
      chain: findClient(socket?.remoteAddress ?? 'gone', forwardedFor?.toString()),
      method,
      host: hostsOf(request.rawHeaders)[0] ?? '',
      path: query === -1 ? url : url.slice(0, query),
      protocol: httpVersion === '2.0' ? 'h2' : `http/${httpVersion}`,
      isTls,
      route: undefined,
      service: undefined,
      subject: undefined,
      status: 0,
      bytesIn: 0,
      bytesOut: 0,
      firstByteMs: undefined,
      tries: 0,
      retryAfter: undefined,
      error: undefined,
    }
  }

  take(request: PublicRequest, response: PublicResponse, door: EntranceDoor, isExpecting: boolean): void {
    const record = this.begin(request, door)
    // After whoever else hears of it has written down what it knows.
    response.once('close', () => queueMicrotask(() => this.end(record)))
    try {
      if (this.#answersItself(request, response, record, door)) return
      const found = this.#find(request, record)
      const { cors, methods, check } = found.route
      if (cors !== undefined) {
        for (const [name, value] of Object.entries(corsHeaders(cors, request.headers.origin)))
          response.setHeader(name, value)
        if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
          const headers = preflightHeaders(cors, request.headers.origin)
          sendAnswer(request, response, record, { status: 204, headers })
          return
        }
      }
      if (methods !== undefined && !methods.includes(request.method ?? '')) {
        answerMethod(request, response, record, methods)
        return
      }
      const go = (token?: CheckedToken) => {
        const admitted = this.#prepare(request, record, found, token)
        const { zapClients } = this.#options
        const { form } = found.route
        if (form !== undefined) {
          const { parameters } = found
          callZap({
            ...admitted,
            request,
            response,
            isExpecting,
            record,
            form,
            parameters,
            clients: zapClients,
          })
        } else exchange({ ...admitted, request, response, isExpecting, isLast: door.isDraining, record })
      }
      if (check === undefined) go()
      else
        check(request.headers.authorization)
          .then(go)
          .catch(error => this.refuse(request, response, record, error))
    } catch (thrown) {
      this.refuse(request, response, record, thrown)
    }
  }

  async admit(request: PublicRequest, record: AccessRecord): Promise<Admitted> {
    const found = this.#find(request, record)
    const { check, webSocket, methods } = found.route
    if (!webSocket || methods?.includes('GET') === false)
      throw new MeshError('denied', 'Cannot open WebSocket: the route has none')
    const token = check === undefined ? undefined : await check(request.headers.authorization)
    return this.#prepare(request, record, found, token)
  }

  refuse(request: PublicRequest, response: PublicResponse, record: AccessRecord, thrown: unknown): void {
    const error = toMeshError(thrown)
    if (error.code === 'bug') this.#options.onBug(error)
    answerError(request, response, error, record, {
      ...(record.retryAfter !== undefined && { 'retry-after': String(record.retryAfter) }),
      ...(error.code === 'not-logged-in' && { 'www-authenticate': 'Bearer' }),
    })
  }

  end(record: AccessRecord): void {
    this.#options.onDone(record, performance.now() - record.startedMs)
  }

  /** Questions of ACME, and redirections. */
  #answersItself(
    request: PublicRequest,
    response: PublicResponse,
    record: AccessRecord,
    door: EntranceDoor,
  ): boolean {
    if (door.isTls) return false
    const [, token] = /^\/\.well-known\/acme-challenge\/([\w-]{1,256})$/.exec(record.path) ?? []
    const answer = token === undefined ? undefined : this.#options.challenge(token)
    if (answer !== undefined) {
      const headers = { 'content-type': 'text/plain' }
      sendAnswer(request, response, record, { status: 200, headers, body: answer })
      return true
    }
    if (!door.redirectToHttps) return false
    const { host, target } = readRequestPlace(hostsOf(request.rawHeaders), request.url ?? '')
    sendAnswer(request, response, record, { status: 308, headers: { location: `https://${host}${target}` } })
    return true
  }

  /** The route of a request, which fits its limits. */
  #find(request: PublicRequest, record: AccessRecord): Found {
    const { rawHeaders, headers } = request
    if (rawHeaders.length / 2 > MAX_PUBLIC_HEADERS) {
      throw new MeshError('too-large', `Cannot take request: over ${MAX_PUBLIC_HEADERS} headers`)
    }
    // It would show the client what was added for the service.
    if (request.method === 'TRACE') throw new MeshError('unsupported', 'Cannot take request: no TRACE here')
    const place = readRequestPlace(hostsOf(request.rawHeaders), request.url ?? '')
    const match = this.#options.state().routes.find(place.host, place.target)
    if (match === undefined) throw new MeshError('not-found', 'Nothing is served under this address')
    const { route, parameters } = match
    record.route = route.name
    record.service = route.service
    if (Number(headers['content-length'] ?? 0) > route.maxBody) throw tooLarge(route.maxBody)
    if (route.rateLimit?.by === 'address') this.#spend(route, record, clientGroup(record.chain[0]))
    return { place, route, parameters }
  }

  #spend({ limit }: LiveRoute, record: AccessRecord, key: string): void {
    const waitSeconds = limit?.take(key, this.#options.clock.now()) ?? 0
    if (waitSeconds === 0) return
    record.retryAfter = waitSeconds
    throw new MeshError('too-many', `Too many requests: come again in ${waitSeconds} s`)
  }

  #prepare(
    request: PublicRequest,
    record: AccessRecord,
    found: Found,
    token: CheckedToken | undefined,
  ): Admitted {
    const { route, place } = found
    if (token !== undefined) {
      record.subject = token.subject
      if (route.rateLimit?.by === 'subject') this.#spend(route, record, token.subject)
    }
    const { chain, isTls, id } = record
    const origin = {
      chain,
      protocol: isTls ? ('https' as const) : ('http' as const),
      host: place.authority,
      httpVersion: request.httpVersion,
    }
    const changes = token === undefined ? route.requestHeaders : claimChanges(route, token)
    const headers = forwardRequestHeaders(request.rawHeaders, origin, changes)
    headers.push('x-request-id', id)
    const target =
      route.stripPrefix === undefined ? place.target : withoutPrefix(place.target, route.stripPrefix)
    const { responseHeaders, service, timeouts } = route
    const dispatch: Onward['dispatch'] = (onward, handler) =>
      this.#options.streams.dispatch(service, timeouts.connect, onward, handler)
    return { route, terms: route, target, headers, responseHeaders, dispatch }
  }
}

/** What clients send under names of claims is not believed, also where the token has no such claim. */
function claimChanges({ requestHeaders, auth }: LiveRoute, token: CheckedToken): HeaderChanges {
  const jwt = auth?.jwt
  const remove = new Set([...requestHeaders.remove, ...Object.keys(jwt?.forwardClaims ?? {})])
  if (jwt?.keepToken === false) remove.add('authorization')
  return { set: { ...requestHeaders.set, ...token.headers }, remove }
}

function answerMethod(
  request: PublicRequest,
  response: PublicResponse,
  record: AccessRecord,
  methods: readonly string[],
): void {
  record.error = 'bad-method'
  const message = `Cannot take request: only ${methods.join(', ')} here`
  const body = JSON.stringify({
    error: { code: 'InvalidArgument', message, details: { requestId: record.id } },
  })
  const headers = { allow: methods.join(', '), 'content-type': 'application/json' }
  sendAnswer(request, response, record, { status: 405, headers, body })
}
