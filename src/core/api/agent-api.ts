import { z } from 'zod'
import { PATH_KINDS } from '../path/path-kind.ts'
import { AGENT_BILLING_ROUTES } from './billing-api.ts'
import { labelsShape } from './hub-api.ts'
import { AGENT_HUBS_ROUTES } from './hubs-api.ts'
import { AGENT_INSTALLED_ROUTES, appListShape } from './installed-api.ts'
import { meshShape } from './mesh-shape.ts'
import { AGENT_NETWORK_ROUTES, ENDPOINT_FILTER } from './network-api.ts'
import { AGENT_OWN_HUB_ROUTES } from './own-hub-api.ts'
import { AGENT_PEOPLE_ROUTES } from './people-api.ts'
import { defineRoute } from './route.ts'
import {
  endpointIdShape,
  endpointShape,
  evictionShape,
  invitationShape,
  logLinesShape,
  msShape,
  nameShape,
  pemShape,
  serviceNameShape,
  serviceShape,
  userShape,
} from './shapes.ts'
import { AGENT_TRANSFER_ROUTES } from './transfers-api.ts'

/** One way to a peer, tried or in use. */
export const pathShape = z.object({
  endpoint: endpointIdShape,
  name: nameShape.optional(),
  path: z.enum(PATH_KINDS),
  state: z.enum(['open', 'opening', 'failed']),
  sinceMs: msShape,
  /** Streams open now, ours and theirs. */
  streamCount: z.number(),
  roundTripMs: z.number().optional(),
  /** Bytes carried since it opened, as TLS counts them. */
  sentBytes: z.number().optional(),
  receivedBytes: z.number().optional(),
  /** Why it failed. */
  error: z.string().optional(),
})

/** The port for peers at the router in front of this computer. */
const portMappingShape = z.object({
  state: z.enum(['opening', 'open', 'failed']),
  /** `IP:port` outside, of each that is open. */
  tcp: z.string().optional(),
  udp: z.string().optional(),
  /** Why it failed, or is of little use. */
  error: z.string().optional(),
})
/** The port for peers at the router in front of this computer. */
export type PortMappingInfo = z.output<typeof portMappingShape>

const meshParams = z.object({ mesh: nameShape })
const endpointParams = meshParams.extend({ endpoint: z.string().min(1).max(64) })
const logQuery = z.object({
  sinceMs: z.coerce.number().optional(),
  level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
})

/**
 * The agent's local API: everything the command line does. Served on the unix socket of the state folder, and on
 * 127.0.0.1:7777 behind a login. `{mesh}` is the local name; `{endpoint}` an id or a name.
 */
