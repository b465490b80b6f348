import { z } from 'zod'
import { defineRoute } from '../../core/api/route.ts'
import { accessShape, endpointIdShape, nameShape, userShape } from '../../core/api/shapes.ts'
import {
  httpRouteStateShape,
  httpSettingShape,
  identityKeysShape,
  requestLineShape,
} from './http-messages.ts'

// A host name (of any script) or an IP address, with a zone or `*`; an empty one would mean every address to Node.
const hostShape = z.string().regex(/^[\p{L}\p{M}\p{N}._:%*-]+$/u, 'not a host name or IP address')

/** A port and the address it is bound at; IPv6 without brackets. `*` and `::` take both families. */
export const listenShape = z.strictObject({
  ip: hostShape.max(64).default('127.0.0.1'),
  /** 0 chooses a free port. */
  port: z.number().int().min(0).max(65_535),
})

/** Where an outbound connects to. */
export const targetShape = z.union([
  z.strictObject({
    host: hostShape.max(253).default('127.0.0.1'),
    port: z.number().int().min(1).max(65_535),
  }),
  z.strictObject({
    unix: z
      .string()
      .max(107)
      .regex(/^\/[^\p{Cc}]*$/u, 'not an absolute path'),
  }),
])

/** What is set of an inbound: the end that listens. */
export const inboundSettingShape = z.strictObject({
  listens: z.array(listenShape).min(1).max(1_000),
  /** Endpoints to leave by; any that hosts the service if empty. */
  exits: z.array(endpointIdShape).max(100).default([]),
})

/** What is set of an outbound: the end that connects to targets. */
export const outboundSettingShape = z
  .strictObject({
    targets: z.array(targetShape).max(1_000).default([]),
    /** Speak HTTP, and send each request where its route leads; there are no other targets then. */
    http: httpSettingShape.optional(),
    /** Endpoints that may enter, users and groups that may, and whether policies let others in: see `Access`. */
    entrances: accessShape.shape.entrances,
    users: accessShape.shape.users,
    groups: accessShape.shape.groups,
    policies: accessShape.shape.policies,
    /** How connections are spread over the targets. */
    balance: z.enum(['round-robin', 'least-connections']).default('round-robin'),
    /** The targets are a range of ports: a listen of an equally long range goes to the target of its own index. */
    isRange: z.boolean().default(false),
    /** Try targets that nobody uses by connecting now and then; off for targets that serve one connection only. */
    isProbed: z.boolean().default(true),
  })
  .refine(({ targets, http }) => (http === undefined) === targets.length > 0, {
    message: 'give targets, or routes of HTTP',
    path: ['targets'],
  })
/** What is set of an inbound. */
export type InboundSetting = z.output<typeof inboundSettingShape>
/** What is set of an outbound. */
export type OutboundSetting = z.output<typeof outboundSettingShape>

const protocolShape = z.enum(['tcp', 'udp'])
const endpointRef = z.object({ id: endpointIdShape, name: nameShape })

// Since the agent started. For UDP a connection is a flow: what one client address sends and gets.
const trafficFields = {
  connectionCount: z.number(),
  totalCount: z.number(),
  failedCount: z.number(),
  /** Bytes this end sent into the mesh, and received from it. */
  sentBytes: z.number(),
  receivedBytes: z.number(),
  /** Datagrams lost to a full queue or a limit; 0 for TCP. */
  droppedCount: z.number(),
  lastError: z.string().optional(),
}

/** An inbound as it is. */
export const inboundShape = z.object({
  protocol: protocolShape,
  name: nameShape,
  listens: z.array(
    listenShape.extend({ isOpen: z.boolean(), error: z.string().optional(), connectionCount: z.number() }),
  ),
  exits: z.array(endpointIdShape),
  /** It listens nowhere until it is resumed. */
  isPaused: z.boolean().optional(),
  /** Whose service it was when it was first dialled; another's is refused. */
  owner: userShape.optional(),
  ...trafficFields,
})
/** An inbound as it is. */
export type InboundInfo = z.output<typeof inboundShape>

/** An outbound as it is. */
export const outboundShape = z.object({
  protocol: protocolShape,
  name: nameShape,
  targets: z.array(
    z.object({
      target: targetShape,
      health: z.enum(['up', 'down', 'unknown']),
      connectionCount: z.number(),
      lastError: z.string().optional(),
    }),
  ),
  entrances: z.array(endpointIdShape),
  users: outboundSettingShape.shape.users,
  groups: outboundSettingShape.shape.groups,
  policies: outboundSettingShape.shape.policies,
  balance: outboundSettingShape.shape.balance,
  isRange: z.boolean(),
  isProbed: z.boolean(),
  /** How its routes are, and how they were set. */
  http: z
    .object({ setting: httpSettingShape, routes: z.array(httpRouteStateShape), requestCount: z.number() })
    .optional(),
  /** The service is not hosted here until it is resumed. */
  isPaused: z.boolean().optional(),
  /** Of all targets together. */
  health: z.enum(['up', 'partly', 'down', 'unknown']),
  /** Why the service is not hosted, if it is not: another user owns the name, say. */
  error: z.string().optional(),
  ...trafficFields,
})
/** An outbound as it is. */
export type OutboundInfo = z.output<typeof outboundShape>

/** A TCP port that programs listen at on the computer of an endpoint. */
export const openPortShape = z.object({
  /** The address it is bound at; `0.0.0.0` and `::` are every address. */
  ip: z.string().max(64),
  port: z.number().int().min(1).max(65_535),
  /** The program, where the system lets the agent see it. */
  process: z.string().max(256).optional(),
})

