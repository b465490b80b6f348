import { z } from 'zod'
import { PATH_KINDS } from '../path/path-kind.ts'
import { defineRoute } from './route.ts'
import {
  endpointIdShape,
  errorShape,
  hostingShape,
  msShape,
  nameShape,
  serviceNameShape,
  userShape,
} from './shapes.ts'

/** Which endpoints are meant; all if nothing is said. */
export const ENDPOINT_FILTER = {
  /** Part of a name or label. */
  keyword: z.string().max(64).optional(),
  user: userShape.optional(),
  /** One of its labels; empty for those without any. */
  label: z.union([nameShape, z.literal('')]).optional(),
  state: z.enum(['online', 'offline']).optional(),
  /** Up to 100 ids with commas between; those that are none are passed over. */
  ids: z.string().max(3_700).optional(),
} as const

/** What endpoints are put into groups by, to be counted. */
export const GROUPINGS = ['user', 'label', 'state'] as const
/** What endpoints are put into groups by, to be counted. */
export type Grouping = (typeof GROUPINGS)[number]

const countQuery = z.object({
  ...ENDPOINT_FILTER,
  by: z.enum(GROUPINGS),
  /** Groups that are told, the largest first. */
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
})
const countShape = z.object({
  groups: z.array(
    z.object({
      /** A user, a label or a state; empty for endpoints without a label. */
      name: z.string(),
      count: z.int(),
      onlineCount: z.int(),
    }),
  ),
  /** Groups there are. */
  groupCount: z.int(),
  /** Endpoints there are; one with several labels counts once here, and in each of their groups. */
  total: z.int(),
  onlineCount: z.int(),
})

/** Endpoints that one answer names as changed; of more it says that anything may have. */
export const MAX_CHANGED_ENDPOINTS = 500
const meshParams = z.object({ mesh: nameShape })

const namedEndpointShape = z.object({
  id: endpointIdShape,
  name: nameShape,
  user: userShape,
  isOnline: z.boolean(),
})
/** Whether one end may go to the other, by policy; and whether both are there. */
const reachShape = z.object({
  from: namedEndpointShape,
  /** May it use anything of what was asked for. */
  isAllowed: z.boolean(),
  /** What decided, for a person: `allowed by policy "ops"`. */
  because: z.string(),
  /** The endpoint that was asked for, or those that host the service, as far as whoever asks may know of them. */
  hosts: z
    .array(
      namedEndpointShape.extend({
        isAllowed: z.boolean(),
        because: z.string(),
        /** May the two meet without a hub between. */
        mayMeetDirectly: z.boolean(),
        /** Of a service: whether what it leads to there answers. */
        health: hostingShape.shape.health.optional(),
      }),
    )
    .max(1_000),
})

/** What a page with a whole mesh on it asks, at the controller. */
export const NETWORK_ROUTES = {
  countEndpoints: defineRoute({
    method: 'GET',
    path: '/api/endpoint-counts',
    summary: 'Count endpoints by user, label or state',
    query: countQuery,
    response: countShape,
  }),
  awaitChanges: defineRoute({
    method: 'GET',
    path: '/api/changes',
    summary:
      'Wait until endpoints came, went, connected, disconnected or were labelled, or something else that the caller may see changed, for 20 s at most',
    query: z.object({
      /** What the answer before said; without it the answer comes at once. */
      since: z.string().max(160).optional(),
    }),
    response: z.object({
      next: z.string().max(160),
      /** Which changed; empty after 20 s without a change. */
      endpoints: z.array(endpointIdShape).max(MAX_CHANGED_ENDPOINTS),
      /** More changed than are named, or nobody knows any more which. */
      isMore: z.boolean(),
      /** Kinds of other things that changed, see `core/edge/change-kinds.ts`; those of a later controller are passed over. */
      kinds: z.array(z.string().max(32)).max(64).default([]),
    }),
    errors: ['too-many'],
  }),
  explainReach: defineRoute({
    method: 'POST',
    path: '/api/reach',
    summary: 'Say whether an endpoint may reach another, or a service, and which policy decides',
    body: z.strictObject({
      /** The calling one if absent; one of another user only for administrators. */
      from: endpointIdShape.optional(),
      to: z.union([
        z.strictObject({ endpoint: endpointIdShape }),
        z.strictObject({ service: serviceNameShape }),
      ]),
    }),
    response: reachShape,
    errors: ['denied', 'not-found'],
  }),
} as const

