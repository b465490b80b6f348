import { z } from 'zod'
import { defineRoute } from './route.ts'
import { endpointIdShape, hubIdShape, hubShape, msShape, nameShape } from './shapes.ts'

/** Hubs of a mesh that only relay. */
export const MAX_RELAY_HUBS = 16

/** Where a hub is reached: `host:port`. */
export const hubNamesShape = z.array(z.string().min(3).max(261)).min(1).max(16)

/** A hub that only relays, as agents are told of it. */
export const knownHubShape = z.object({
  id: hubIdShape,
  names: hubNamesShape,
  /** It is being drained: nothing new is to go by it. */
  isDraining: z.boolean().optional(),
})
/** A hub that only relays, as agents are told of it. */
export type KnownHub = z.output<typeof knownHubShape>

/**
 * Where a permit says that the mesh is: first the hub with the controller, then those that only relay, through which it is
 * reached where it is not itself.
 *
 * @param controllers  `host:port`
 * @returns at most 16
 */
export function bootstrapsOf(controllers: readonly string[], hubs: readonly KnownHub[]): string[] {
  return [...new Set([...controllers, ...hubs.flatMap(({ names }) => names)])].slice(0, MAX_PLACES)
}

const MAX_PLACES = 16

/** Longest text of a meeting pass. */
export const MAX_MEETING_PASS_CHARACTERS = 8_192

/** A meeting pass, as hubs that only relay ask for it. */
export const meetingPassShape = z.string().max(MAX_MEETING_PASS_CHARACTERS)

/** What agents ask the controller about hubs. Part of `CONTROLLER_API`. */
export const HUBS_ROUTES = {
  createHub: defineRoute({
    method: 'POST',
    path: '/api/hubs',
    summary: 'Let one more hub into the mesh, which only relays: gives its one-time token (administrators)',
    body: z.strictObject({
      validMs: msShape
        .min(1_000)
        .max(30 * 86_400_000)
        .default(86_400_000),
    }),
    response: z.object({ hub: hubIdShape, token: z.string(), expiresAtMs: msShape }),
    errors: ['denied', 'too-many'],
  }),
  removeHub: defineRoute({
    method: 'DELETE',
    path: '/api/hubs/{hub}',
    summary: 'Put a hub that only relays out of the mesh (administrators)',
    params: z.object({ hub: hubIdShape }),
    errors: ['denied', 'not-found'],
  }),
  drainHub: defineRoute({
    method: 'PUT',
    path: '/api/hubs/{hub}/draining',
    summary: 'Have a hub relay nothing new, and agents go to the other hubs; or undo it (administrators)',
    params: z.object({ hub: hubIdShape }),
    body: z.strictObject({ isDraining: z.boolean() }),
    errors: ['denied', 'not-found', 'conflict'],
  }),
  openMeeting: defineRoute({
    method: 'POST',
    path: '/api/meeting-passes',
    summary: 'Ask for a pass to meet an endpoint at any hub, also while the controller is away',
    body: z.strictObject({ endpoint: endpointIdShape }),
    response: z.object({
      pass: meetingPassShape,
      expiresAtMs: msShape,
      /** Hubs that only relay and have a link of that endpoint now. */
      hubs: z.array(hubIdShape).max(MAX_RELAY_HUBS),
    }),
    errors: ['denied', 'not-found'],
  }),
} as const

const meshParams = z.object({ mesh: nameShape })

/** What the agent's local API says of hubs. Part of `AGENT_API`. */
export const AGENT_HUBS_ROUTES = {
  listHubs: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/hubs',
    summary: 'List the hubs of a mesh',
    params: meshParams,
    response: z.object({
      hubs: z.array(hubShape.extend({ isAttached: z.boolean(), roundTripMs: z.number().optional() })),
    }),
    errors: ['not-joined', 'offline'],
  }),
  createHub: defineRoute({
    method: 'POST',
    path: '/api/meshes/{mesh}/hubs',
    summary: 'Let one more hub into a mesh, which only relays: gives its one-time permit (administrators)',
    params: meshParams,
    body: HUBS_ROUTES.createHub.body,
    response: z.object({
      hub: hubIdShape,
      /** For `ztm run hub --role relay --permit`. */
      permit: z.string(),
      expiresAtMs: msShape,
    }),
    errors: ['not-joined', 'denied', 'too-many', 'offline'],
  }),
  removeHub: defineRoute({
    method: 'DELETE',
    path: '/api/meshes/{mesh}/hubs/{hub}',
    summary: 'Put a hub that only relays out of a mesh (administrators)',
    params: meshParams.extend({ hub: hubIdShape }),
    errors: ['not-joined', 'denied', 'not-found', 'offline'],
  }),
  drainHub: defineRoute({
    method: 'PUT',
    path: '/api/meshes/{mesh}/hubs/{hub}/draining',
    summary: HUBS_ROUTES.drainHub.summary,
    params: meshParams.extend({ hub: hubIdShape }),
    body: HUBS_ROUTES.drainHub.body,
    errors: ['not-joined', 'denied', 'not-found', 'conflict', 'offline'],
  }),
} as const
