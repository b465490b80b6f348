import { z } from 'zod'
import { nameShape, userShape } from '../../core/api/shapes.ts'
import { parseHttpTarget } from '../../core/gateway/http-target.ts'
import { createRouteTable } from '../../core/gateway/route-table.ts'
import { parseStatusSet } from '../../core/gateway/status-set.ts'
import { toMeshError } from '../../core/model/errors.ts'

/** A text that a parser of the core takes; its message is the parser's own. */
function readBy(parse: (text: string) => unknown, maxLength: number) {
  return z
    .string()
    .max(maxLength)
    .superRefine((text, context) => {
      try {
        parse(text)
      } catch (thrown) {
        context.addIssue({ code: 'custom', message: toMeshError(thrown).message })
      }
    })
}

const routeHost = z
  .string()
  .max(253)
  .toLowerCase()
  .regex(
    /^(?:\*|(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*)$/,
    'write a host like example.com, *.example.com or * (other alphabets as xn--…)',
  )
const milliseconds = (least: number) => z.int().min(least).max(86_400_000)

/** How a target is asked whether it is well. */
export const httpHealthShape = z.strictObject({
  path: z
    .string()
    .max(1_024)
    .regex(/^\/[\x21-\x7e]*$/, 'write a path that begins with a slash'),
  /** The host it is asked for; the route's own `hostHeader`, or the target's. */
  host: z
    .string()
    .max(260)
    .regex(/^[\w.:[\]-]+$/)
    .optional(),
  /** Statuses that are well. */
  expect: readBy(parseStatusSet, 200).default('200-399'),
  intervalMs: milliseconds(500).default(10_000),
  timeoutMs: milliseconds(1).max(60_000).default(5_000),
  /** Good answers in a row until one that was down is up; bad ones until one that was up is down. */
  rise: z.int().min(1).max(100).default(2),
  fall: z.int().min(1).max(100).default(3),
})

/** Where requests of one host and path go. */
export const httpRouteShape = z.strictObject({
  /** `example.com`, `*.example.com` or `*`. */
  host: routeHost.default('*'),
  /** `/a/b` exactly, `/users/:id`, or `/v1/*` for `/v1` and all below. */
  path: z.string().max(1_024).default('/*'),
  targets: z.array(readBy(parseHttpTarget, 300)).min(1).max(32),
  balance: z.enum(['round-robin', 'least-connections']).default('round-robin'),
  /** A beginning of the path that targets do not see. */
  stripPrefix: z
    .string()
    .max(1_024)
    .regex(/^\/[^?#\s]*[^/?#\s]$/, 'write a path like /v1, without a slash at its end')
    .optional(),
  /** `Host` for targets instead of the one that was asked for. */
  hostHeader: z
    .string()
    .max(260)
    .regex(/^[\w.:[\]-]+$/, 'write a host')
    .optional(),
  /** How certificates of targets in TLS are checked; by the authorities that everybody believes if absent. */
  tls: z
    .strictObject({
      /** Authorities to believe instead, PEM. */
      caPem: z
        .string()
        .max(65_536)
        .regex(/-----BEGIN CERTIFICATE-----/, 'not a certificate in PEM')
        .optional(),
      serverName: z.string().max(253).optional(),
      dangerAnyCertificate: z.literal(true).optional(),
    })
    .optional(),
  /** Lead who came once to the same target again, by a cookie. */
  sticky: z
    .strictObject({
      cookie: z
        .string()
        .max(64)
        .regex(/^[A-Za-z0-9_-]+$/, 'write a name of letters, digits, - and _')
        .default('ztm-sticky'),
      /** The browser keeps it so long; until it is closed if absent. */
      maxAgeSeconds: z.int().min(1).max(31_536_000).optional(),
    })
    .optional(),
  health: httpHealthShape.optional(),
  /** What the token with the caller's identity is made out for, its claim `aud`; the service's name if absent, `false` for no token. */
  identity: z.union([z.literal(false), z.strictObject({ audience: z.string().min(1).max(256) })]).optional(),
  /** Who may come here, of those who may dial the service: these users, and members of these groups. All if absent, nobody if empty. */
  allow: z
    .strictObject({
      users: z.array(userShape).max(1_000).default([]),
      groups: z.array(nameShape).max(1_000).default([]),
    })
    .optional(),
  timeouts: z
    .strictObject({
      connectMs: milliseconds(1).default(5_000),
      firstByteMs: milliseconds(0).default(60_000),
      idleMs: milliseconds(0).default(120_000),
      totalMs: milliseconds(0).default(0),
    })
    .prefault({}),
  retries: z.int().min(0).max(5).default(1),
  maxBodyBytes: z.int().min(0).max(1_099_511_627_776).default(1_073_741_824),
})
/** Where requests of one host and path go. */
export type HttpRoute = z.output<typeof httpRouteShape>

/** What makes an outbound speak HTTP. */
export const httpSettingShape = z.strictObject({
  routes: z
    .array(httpRouteShape)
    .min(1)
    .max(200)
    .superRefine((routes, context) => {
      try {
        createRouteTable(routes)
      } catch (thrown) {
        const message = toMeshError(thrown).message.replace(/^Cannot use/, 'Cannot take')
        context.addIssue({ code: 'custom', message })
      }
      for (const [index, { path, stripPrefix }] of routes.entries()) {
        if (stripPrefix === undefined || path === stripPrefix || path.startsWith(`${stripPrefix}/`)) continue
        const message = 'the path of the route must begin with it'
        context.addIssue({ code: 'custom', path: [index, 'stripPrefix'], message })
      }
    }),
  /** Users whose endpoints are believed when they tell whom they ask for (`X-Forwarded-For`): those with a gateway. */
  forwarders: z.array(userShape).max(100).default([]),
  /** Write each request into the log of the agent, too. */
  isLogged: z.boolean().default(false),
})
/** What makes an outbound speak HTTP. */
export type HttpSetting = z.output<typeof httpSettingShape>

/** How the targets of a route are. */
export const httpRouteStateShape = z.object({
  host: z.string(),
  path: z.string(),
  targets: z.array(
    z.object({
      target: z.string(),
      health: z.enum(['up', 'down', 'unknown']),
      /** Requests under way. */
      requestCount: z.number(),
      totalCount: z.number(),
      lastError: z.string().optional(),
    }),
  ),
})

/** One request, as it is remembered. */
export const requestLineShape = z.object({
  /** Counts up from 1 while the agent runs. */
  number: z.number(),
  atMs: z.number(),
  user: z.string(),
  endpoint: z.string(),
  method: z.string(),
  host: z.string(),
  path: z.string(),
  protocol: z.string(),
  route: z.string().optional(),
  target: z.string().optional(),
  status: z.number(),
  bytesIn: z.number(),
  bytesOut: z.number(),
  firstByteMs: z.number().optional(),
  durationMs: z.number(),
  tries: z.number(),
  error: z.string().optional(),
})
/** One request, as it is remembered. */
export type RequestLine = z.output<typeof requestLineShape>

/** The keys that callers' identities are signed with. */
export const identityKeysShape = z.object({
  /** Claim `iss` of the tokens. */
  issuer: z.string(),
  /** The header they come in. */
  header: z.string(),
  /** A JWK set (RFC 7517) of public keys, the present one first. */
  jwks: z.object({ keys: z.array(z.record(z.string(), z.string())) }),
  /** Where targets can fetch it; nowhere if absent. */
  listen: z
    .object({ ip: z.string(), port: z.number(), isOpen: z.boolean(), error: z.string().optional() })
    .optional(),
})
/** The keys that callers' identities are signed with. */
export type IdentityKeys = z.output<typeof identityKeysShape>