const bytesShape = z.array(z.number().nullable())
/** Traffic and latency in steps, oldest first; null where nothing is known. */
const trafficShape = z.object({
  sentBytes: bytesShape,
  receivedBytes: bytesShape,
  roundTripMs: z.array(z.number().nullable()),
})
/** Traffic and latency in steps, oldest first; null where nothing is known. */
export type Traffic = z.output<typeof trafficShape>

/** A session with another endpoint that is open now. */
const sessionShape = z.object({
  endpoint: endpointIdShape,
  name: nameShape.optional(),
  user: userShape,
  /** Who opened it. */
  openedBy: z.enum(['us', 'them']),
  /** Absent where the other side chose it. */
  path: z.enum(PATH_KINDS).optional(),
  sinceMs: msShape,
  streamCount: z.int(),
  sentBytes: z.number(),
  receivedBytes: z.number(),
  roundTripMs: z.number().optional(),
  /** Services of this endpoint that are dialled from there now. */
  services: z.array(serviceNameShape),
})
/** A session with another endpoint that is open now. */
export type SessionInfo = z.output<typeof sessionShape>

/** What was tried to get to one host, and what came of it. */
const triedShape = z.object({
  endpoint: endpointIdShape,
  /** By which path it answered, and how soon; absent if it did not. */
  path: z.string().optional(),
  roundTripMs: z.number().optional(),
  error: errorShape.optional(),
  /** Each kind of path: open, or why not. */
  ways: z.array(
    z.object({
      path: z.enum(PATH_KINDS),
      state: z.enum(['open', 'opening', 'failed']),
      sinceMs: msShape,
      error: z.string().optional(),
    }),
  ),
})

/** The same, at the agent. */
export const AGENT_NETWORK_ROUTES = {
  countEndpoints: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/endpoint-counts',
    summary: 'Count endpoints by user, label or state',
    params: meshParams,
    query: countQuery,
    response: countShape,
    errors: ['not-joined', 'offline'],
  }),
  showReach: defineRoute({
    method: 'POST',
    path: '/api/meshes/{mesh}/reach',
    summary: 'Find out whether an endpoint reaches another, or a service, and why not',
    params: meshParams,
    body: z.strictObject({
      /** Name or id; this one if absent. */
      from: z.string().min(1).max(64).optional(),
      /** Name or id of an endpoint, or a service: `tcp/web`. */
      to: z.string().min(1).max(80),
    }),
    response: reachShape.extend({
      /** `unknown` where it was not tried, as it starts from another endpoint; `down` where hosts answer, and what they lead to does not. */
      verdict: z.enum(['reached', 'down', 'denied', 'offline', 'unreachable', 'unknown']),
      /** What was tried from here. */
      tried: z.array(triedShape),
    }),
    errors: ['not-joined', 'denied', 'not-found', 'ambiguous', 'offline'],
  }),
  showTraffic: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/traffic',
    summary: 'Show an hour of traffic and latency: in total, and of each path to one endpoint',
    params: meshParams,
    query: z.object({ endpoint: z.string().min(1).max(64).optional() }),
    response: z.object({
      stepMs: msShape,
      endsAtMs: msShape,
      total: trafficShape,
      /** With `endpoint`: its paths. `incoming` are the sessions that it opened. */
      paths: z.array(trafficShape.extend({ path: z.enum([...PATH_KINDS, 'incoming']) })),
    }),
    errors: ['not-joined', 'not-found', 'ambiguous', 'offline'],
  }),
  listSessions: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/sessions',
    summary: 'List the sessions with other endpoints that are open now',
    params: meshParams,
    response: z.object({ sessions: z.array(sessionShape) }),
    errors: ['not-joined'],
  }),
  endSessions: defineRoute({
    method: 'DELETE',
    path: '/api/meshes/{mesh}/sessions/{endpoint}',
    summary: 'End the sessions with an endpoint and all streams in them; it may open others',
    params: meshParams.extend({ endpoint: z.string().min(1).max(64) }),
    errors: ['not-joined', 'not-found', 'ambiguous', 'offline'],
  }),
} as const
