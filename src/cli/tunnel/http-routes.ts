import { z } from 'zod'
import type { outboundSettingShape } from '../../apps/tunnel/messages.ts'
import { duration, size } from '../../core/gateway/config-words.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import type { Cli } from '../context.ts'
import { readInput } from '../read-input.ts'
import { readYaml } from '../read-yaml.ts'

/** What `open outbound` was told of HTTP. The words beside `route` are for all of them. */
export interface HttpWords {
  readonly route?: readonly string[]
  readonly file?: string
  readonly health?: string
  readonly sticky?: true
  readonly ca?: string
  readonly serverName?: string
  readonly dangerAnyCertificate?: true
  readonly audience?: string
}

type HttpSetting = NonNullable<z.input<typeof outboundSettingShape>['http']>
type HttpRoute = HttpSetting['routes'][number]

/**
 * The routes that were typed, or stand in a file.
 *
 * @returns undefined where there is no word of them
 * @throws MeshError `bad-usage`, `bad-input`, `not-found`
 */
export async function readHttpWords(cli: Cli, words: HttpWords): Promise<HttpSetting | undefined> {
  const { route, file, health, sticky, ca, serverName, dangerAnyCertificate, audience } = words
  const others = Object.entries({ health, sticky, ca, serverName, dangerAnyCertificate, audience })
  const [other] = others.find(([, value]) => value !== undefined) ?? []
  if (route === undefined) {
    if (other !== undefined)
      throw new MeshError('bad-usage', `Cannot use --${dashed(other)}: it is for routes: give --route, too`)
    return file === undefined ? undefined : await readRouteFile(cli, file)
  }
  if (file !== undefined) throw new MeshError('bad-usage', 'Cannot take --route and --file: one of them')
  const tls = {
    ...(ca !== undefined && { caPem: await readInput(cli, ca, 'certificate') }),
    ...(serverName !== undefined && { serverName }),
    ...(dangerAnyCertificate && { dangerAnyCertificate }),
  }
  const more = {
    ...(health !== undefined && { health: { path: health } }),
    ...(sticky && { sticky: {} }),
    ...(Object.keys(tls).length > 0 && { tls }),
    ...(audience !== undefined && { identity: { audience } }),
  }
  return { routes: route.map(word => ({ ...readRoute(word), ...more })) }
}

/** `[HOST][/PATH]=TARGET[,TARGET…]` */
function readRoute(word: string): HttpRoute {
  const [, host = '', path, targets = ''] = /^([^/=]*)(\/[^=]*)?=(.+)$/.exec(word) ?? []
  if (targets === '') {
    throw new MeshError(
      'bad-input',
      `Cannot read route ${quote(word)}: write [HOST][/PATH]=TARGET[,TARGET], like example.com/api/*=http://127.0.0.1:3000`,
    )
  }
  return {
    ...(host !== '' && { host }),
    ...(path !== undefined && { path }),
    targets: targets.split(',').filter(target => target !== ''),
  }
}

const list = <T extends z.ZodType>(one: T) => z.union([z.array(one), one.transform(value => [value])])

/** A route as people write it: times like `5s`, sizes like `10MB`. What values may be, the agent says. */
const routeFileShape = z.strictObject({
  host: z.string().optional(),
  path: z.string().optional(),
  targets: list(z.union([z.string(), z.int().transform(String)])),
  balance: z.enum(['round-robin', 'least-connections']).optional(),
  stripPrefix: z.string().optional(),
  hostHeader: z.string().optional(),
  tls: z
    .strictObject({
      /** A file. */
      ca: z.string().optional(),
      serverName: z.string().optional(),
      dangerAnyCertificate: z.literal(true).optional(),
    })
    .optional(),
  sticky: z
    .union([z.boolean(), z.strictObject({ cookie: z.string().optional(), maxAge: duration.optional() })])
    .optional(),
  health: z
    .union([
      z.string(),
      z.strictObject({
        path: z.string(),
        host: z.string().optional(),
        expect: z.union([z.string(), z.int().transform(String)]).optional(),
        interval: duration.optional(),
        timeout: duration.optional(),
        rise: z.int().optional(),
        fall: z.int().optional(),
      }),
    ])
    .optional(),
  identity: z.union([z.literal(false), z.strictObject({ audience: z.string() })]).optional(),
  allow: z
    .strictObject({ users: list(z.string()).optional(), groups: list(z.string()).optional() })
    .optional(),
  timeouts: z
    .strictObject({
      connect: duration.optional(),
      firstByte: duration.optional(),
      idle: duration.optional(),
      total: duration.optional(),
    })
    .optional(),
  retries: z.int().optional(),
  maxBody: size.optional(),
})

const fileShape = z.strictObject({
  routes: z.array(routeFileShape).min(1),
  forwarders: list(z.string()).optional(),
  log: z.boolean().optional(),
})

async function readRouteFile(cli: Cli, file: string): Promise<HttpSetting> {
  const text = await readInput(cli, file, 'routes', MAX_ROUTE_FILE_BYTES)
  const parsed = fileShape.safeParse(await readYaml(text, file))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const place = (issue?.path ?? []).join('.') || 'it'
    throw new MeshError('bad-input', `Cannot read ${quote(file, 300)}: ${place}: ${issue?.message ?? ''}`)
  }
  const { routes, forwarders, log } = parsed.data
  const setting = {
    routes: await Promise.all(routes.map(route => toApi(cli, route))),
    ...(forwarders && { forwarders }),
    ...(log !== undefined && { isLogged: log }),
  }
  // Names of users and groups, and all else that is only text here, the agent checks.
  return setting as HttpSetting
}

async function toApi(cli: Cli, route: z.output<typeof routeFileShape>) {
  const { tls, sticky, health, timeouts, maxBody, ...rest } = route
  const { ca, ...tlsRest } = tls ?? {}
  const { maxAge, ...stickyRest } = typeof sticky === 'object' ? sticky : {}
  const { interval, timeout, ...healthRest } =
    typeof health === 'string' ? { path: health } : (health ?? { path: '' })
  const seconds = maxAge === undefined ? {} : { maxAgeSeconds: Math.round(maxAge / 1_000) }
  return {
    ...rest,
    ...(tls && {
      tls: { ...tlsRest, ...(ca !== undefined && { caPem: await readInput(cli, ca, 'certificate') }) },
    }),
    ...(sticky && { sticky: { ...stickyRest, ...seconds } }),
    ...(health && {
      health: {
        ...healthRest,
        ...(interval !== undefined && { intervalMs: interval }),
        ...(timeout !== undefined && { timeoutMs: timeout }),
      },
    }),
    ...(timeouts && {
      timeouts: Object.fromEntries(Object.entries(timeouts).map(([name, value]) => [`${name}Ms`, value])),
    }),
    ...(maxBody !== undefined && { maxBodyBytes: Math.min(maxBody, MAX_BODY_BYTES) }),
  }
}

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
}

const MAX_ROUTE_FILE_BYTES = 1_048_576
/** What a limit that is `off` becomes: no body is as long. */
const MAX_BODY_BYTES = 1_099_511_627_776