export const AGENT_API = {
  ...AGENT_BILLING_ROUTES,
  ...AGENT_HUBS_ROUTES,
  ...AGENT_INSTALLED_ROUTES,
  ...AGENT_OWN_HUB_ROUTES,
  ...AGENT_PEOPLE_ROUTES,
  ...AGENT_NETWORK_ROUTES,
  ...AGENT_TRANSFER_ROUTES,
  showVersion: defineRoute({
    method: 'GET',
    path: '/api/version',
    summary: 'Show versions',
    response: z.object({ version: z.string(), node: z.string(), platform: z.string() }),
  }),
  showStatus: defineRoute({
    method: 'GET',
    path: '/api/status',
    summary: 'Show what runs, since when, and how it is',
    response: z.object({
      version: z.string(),
      pid: z.number(),
      startedAtMs: msShape,
      dataFolder: z.string(),
      /** What the computer is called, as a name for it in a mesh; absent where that is none. */
      computerName: nameShape.optional(),
      listen: z.string().optional(),
      meshes: z.array(meshShape),
      paths: z.array(pathShape),
      /** Absent unless it was asked for. */
      portMapping: portMappingShape.optional(),
      memoryBytes: z.number(),
    }),
  }),
  stop: defineRoute({ method: 'POST', path: '/api/stop', summary: 'Stop the agent' }),
  showIdentity: defineRoute({
    method: 'GET',
    path: '/api/identity',
    summary: 'Show the public key of this device, for an invitation bound to it',
    response: z.object({ publicKey: pemShape, fingerprint: z.string() }),
  }),
  makeLoginCode: defineRoute({
    method: 'POST',
    path: '/api/login-codes',
    summary: 'Make a one-time code that logs a browser in (unix socket only)',
    response: z.object({ url: z.string(), token: z.string() }),
  }),
  showLog: defineRoute({
    method: 'GET',
    path: '/api/log',
    summary: 'The last lines of this agent log',
    query: logQuery.extend({ app: z.string().max(64).optional(), mesh: nameShape.optional() }),
    response: logLinesShape,
  }),
  listMeshes: defineRoute({
    method: 'GET',
    path: '/api/meshes',
    summary: 'List the meshes this agent has joined',
    response: z.object({ meshes: z.array(meshShape) }),
  }),
  showMesh: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}',
    summary: 'Show a mesh',
    params: meshParams,
    response: meshShape.extend({
      ca: pemShape,
      certificate: pemShape,
      /** This endpoint's, who signed it, and the root of the mesh. */
      certificates: z
        .array(
          z.object({
            of: z.enum(['endpoint', 'authority', 'root']),
            subject: z.string(),
            /** SHA-256, hex with colons. */
            fingerprint: z.string(),
            issuedAtMs: msShape,
            expiresAtMs: msShape,
          }),
        )
        .max(8),
    }),
    errors: ['not-joined'],
  }),
  joinMesh: defineRoute({
    method: 'POST',
    path: '/api/meshes/{mesh}',
    summary: 'Join a mesh with a permit, under a name of your choice',
    params: meshParams,
    body: z.strictObject({
      /** Text of a permit file, or a `ztm://` link. */
      permit: z.string().max(65_536),
      endpoint: nameShape,
      /** Take the name over from another endpoint of the same user. */
      isReplacing: z.boolean().default(false),
    }),
    response: meshShape,
    errors: [
      'bad-permit',
      'permit-used',
      'permit-expired',
      'permit-bound',
      'name-taken',
      'conflict',
      'unreachable',
      'not-trusted',
      'clock-skew',
      'evicted',
      'timed-out',
    ],
  }),
  changeMesh: defineRoute({
    method: 'PATCH',
    path: '/api/meshes/{mesh}',
    summary: 'Go online or offline in a mesh',
    params: meshParams,
    body: z.strictObject({ isEnabled: z.boolean() }),
    response: meshShape,
    errors: ['not-joined'],
  }),
  leaveMesh: defineRoute({
    method: 'DELETE',
    path: '/api/meshes/{mesh}',
    summary: 'Leave a mesh: its tunnels close, its certificate is thrown away, the endpoint is removed',
    params: meshParams,
    errors: ['not-joined'],
  }),
  invite: defineRoute({
    method: 'POST',
    path: '/api/meshes/{mesh}/permits/{user}',
    summary: 'Make a one-time permit for a user (administrators)',
    params: meshParams.extend({ user: userShape }),
    body: z.strictObject({
      identity: pemShape.optional(),
      labels: z.array(nameShape).max(32).default([]),
      validMs: msShape.optional(),
    }),
    response: z.object({ permit: z.string(), link: z.string(), invitation: invitationShape }),
    errors: ['not-joined', 'denied', 'offline'],
  }),
  listInvitations: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/invitations',
    summary: 'List invitations (administrators)',
    params: meshParams,
    response: z.object({ invitations: z.array(invitationShape) }),
    errors: ['not-joined', 'denied', 'offline'],
  }),
  revokeInvitation: defineRoute({
    method: 'DELETE',
    path: '/api/meshes/{mesh}/invitations/{invitation}',
    summary: 'Take an invitation back (administrators)',
    params: meshParams.extend({ invitation: z.string().max(64) }),
    errors: ['not-joined', 'denied', 'not-found', 'offline'],
  }),
  evict: defineRoute({
    method: 'POST',
    path: '/api/meshes/{mesh}/evictions',
    summary: 'Put a user, or one endpoint, out of the mesh (administrators)',
    params: meshParams,
    body: z.strictObject({
      user: userShape.optional(),
      endpoint: z.string().max(64).optional(),
      reason: z.string().max(256).optional(),
    }),
    response: evictionShape,
    errors: ['not-joined', 'denied', 'not-found', 'offline'],
  }),
  listEvictions: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/evictions',
    summary: 'List evictions',
    params: meshParams,
    response: z.object({ evictions: z.array(evictionShape) }),
    errors: ['not-joined', 'offline'],
  }),
  undoEviction: defineRoute({
    method: 'DELETE',
    path: '/api/meshes/{mesh}/evictions/{eviction}',
    summary: 'Undo an eviction (administrators)',
    params: meshParams.extend({ eviction: z.string().max(64) }),
    errors: ['not-joined', 'denied', 'not-found', 'offline'],
  }),
  hubLog: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/hubs/{hub}/log',
    summary: 'The last lines of a hub log (administrators)',
    params: meshParams.extend({ hub: z.string().max(128) }),
    query: logQuery,
    response: logLinesShape,
    errors: ['not-joined', 'denied', 'offline'],
  }),
  listServices: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/services',
    summary: 'List the services that this endpoint may dial or hosts',
    params: meshParams,
    response: z.object({ services: z.array(serviceShape) }),
    errors: ['not-joined', 'offline'],
  }),
  showService: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/services/{service}',
    summary: 'Show a service',
    params: meshParams.extend({ service: serviceNameShape }),
    response: serviceShape,
    errors: ['not-joined', 'not-found', 'offline'],
  }),
  passEdge: defineRoute({
    method: 'POST',
    path: '/api/meshes/{mesh}/edge',
    summary: 'Pass a request on to the Edge APIs of the mesh, as this endpoint',
    params: meshParams,
    body: z.strictObject({
      method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
      /** With its query, encoded. */
      path: z
        .string()
        .max(20_000)
        .regex(/^\/edge\/[!-~]*$/, 'not a path of the Edge APIs'),
      body: z.json().optional(),
    }),
    /** What the controller answered, whatever its status. */
    response: z.object({ status: z.int(), body: z.json().optional() }),
    errors: ['not-joined', 'offline', 'timed-out'],
  }),
  listEndpoints: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/endpoints',
    summary: 'List endpoints',
    params: meshParams,
    query: z.object({
      ...ENDPOINT_FILTER,
      limit: z.coerce.number().int().min(1).max(1_000).default(1_000),
      offset: z.coerce.number().int().min(0).default(0),
    }),
    response: z.object({
      endpoints: z.array(endpointShape.extend({ isLocal: z.boolean() })),
      total: z.number(),
    }),
    errors: ['not-joined', 'offline'],
  }),
  showEndpoint: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/endpoints/{endpoint}',
    summary: 'Show an endpoint and the ways to it',
    params: endpointParams,
    response: endpointShape.extend({ isLocal: z.boolean(), paths: z.array(pathShape) }),
    errors: ['not-joined', 'not-found', 'ambiguous', 'offline'],
  }),
  removeEndpoint: defineRoute({
    method: 'DELETE',
    path: '/api/meshes/{mesh}/endpoints/{endpoint}',
    summary: 'Remove an endpoint from the mesh (its user, or an administrator)',
    params: endpointParams,
    errors: ['not-joined', 'not-found', 'ambiguous', 'denied', 'offline'],
  }),
  labelEndpoint: defineRoute({
    method: 'PUT',
    path: '/api/meshes/{mesh}/endpoints/{endpoint}/labels',
    summary: 'Set the labels of an endpoint (its user, or an administrator)',
    params: endpointParams,
    body: labelsShape,
    response: endpointShape,
    errors: ['not-joined', 'not-found', 'ambiguous', 'denied', 'offline'],
  }),
  endpointLog: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/endpoints/{endpoint}/log',
    summary: 'The last lines of the log of an endpoint one owns',
    params: endpointParams,
    query: logQuery,
    response: logLinesShape,
    errors: ['not-joined', 'not-found', 'ambiguous', 'denied', 'offline'],
  }),
  pingEndpoint: defineRoute({
    method: 'POST',
    path: '/api/meshes/{mesh}/endpoints/{endpoint}/ping',
    summary: 'Send one ping through the mesh, end to end',
    params: endpointParams,
    /** Over this kind of path alone, instead of the best there is. */
    query: z.object({ path: z.enum(PATH_KINDS).optional() }),
    response: z.object({ endpoint: endpointIdShape, path: z.string(), roundTripMs: z.number() }),
    errors: ['not-joined', 'not-found', 'ambiguous', 'denied', 'offline', 'timed-out', 'unreachable'],
  }),
  listApps: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/endpoints/{endpoint}/apps',
    summary: 'List the apps of an endpoint one owns',
    params: endpointParams,
    response: appListShape,
    errors: ['not-joined', 'not-found', 'ambiguous', 'denied', 'offline'],
  }),
} as const

/**
 * Path of the server-sent events. Each has the name of what changed and JSON data: `meshes` all meshes as they are (at once, too),
 * the others `{ mesh }`, `endpoints` also `endpoints`, the ids, where they are few enough to be named.
 */
export const AGENT_EVENTS_PATH = '/api/events'
/** What an event can tell of. */
export const AGENT_TOPICS = [
  'meshes',
  'paths',
  'services',
  'groups',
  'apps',
  'endpoints',
  'controller',
] as const
/** What an event can tell of. */
export type AgentTopic = (typeof AGENT_TOPICS)[number]
/** Path of the OpenAPI document. */
export const OPENAPI_PATH = '/api/openapi.json'
