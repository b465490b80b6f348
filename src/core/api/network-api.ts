import { z } from 'zod'
import { defineRoute } from './route.ts'
import { endpointIdShape, nameShape, userShape } from './shapes.ts'

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

/** What a page with a whole mesh on it asks, at the controller. */
export const NETWORK_ROUTES = {
  countEndpoints: defineRoute({
    method: 'GET',
    path: '/api/endpoint-counts',
    summary: 'Count endpoints by user, label or state',
    query: countQuery,
    response: countShape,
  }),
  awaitEndpointChanges: defineRoute({
    method: 'GET',
    path: '/api/endpoint-changes',
    summary: 'Wait until endpoints came, went, connected, disconnected or were labelled, for 20 s at most',
    query: z.object({
      /** What the answer before said; without it the answer comes at once. */
      since: z.string().max(64).optional(),
    }),
    response: z.object({
      next: z.string().max(64),
      /** Which changed; empty after 20 s without a change. */
      endpoints: z.array(endpointIdShape).max(MAX_CHANGED_ENDPOINTS),
      /** More changed than are named, or nobody knows any more which. */
      isMore: z.boolean(),
    }),
    errors: ['too-many'],
  }),
} as const

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
} as const
