import { z } from 'zod'
import { type Address, parseAddress } from '../model/address.ts'
import { toMeshError } from '../model/errors.ts'
import { parseServiceName, type ServiceName } from '../model/names.ts'
import { duration, size } from './config-words.ts'
import { createRouteTable } from './route-table.ts'
import { zapStructShape } from './zap-schema.ts'

const address = z.string().transform((text, context): Address => {
  try {
    return parseAddress(text, '*')
  } catch (thrown) {
    context.addIssue(toMeshError(thrown).message)
    return z.NEVER
  }
})

function serviceOf(protocol: 'tcp' | 'udp') {
  return z.string().transform((text, context): ServiceName => {
    try {
      const service = parseServiceName(/^(tcp|udp)\//.test(text) ? text : `${protocol}/${text}`)
      if (service.startsWith(`${protocol}/`)) return service
      context.addIssue(`a service of ${protocol} is needed here`)
    } catch (thrown) {
      context.addIssue(toMeshError(thrown).message)
    }
    return z.NEVER
  })
}

const host = z
  .string()
  .toLowerCase()
  .regex(
    /^(?:\*|(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*)$/,
    'write a host like example.com, *.example.com or * (other alphabets as xn--…)',
  )

const certificateHost = host.refine(
  name => name !== '*' && !name.startsWith('*.'),
  'write one host, no wildcard',
)
const headerName = z
  .string()
  .toLowerCase()
  .regex(/^[a-z0-9!#$%&'*+.^_`|~-]+$/, 'write the name of a header')
const headerValue = z
  .string()
  .max(8_192)
  .regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'it has a control character')

const headerChanges = z
  .strictObject({
    set: z.record(headerName, headerValue).default({}),
    remove: z.array(headerName).default([]),
  })
  .transform(({ set, remove }) => ({ set, remove: new Set<string>(remove) }))

const timeouts = z.strictObject({
  /** To open a stream to the service. */
  connect: duration.default(10_000),
  /** From the whole request sent to the head of the answer. */
  firstByte: duration.default(60_000),
  /** Without a byte in either direction. */
  idle: duration.default(120_000),
  /** All of it. */
  total: duration.default(0),
})

const httpsUrl = z.url({ protocol: /^https?$/, error: 'write a URL that begins with https://' })

const jwtAuth = z.strictObject({
  jwks: httpsUrl,
  issuer: z.string().min(1),
  audience: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  algorithms: z.array(z.enum(JWT_ALGORITHMS())).min(1).default(['RS256', 'ES256', 'PS256', 'EdDSA']),
  /** Header of the request to the service: claim that it gets. What a client sends under these names is removed. */
  forwardClaims: z.record(headerName, z.string().min(1)).default({}),
  /** Words that the claim `scope` must have, all of them. */
  scopes: z.array(z.string().min(1)).default([]),
  /** Hand the token on to the service. */
  keepToken: z.boolean().default(false),
})

const cors = z.strictObject({
  origins: z.array(z.union([z.literal('*'), httpsUrl])).min(1),
  methods: z.array(z.string().regex(/^[A-Z]+$/)).default(['GET', 'HEAD', 'POST']),
  headers: z.array(headerName).default([]),
  expose: z.array(headerName).default([]),
  credentials: z.boolean().default(false),
  maxAge: duration.default(600_000),
})

const route = z.strictObject({
  host: host.default('*'),
  path: z.string().max(1_024).default('/*'),
  service: serviceOf('tcp'),
  methods: z
    .array(z.string().regex(/^[A-Z]+$/))
    .min(1)
    .optional(),
  stripPrefix: z
    .string()
    .regex(/^\/[^?#\s]*[^/?#\s]$/, 'write a path like /v1, without a slash at its end')
    .optional(),
  auth: z.strictObject({ jwt: jwtAuth }).optional(),
  rateLimit: z
    .strictObject({
      perSecond: z.number().positive().max(1_000_000),
      burst: z.int().min(1).max(1_000_000).optional(),
      by: z.enum(['address', 'subject']).default('address'),
    })
    .transform(limit => ({ ...limit, burst: limit.burst ?? Math.max(1, Math.ceil(limit.perSecond)) }))
    .optional(),
  timeouts: timeouts.prefault({}),
  /** Tries after the first, of requests that may be repeated, as long as nothing was answered. */
  retries: z.int().min(0).max(5).default(1),
  maxBody: size.default(104_857_600),
  requestHeaders: headerChanges.prefault({}),
  responseHeaders: headerChanges.prefault({}),
  cors: cors.optional(),
  /** Requests become calls of this method; see docs/gateway.md, "ZAP". */
  zap: z
    .strictObject({
      method: z.string().min(1).max(256),
      /** `json`: params and results are JSON. `zap`: structs of schema/zap.capnp, as JSON. */
      schema: z.enum(['json', 'zap']).default('json'),
      /** Results of a stream: one event, or one line, each. */
      stream: z.enum(['sse', 'ndjson']).optional(),
      /** Cap'n Proto structs of one's own, instead of `schema`. */
      request: zapStructShape.optional(),
      response: zapStructShape.optional(),
    })
    .optional(),
  webSocket: z.boolean().default(true),
})

const listener = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('http'),
    listen: address,
    /** Answer with a redirection to https; ACME's questions are answered all the same. */
    redirectToHttps: z.boolean().default(false),
  }),
  z.strictObject({
    kind: z.literal('https'),
    listen: address,
    minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2'),
    /** Connections for these names go to a service unopened. */
    passthrough: z.record(host, serviceOf('tcp')).default({}),
  }),
  z.strictObject({
    kind: z.literal('tls-passthrough'),
    listen: address,
    names: z.record(host, serviceOf('tcp')),
  }),
  z.strictObject({
    kind: z.literal('tcp'),
    listen: address,
    service: serviceOf('tcp'),
    maxConnections: z.int().min(1).max(100_000).default(1_000),
  }),
  z.strictObject({ kind: z.literal('udp'), listen: address, service: serviceOf('udp') }),
])

const certificate = z.union([
  z.strictObject({ certificate: z.string().min(1), key: z.string().min(1) }),
  z.strictObject({ acme: z.array(certificateHost).min(1).max(100) }),
])

const acme = z.strictObject({
  directory: httpsUrl.default('https://acme-v02.api.letsencrypt.org/directory'),
  email: z.email().optional(),
  termsOfServiceAgreed: z.literal(true, 'read the terms of the authority, then write true'),
  /** PEM file of the root that the directory's own certificate comes from, for test authorities. */
  caFile: z.string().min(1).optional(),
  challenges: z
    .array(z.enum(['http-01', 'tls-alpn-01']))
    .min(1)
    .default(['tls-alpn-01', 'http-01']),
})

/** The whole of `gateway.yaml`, as it is written; see docs/gateway.md. */
export const gatewayConfigShape = z
  .strictObject({
    mesh: z
      .strictObject({
        /** Permit file; needed the first time. */
        permit: z.string().min(1).optional(),
        /** What this endpoint is called in the mesh. */
        name: z.string().min(1).max(64).default('gateway'),
      })
      .prefault({}),
    /** Instead of a permit: log in at a controller, as programs with the SDK do. */
    controller: z
      .strictObject({
        url: httpsUrl,
        /** File with a certificate and its key, as enrolment gives it. */
        identityFile: z.string().min(1).optional(),
        /** A program and its arguments that prints a JWT. Without either, as docs/sdk.md, "Credentials". */
        tokenCommand: z.string().min(1).optional(),
        /** PEM file of the root of the mesh. */
        ca: z.string().min(1).optional(),
        /** Or the id of the mesh. */
        mesh: z.string().min(1).optional(),
      })
      .optional(),
    listeners: z.array(listener).min(1).max(64),
    certificates: z.array(certificate).max(1_000).default([]),
    acme: acme.optional(),
    routes: z.array(route).max(10_000).default([]),
    /** Proxies in front, whose `X-Forwarded-For` is believed: addresses or `10.0.0.0/8`. */
    trustedProxies: z.array(z.string().min(1)).max(256).default([]),
    /** `stdout`, `off`, or a file. */
    accessLog: z.string().min(1).default('stdout'),
    limits: z
      .strictObject({
        /** Connections at once, of all listeners for HTTP. */
        connections: z.int().min(1).max(1_000_000).default(10_000),
        connectionsPerAddress: z.int().min(1).max(1_000_000).default(512),
        /** For the head of a request, from its first byte or the opening of the connection. */
        head: duration.default(15_000),
        /** Streams to one service that carry requests at once. */
        streamsPerService: z.int().min(1).max(10_000).default(1_024),
      })
      .prefault({}),
    /** How long open requests have when the gateway is told to stop. */
    drain: duration.default(30_000),
  })
  .superRefine((config, context) => {
    const issue = (path: PropertyKey[], message: string) =>
      context.addIssue({ code: 'custom', path, message })
    if (config.controller !== undefined && config.mesh.permit !== undefined)
      issue(['controller'], 'a gateway comes in by a permit or by a controller: write one of them')
    const isAcme = config.certificates.some(one => 'acme' in one)
    if (isAcme && config.acme === undefined)
      issue(['certificates'], 'certificates by ACME need the part acme')
    const isHttps = config.listeners.some(({ kind }) => kind === 'https')
    if (isHttps && config.certificates.length === 0)
      issue(['listeners'], 'a listener for https needs certificates')
    if (isAcme && !isHttps) issue(['certificates'], 'certificates by ACME need a listener for https')
    const isHttp = config.listeners.some(({ kind }) => kind === 'http')
    if (isAcme && !isHttp && !config.acme?.challenges.includes('tls-alpn-01'))
      issue(['acme', 'challenges'], 'http-01 needs a listener for http')
    try {
      createRouteTable(config.routes)
    } catch (thrown) {
      issue(['routes'], toMeshError(thrown).message)
    }
    for (const [i, { cors, rateLimit, auth, stripPrefix, path, zap }] of config.routes.entries()) {
      if (cors?.credentials && cors.origins.includes('*'))
        issue(['routes', i, 'cors'], 'credentials need origins by name, not *')
      if (
        (zap?.request === undefined) !== (zap?.response === undefined) ||
        (zap?.request && zap.schema === 'zap')
      )
        issue(['routes', i, 'zap'], 'write both request and response, without schema, or neither')
      if (rateLimit?.by === 'subject' && auth === undefined)
        issue(['routes', i, 'rateLimit'], 'a limit by subject needs auth')
      if (stripPrefix !== undefined && path !== stripPrefix && !path.startsWith(`${stripPrefix}/`))
        issue(['routes', i, 'stripPrefix'], 'the path of the route must begin with it')
    }
  })

/** A parsed configuration, with defaults filled in; times in ms, sizes in bytes. */
export type GatewayConfig = z.output<typeof gatewayConfigShape>

/** One route of it. */
export type GatewayRoute = GatewayConfig['routes'][number]

/** One listener of it. */
export type GatewayListener = GatewayConfig['listeners'][number]

function JWT_ALGORITHMS() {
  return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA'] as const
}
