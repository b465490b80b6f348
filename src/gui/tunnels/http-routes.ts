import { type OutboundSetting, outboundSettingShape } from '../../apps/tunnel/messages.ts'

type HttpSetting = NonNullable<OutboundSetting['http']>
type HttpRoute = HttpSetting['routes'][number]

const httpRouteShape = outboundSettingShape.shape.http.unwrap().shape.routes.element

/** A route of an outbound that speaks HTTP, as it stands in a form. */
export interface RouteDraft {
  /** For the form alone: another for each. */
  readonly key: number
  readonly host: string
  readonly path: string
  readonly targets: readonly string[]
  readonly balance: HttpRoute['balance']
  readonly stripPrefix: string
  readonly hostHeader: string
  /** The path that targets are asked for; empty for never. */
  readonly health: string
  readonly isSticky: boolean
  readonly caPem: string
  readonly serverName: string
  readonly takesAnyCertificate: boolean
  /** Whether targets are told who calls. */
  readonly tellsCaller: boolean
  /** For whom that is made out; the service if empty. */
  readonly audience: string
  /** All that was set and has no field: it stays. */
  readonly before?: HttpRoute
}

/** A route nobody has filled in. */
export function emptyRoute(key: number): RouteDraft {
  return {
    ...{ key, host: '', path: '', targets: [], balance: 'round-robin', stripPrefix: '', hostHeader: '' },
    ...{ health: '', isSticky: false, caPem: '', serverName: '', takesAnyCertificate: false },
    ...{ tellsCaller: true, audience: '' },
  }
}

/** The routes of an outbound, to be changed in a form. */
export function draftsOf({ routes }: HttpSetting): RouteDraft[] {
  return routes.map((route, key) => ({
    key,
    host: route.host === '*' ? '' : route.host,
    path: route.path === '/*' ? '' : route.path,
    targets: route.targets,
    balance: route.balance,
    stripPrefix: route.stripPrefix ?? '',
    hostHeader: route.hostHeader ?? '',
    health: route.health?.path ?? '',
    isSticky: route.sticky !== undefined,
    caPem: route.tls?.caPem ?? '',
    serverName: route.tls?.serverName ?? '',
    takesAnyCertificate: route.tls?.dangerAnyCertificate === true,
    tellsCaller: route.identity !== false,
    audience: route.identity ? route.identity.audience : '',
    before: route,
  }))
}

/** What a form says, as the tunnel app takes it. What values may be it says. */
export function settingOf(
  drafts: readonly RouteDraft[],
  before?: HttpSetting,
): { routes: object[]; forwarders?: HttpSetting['forwarders']; isLogged?: boolean } {
  const { forwarders, isLogged } = before ?? {}
  return {
    routes: drafts.map(routeOf),
    ...(forwarders && { forwarders }),
    ...(isLogged !== undefined && { isLogged }),
  }
}

function routeOf(draft: RouteDraft): object {
  const { balance, timeouts, retries, maxBodyBytes, allow, sticky, health } = draft.before ?? {}
  const tls = {
    ...(draft.caPem.trim() !== '' && { caPem: draft.caPem }),
    ...(draft.serverName !== '' && { serverName: draft.serverName }),
    ...(draft.takesAnyCertificate && { dangerAnyCertificate: true }),
  }
  const kept = { balance, timeouts, retries, maxBodyBytes, allow }
  return {
    ...Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined)),
    ...(draft.host !== '' && { host: draft.host }),
    ...(draft.path !== '' && { path: draft.path }),
    targets: draft.targets,
    balance: draft.balance,
    ...(draft.stripPrefix !== '' && { stripPrefix: draft.stripPrefix }),
    ...(draft.hostHeader !== '' && { hostHeader: draft.hostHeader }),
    ...(Object.keys(tls).length > 0 && { tls }),
    ...(draft.isSticky && { sticky: sticky ?? {} }),
    ...(draft.health !== '' && { health: { ...health, path: draft.health } }),
    ...(draft.tellsCaller
      ? draft.audience !== '' && { identity: { audience: draft.audience } }
      : { identity: false }),
  }
}