/** A tunnel: all its ends that the caller can see. */
export const tunnelShape = z.object({
  protocol: protocolShape,
  name: nameShape,
  owner: userShape.optional(),
  inbound: z.array(endpointRef),
  outbound: z.array(
    endpointRef.extend({ isOnline: z.boolean(), health: z.enum(['up', 'partly', 'down', 'unknown']) }),
  ),
})
/** A tunnel: all its ends that the caller can see. */
export type TunnelInfo = z.output<typeof tunnelShape>

const endpointParams = z.object({ endpoint: z.string().min(1).max(64) })
const endParams = endpointParams.extend({ protocol: protocolShape, name: nameShape })
const pauseShape = z.strictObject({ isPaused: z.boolean() })
const tunnelParams = z.object({ protocol: protocolShape, name: nameShape })

/**
 * The tunnel app's API, below `/api/meshes/{mesh}/apps/ztm/tunnel`. `{endpoint}` is an id or a name; for another
 * endpoint of the same user the call is passed on to it.
 */
export const TUNNEL_API = {
  listTunnels: defineRoute({
    method: 'GET',
    path: '/api/tunnels',
    summary: 'List tunnels with the ends that can be seen',
    response: z.object({ tunnels: z.array(tunnelShape) }),
  }),
  showTunnel: defineRoute({
    method: 'GET',
    path: '/api/tunnels/{protocol}/{name}',
    summary: 'Show one tunnel',
    params: tunnelParams,
    response: tunnelShape,
    errors: ['not-found'],
  }),
  listInbounds: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/inbound',
    summary: 'List the inbounds of an endpoint',
    params: endpointParams,
    response: z.object({ inbounds: z.array(inboundShape) }),
    errors: ['not-found', 'denied', 'offline'],
  }),
  showInbound: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/inbound/{protocol}/{name}',
    summary: 'Show one inbound',
    params: endParams,
    response: inboundShape,
    errors: ['not-found', 'denied', 'offline'],
  }),
  openInbound: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/inbound/{protocol}/{name}',
    summary: 'Open an inbound, or change it',
    params: endParams,
    body: inboundSettingShape,
    response: inboundShape,
    errors: ['denied', 'offline', 'port-in-use', 'not-permitted'],
  }),
  closeInbound: defineRoute({
    method: 'DELETE',
    path: '/api/endpoints/{endpoint}/inbound/{protocol}/{name}',
    summary: 'Close an inbound and its connections',
    params: endParams,
    errors: ['not-found', 'denied', 'offline'],
  }),
  pauseInbound: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/inbound/{protocol}/{name}/pause',
    summary: 'Pause an inbound, which ends its connections, or resume it',
    params: endParams,
    body: pauseShape,
    response: inboundShape,
    errors: ['not-found', 'denied', 'offline'],
  }),
  listOutbounds: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/outbound',
    summary: 'List the outbounds of an endpoint',
    params: endpointParams,
    response: z.object({ outbounds: z.array(outboundShape) }),
    errors: ['not-found', 'denied', 'offline'],
  }),
  showOutbound: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/outbound/{protocol}/{name}',
    summary: 'Show one outbound',
    params: endParams,
    response: outboundShape,
    errors: ['not-found', 'denied', 'offline'],
  }),
  openOutbound: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/outbound/{protocol}/{name}',
    summary: 'Open an outbound, or change it',
    params: endParams,
    body: outboundSettingShape,
    response: outboundShape,
    errors: ['denied', 'offline', 'name-taken'],
  }),
  pauseOutbound: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/outbound/{protocol}/{name}/pause',
    summary: 'Pause an outbound, which ends its connections, or resume it',
    params: endParams,
    body: pauseShape,
    response: outboundShape,
    errors: ['not-found', 'denied', 'offline'],
  }),
  listOpenPorts: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/ports',
    summary: 'List the TCP ports that programs listen at on the computer of an endpoint',
    params: endpointParams,
    response: z.object({ ports: z.array(openPortShape).max(1_000) }),
    errors: ['not-found', 'denied', 'offline', 'unsupported'],
  }),
  listRequests: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/outbound/{protocol}/{name}/requests',
    summary: 'List the last requests to an outbound that speaks HTTP',
    params: endParams,
    query: z.object({
      /** Only those behind this number. */
      after: z.coerce.number().int().min(0).default(0),
    }),
    response: z.object({ requests: z.array(requestLineShape), lostCount: z.number() }),
    errors: ['not-found', 'denied', 'offline'],
  }),
  showIdentityKeys: defineRoute({
    method: 'GET',
    path: '/api/endpoints/{endpoint}/identity-keys',
    summary: "Show the keys that callers' identities are signed with",
    params: endpointParams,
    response: identityKeysShape,
    errors: ['not-found', 'denied', 'offline'],
  }),
  changeIdentityKeys: defineRoute({
    method: 'POST',
    path: '/api/endpoints/{endpoint}/identity-keys',
    summary: "Change where the keys of callers' identities can be fetched, or sign with a new one",
    params: endpointParams,
    body: z.strictObject({
      /** `null` for nowhere. */
      listen: listenShape.nullable().optional(),
      /** Tokens of the old key stay good for an hour. */
      rotate: z.literal(true).optional(),
    }),
    response: identityKeysShape,
    errors: ['not-found', 'denied', 'offline', 'port-in-use', 'not-permitted'],
  }),
  closeOutbound: defineRoute({
    method: 'DELETE',
    path: '/api/endpoints/{endpoint}/outbound/{protocol}/{name}',
    summary: 'Close an outbound and its connections',
    params: endParams,
    errors: ['not-found', 'denied', 'offline'],
  }),
} as const
