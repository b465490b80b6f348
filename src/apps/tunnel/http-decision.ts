import { takeCookie } from '../../core/gateway/cookies.ts'
import { forwardRequestHeaders, type HeaderChanges } from '../../core/gateway/forward-headers.ts'
import type { Forwarding, HttpTarget, RequestHead } from '../../core/gateway/forwarding.ts'
import { hostsOf, type RequestPlace, readRequestPlace } from '../../core/gateway/request-host.ts'
import { withoutPrefix } from '../../core/gateway/request-path.ts'
import type { RouteTable } from '../../core/gateway/route-table.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { ServiceName, UserName } from '../../core/model/names.ts'
import type { LiveHttpRoute } from './http-route.ts'
import { type HttpCaller, IDENTITY_HEADER, type IdentityTokens } from './identity-tokens.ts'

/** What is known where requests are decided about. */
export interface DecisionContext {
  readonly service: ServiceName
  readonly routes: RouteTable<LiveHttpRoute>
  /** Whose word on `X-Forwarded-For` is taken. */
  readonly forwarders: readonly UserName[]
  readonly tokens: Pick<IdentityTokens, 'tokenFor'>
}

/**
 * Where a request to an outbound goes, and with which headers.
 *
 * Headers whose names begin with `ztm-`, however they are spelled, are the mesh's own: those of the caller are left out, and so
 * targets can believe them.
 *
 * @throws MeshError `not-found`, `denied`, `bad-message`, `offline`
 */
export function decideRequest(
  request: RequestHead,
  caller: HttpCaller,
  { service, routes, forwarders, tokens }: DecisionContext,
): Forwarding {
  const place = readRequestPlace(hostsOf(request.headers), request.url)
  const route = routes.find(place.host, place.target)?.route
  if (route === undefined) throw new MeshError('not-found', 'Nothing is served under this address')
  const { setting } = route
  if (!mayCome(caller, setting.allow))
    throw new MeshError('denied', `Cannot take request: "${caller.from.user}" may not come to ${route.name}`)
  const { sticky, hostHeader, identity, stripPrefix, timeouts } = setting
  const own = withoutMeshHeaders(request.headers)
  const { values, headers } = sticky ? takeCookie(own, sticky.cookie) : { values: [], headers: own }
  const targets = route.choose(values)
  const audience = identity === false ? undefined : (identity?.audience ?? service)
  const changes: HeaderChanges = {
    set: audience === undefined ? {} : { [IDENTITY_HEADER]: tokens.tokenFor(caller, { service, audience }) },
    remove: new Set(),
  }
  const out = forwardRequestHeaders(
    headers,
    originOf(request, place, forwarders.includes(caller.from.user)),
    changes,
  )
  if (hostHeader !== undefined) out[1] = hostHeader
  // Of gRPC; it speaks of one connection alone, but asks for nothing that is not passed on here.
  if (targets[0]?.isHttp2 && onlyValue(request.headers, 'te') === 'trailers') out.push('te', 'trailers')
  let taken: HttpTarget | undefined
  return {
    targets,
    path: stripPrefix === undefined ? place.target : withoutPrefix(place.target, stripPrefix),
    headers: out,
    responseHeaders: {
      set: {},
      remove: NOTHING,
      // Asked for when the answer comes: only then is it known whose it is.
      get append() {
        const cookie = taken && route.cookieFor(taken, values)
        return cookie === undefined ? {} : { 'set-cookie': cookie }
      },
    },
    terms: {
      timeouts: {
        connect: timeouts.connectMs,
        firstByte: timeouts.firstByteMs,
        idle: timeouts.idleMs,
        total: timeouts.totalMs,
      },
      retries: setting.retries,
      maxBody: setting.maxBodyBytes,
    },
    route: route.name,
    onTry(target, step, error) {
      if (step === 'begun') taken = target
      route.noteTry(target, step, error)
    },
  }
}

/** Members of a group that is empty or gone are nobody. */
function mayCome({ from, groups }: HttpCaller, allow: LiveHttpRoute['setting']['allow']): boolean {
  if (allow === undefined) return true
  return allow.users.includes(from.user) || groups.some(group => allow.groups.includes(group))
}

/** @returns names and values in turn */
function withoutMeshHeaders(headers: readonly string[]): readonly string[] {
  const kept: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (!/^ztm[-_]/i.test(name)) kept.push(name, headers[i + 1] ?? '')
  }
  return kept
}

/** Who asks has no address here; a gateway knows one. */
function originOf({ headers, httpVersion }: RequestHead, { authority }: RequestPlace, isBelieved: boolean) {
  const told = isBelieved ? onlyValue(headers, 'x-forwarded-for') : undefined
  const chain = (told ?? '').split(',').flatMap(one => (ADDRESS.test(one.trim()) ? [one.trim()] : []))
  const isHttps = isBelieved && onlyValue(headers, 'x-forwarded-proto') === 'https'
  return {
    chain: chain.slice(-MAX_CHAIN),
    protocol: isHttps ? ('https' as const) : ('http' as const),
    host: authority,
    httpVersion,
  }
}

/** The value of a header that comes once. */
function onlyValue(headers: readonly string[], name: string): string | undefined {
  const found: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (headers[i]?.toLowerCase() === name) found.push(headers[i + 1] ?? '')
  return found.length === 1 ? found[0] : undefined
}

const NOTHING: ReadonlySet<string> = new Set()
const ADDRESS = /^[0-9a-fA-F.:]{2,45}$/
const MAX_CHAIN = 16