/** The words of the command line that set routes, and the file that they need, if any. */
export interface RouteWords {
  readonly words: readonly string[]
  /** `routes.yaml`: JSON, which is YAML. */
  readonly file?: string
}

/**
 * Say routes as the command line has them: in words, where one word after another can say it, else in a file.
 *
 * @param setting  as of `settingOf`
 */
export function routeWords(setting: ReturnType<typeof settingOf>): RouteWords {
  const routes = setting.routes.map(route => httpRouteShape.safeParse(route))
  const good = routes.flatMap(({ data }) => (data === undefined ? [] : [data]))
  if (good.length < routes.length || good.length === 0) return { words: ['--route', 'HOST/PATH=TARGET'] }
  const more = good.map(moreWords)
  const [first] = more
  const isPlain = setting.isLogged !== true && (setting.forwarders ?? []).length === 0
  const isAlike = more.every(words => words !== undefined && words.join('\0') === first?.join('\0'))
  if (isPlain && isAlike && first !== undefined) return { words: ['--route', ...good.map(wordOf), ...first] }
  const { forwarders, isLogged } = setting
  const file = {
    routes: good.map(fileRoute),
    ...(forwarders && forwarders.length > 0 && { forwarders }),
    ...(isLogged && { log: true }),
  }
  return { words: ['-f', 'routes.yaml'], file: JSON.stringify(file, undefined, 2) }
}

function wordOf({ host, path, targets }: HttpRoute): string {
  const place = `${host === '*' ? '' : host}${path === '/*' && host !== '*' ? '' : path}`
  return `${place}=${targets.join(',')}`
}

/** The words for all that a route has beside host, path and targets; undefined where there are none for it. */
function moreWords(route: HttpRoute): string[] | undefined {
  const { host, path, targets, health, sticky, tls, identity, ...rest } = route
  const usual = httpRouteShape.parse({
    host,
    path,
    targets,
    ...(health && { health: { path: health.path } }),
  })
  const { health: usualHealth, host: _h, path: _p, targets: _t, ...usualRest } = usual
  const isUsual =
    JSON.stringify(rest, Object.keys(rest).sort()) ===
      JSON.stringify(usualRest, Object.keys(usualRest).sort()) &&
    JSON.stringify(rest.timeouts) === JSON.stringify(usualRest.timeouts) &&
    JSON.stringify(health) === JSON.stringify(usualHealth) &&
    (sticky === undefined || (sticky.cookie === 'ztm-sticky' && sticky.maxAgeSeconds === undefined)) &&
    identity !== false
  if (!isUsual) return undefined
  return [
    ...(health === undefined ? [] : ['--health', health.path]),
    ...(sticky === undefined ? [] : ['--sticky']),
    ...(identity === undefined ? [] : ['--audience', identity.audience]),
    ...(tls?.caPem === undefined ? [] : ['--ca', 'ca.pem']),
    ...(tls?.serverName === undefined ? [] : ['--server-name', tls.serverName]),
    ...(tls?.dangerAnyCertificate ? ['--danger-any-certificate'] : []),
  ]
}

function fileRoute(route: HttpRoute): object {
  const { tls, sticky, health, timeouts, maxBodyBytes, ...rest } = route
  const { caPem, ...tlsRest } = tls ?? {}
  const { maxAgeSeconds, ...stickyRest } = sticky ?? {}
  const { intervalMs, timeoutMs, ...healthRest } = health ?? {}
  return {
    ...rest,
    ...(tls && { tls: { ...tlsRest, ...(caPem !== undefined && { ca: 'ca.pem' }) } }),
    ...(sticky && {
      sticky: { ...stickyRest, ...(maxAgeSeconds !== undefined && { maxAge: `${maxAgeSeconds}s` }) },
    }),
    ...(health && { health: { ...healthRest, interval: `${intervalMs}ms`, timeout: `${timeoutMs}ms` } }),
    timeouts: Object.fromEntries(
      Object.entries(timeouts).map(([name, value]) => [
        name.replace(/Ms$/, ''),
        value === 0 ? 'off' : `${value}ms`,
      ]),
    ),
    maxBody: maxBodyBytes,
  }
}
