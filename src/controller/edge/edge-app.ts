import { Hono, type Context as HonoContext } from 'hono'
import type { Caller } from '../../core/api/caller.ts'
import type { EdgeAnswer } from '../../core/api/controller.ts'
import { EdgeError } from '../../core/edge/edge-error.ts'
import type { EdgeRoute } from '../../core/edge/edge-route.ts'
import { errorEnvelope } from '../../core/edge/envelope.ts'
import { toMeshError } from '../../core/model/errors.ts'
import type { Context } from '../context.ts'
import { randomUuid } from '../uuid.ts'
import { type Askers, unauthorized } from './askers.ts'
import { readEdgeBody } from './edge-body.ts'
import type { Asker, EdgeReply, ServedRoute } from './edge-call.ts'

/** Some routes and where they are. */
export interface MountedEdgeApi {
  /** `/edge/client/v1`, or nothing. */
  readonly prefix: string
  readonly routes: readonly ServedRoute[]
}

/** What the application is made of. */
export interface EdgeAppOptions {
  readonly apis: readonly MountedEdgeApi[]
  readonly askers: Askers
  readonly version: string
}

type Env = { Bindings: { caller: Caller; seen: { isKnown: boolean } } }
type Web = HonoContext<Env>

/**
 * The application that answers the Edge APIs. Whoever has no session is told so before its body is read.
 *
 * @returns answers a request; never throws
 */
export function createEdgeApp(
  context: Pick<Context, 'clock' | 'log' | 'random'>,
  options: EdgeAppOptions,
): (request: Request, caller: Caller) => Promise<EdgeAnswer> {
  const { log, random } = context
  const app = new Hono<Env>({ strict: false })
  const fail = (web: Web, thrown: unknown) => {
    const error = toEdgeError(thrown)
    const requestId = randomUuid(random)
    if (error.code === 'UNHANDLED') {
      log.error('edge.failed', { request: requestId, path: web.req.path, error: describe(thrown) })
    }
    return new Response(JSON.stringify(errorEnvelope(error, requestId)), {
      status: error.status,
      headers: { ...JSON_TYPE, ...error.headers },
    })
  }
  app.use(async (web, next) => {
    await next()
    web.res.headers.set('server', `ztm-controller/${options.version}`)
    for (const [name, value] of Object.entries(CORS_HEADERS)) web.res.headers.set(name, value)
  })
  app.options('*', () => new Response(null, { status: 204 }))
  for (const { prefix, routes } of options.apis) mount(app, prefix, routes, { ...context, ...options })
  app.notFound(web => fail(web, new EdgeError('NOT_FOUND', 'There is nothing at this path')))
  app.onError((error, web) => fail(web, error))
  return async (request, caller) => {
    const seen = { isKnown: false }
    const response = await app.fetch(request, { caller, seen })
    return { response, isKnown: seen.isKnown }
  }
}

function mount(
  app: Hono<Env>,
  prefix: string,
  routes: readonly ServedRoute[],
  options: EdgeAppOptions & Pick<Context, 'clock'>,
): void {
  const methods = new Map<string, string[]>()
  for (const { route, handler } of routes) {
    const path = toHonoPath(prefix, route.path)
    methods.set(path, [...(methods.get(path) ?? []), route.method])
    app.on(route.method, path, async web => {
      const now = options.clock.now()
      const { caller, seen } = web.env
      const asker = options.askers.find(web.req.raw.headers, caller, now)
      if (asker.found !== undefined) seen.isKnown = true
      admit(route, asker)
      if (route.answer !== 'raw') requireJson(web.req.header('accept'), route.takesPem === true)
      const maxBytes = asker.found === undefined ? MAX_STRANGER_BODY_BYTES : MAX_EDGE_BODY_BYTES
      const body = await readEdgeBody(route, web.req.raw, maxBytes)
      const reply = await handler({
        params: web.req.param() as Record<string, string>,
        query: web.req.query(),
        body,
        headers: web.req.raw.headers,
        caller,
        asker: asker.found,
        now,
        host: web.req.header('host') ?? new URL(web.req.url).host,
      })
      if (reply.isLogin === true) seen.isKnown = true
      return answer(reply, options.askers.headersOf(asker.found, now))
    })
  }
  for (const [path, allowed] of methods) {
    app.all(path, web => {
      const headers = { allow: allowed.join(', ') }
      throw new EdgeError('METHOD_NOT_ALLOWED', `${web.req.method} is not a method of this path`, { headers })
    })
  }
}

function admit(
  route: EdgeRoute,
  asker: { readonly found: Asker | undefined; readonly challenge: string },
): void {
  if (route.needs === 'nothing') return
  if (asker.found === undefined || (route.needs === 'admin' && !asker.found.isAdmin))
    throw unauthorized(asker.challenge)
}

/** @throws EdgeError NOT_ACCEPTABLE where JSON is none of what is accepted, nor PEM where that is given */
function requireJson(accept: string | undefined, givesPem: boolean): void {
  if (accept === undefined || accept.trim() === '') return
  const types = accept.split(',').map(one => one.split(';', 1)[0]?.trim().toLowerCase())
  if (types.some(type => type === '*/*' || type === 'application/*' || type === 'application/json')) return
  if (givesPem && types.includes('application/x-pem-file')) return
  throw new EdgeError('NOT_ACCEPTABLE', 'Only application/json can be given here')
}

function answer({ body, status = 200, headers = {} }: EdgeReply, more: Record<string, string>): Response {
  const isText = typeof body === 'string'
  return new Response(isText ? body : JSON.stringify(body), {
    status,
    headers: { ...(isText ? { 'content-type': 'text/plain' } : JSON_TYPE), ...more, ...headers },
  })
}

function toEdgeError(thrown: unknown): EdgeError {
  if (thrown instanceof EdgeError) return thrown
  const { code, message } = toMeshError(thrown)
  switch (code) {
    case 'too-many':
      return new EdgeError('SERVER_TOO_MANY_REQUESTS', message)
    case 'not-trusted':
    case 'evicted':
      return unauthorized('zt-session realm="zt-session" error="invalid"')
    case 'too-large':
      return new EdgeError('REQUEST_ENTITY_TOO_LARGE', message)
    case 'timed-out':
      return new EdgeError('TIMEOUT', message)
    default:
      return new EdgeError(
        'UNHANDLED',
        'Something failed that we did not foresee: see the log of the controller',
      )
  }
}

function toHonoPath(prefix: string, path: string): string {
  return `${prefix}${path}`.replace(/\{(\w+)\}/g, ':$1').replace(/(.)\/$/, '$1')
}

function describe(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
}

const JSON_TYPE = { 'content-type': 'application/json' } as const
const CORS_HEADERS = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'content-type, accept, authorization, zt-session',
  'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE, OPTIONS',
  'access-control-expose-headers': 'zt-session, expires-at, expiration-seconds, www-authenticate',
} as const

/** Largest body of a request without a session, in bytes. */
export const MAX_STRANGER_BODY_BYTES = 65_536
/** Largest body of a request with one, in bytes: an entity must fit a document of the store. */
export const MAX_EDGE_BODY_BYTES = 262_144
