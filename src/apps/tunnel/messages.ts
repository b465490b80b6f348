import { z } from 'zod'
import { defineRoute } from '../../core/api/route.ts'
import { accessShape, endpointIdShape, nameShape, userShape } from '../../core/api/shapes.ts'

/** A port and the address it is bound at; IPv6 without brackets. */
export const listenShape = z.strictObject({
  ip: z.string().min(1).max(64).default('127.0.0.1'),
  /** 0 chooses a free port. */
  port: z.number().int().min(0).max(65_535),
})

/** Where an outbound connects to. */
export const targetShape = z.union([
  z.strictObject({
    host: z.string().min(1).max(253).default('127.0.0.1'),
    port: z.number().int().min(1).max(65_535),
  }),
  z.strictObject({ unix: z.string().min(1).max(107) }),
])

/** What is set of an inbound: the end that listens. */
export const inboundSettingShape = z.strictObject({
  listens: z.array(listenShape).min(1).max(1_000),
  /** Endpoints to leave by; any that hosts the service if empty. */
  exits: z.array(endpointIdShape).max(100).default([]),
})

/** What is set of an outbound: the end that connects to targets. */
export const outboundSettingShape = z.strictObject({
  targets: z.array(targetShape).min(1).max(1_000),
  /** Endpoints that may enter, users that may: see `Access`. */
  entrances: accessShape.shape.entrances,
  users: accessShape.shape.users,
  /** How connections are spread over the targets. */
  balance: z.enum(['round-robin', 'least-connections']).default('round-robin'),
})

const protocolShape = z.enum(['tcp', 'udp'])
const endpointRef = z.object({ id: endpointIdShape, name: nameShape })

/** An inbound as it is. */
export const inboundShape = z.object({
  protocol: protocolShape,
  name: nameShape,
  listens: z.array(
    listenShape.extend({ isOpen: z.boolean(), error: z.string().optional(), connectionCount: z.number() }),
  ),
  exits: z.array(endpointIdShape),
  /** Whose service it was when it was first dialled; another's is refused. */
  owner: userShape.optional(),
  /** Since the agent started. */
  totalCount: z.number(),
  failedCount: z.number(),
  lastError: z.string().optional(),
})

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
  balance: outboundSettingShape.shape.balance,
  /** Why the service is not hosted, if it is not: another user owns the name, say. */
  error: z.string().optional(),
  totalCount: z.number(),
  failedCount: z.number(),
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

const endpointParams = z.object({ endpoint: z.string().min(1).max(64) })
const endParams = endpointParams.extend({ protocol: protocolShape, name: nameShape })
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
  closeOutbound: defineRoute({
    method: 'DELETE',
    path: '/api/endpoints/{endpoint}/outbound/{protocol}/{name}',
    summary: 'Close an outbound and its connections',
    params: endParams,
    errors: ['not-found', 'denied', 'offline'],
  }),
} as const
