import { z } from 'zod'
import { meshShape } from './mesh-shape.ts'
import { defineRoute } from './route.ts'
import { meshIdShape, nameShape } from './shapes.ts'

/**
 * Where agents reach a hub: `HOST:PORT`. It begins with a letter, a digit or a bracket: it becomes a word of a command line, where
 * a dash would make it an option.
 */
const hubNameShape = z
  .string()
  .max(300)
  .regex(/^(?:\[[0-9A-Fa-f:.]+\]|[\p{L}\p{N}][\p{L}\p{N}.-]*):\d{1,5}$/u, 'not HOST:PORT')

/** One of the names of a hub, and whether it answers there, as seen from its own computer. */
export const hubPlaceShape = z.object({
  name: z.string(),
  /** Who could use it: nobody but this computer, this network, or everybody; of a host name that cannot be told. */
  reach: z.enum(['computer', 'network', 'internet', 'unknown']),
  isAnswering: z.boolean(),
  /** Why it does not answer. */
  error: z.string().optional(),
})
/** One of the names of a hub. */
export type HubPlace = z.output<typeof hubPlaceShape>

/** The hub of this computer, that of the agent's own state folder. */
export const ownHubShape = z.object({
  isRunning: z.boolean(),
  /** There was one before: it keeps its mesh and its names. */
  isKnown: z.boolean(),
  mesh: meshIdShape.optional(),
  listen: z.string().optional(),
  places: z.array(hubPlaceShape),
  /** Addresses of this computer that a hub could be reached at, the best first. */
  addresses: z.array(z.string()),
})
/** The hub of this computer. */
export type OwnHub = z.output<typeof ownHubShape>

/** The routes of the agent that are about the hub of its own computer. */
export const AGENT_OWN_HUB_ROUTES = {
  showOwnHub: defineRoute({
    method: 'GET',
    path: '/api/own-hub',
    summary: 'Show the hub of this computer, and where it answers',
    response: ownHubShape,
  }),
  startOwnHub: defineRoute({
    method: 'POST',
    path: '/api/own-hub',
    summary: 'Start a hub on this computer, unless it runs',
    body: z.strictObject({
      port: z.int().min(1).max(65_535).default(8_888),
      /** Where agents reach it from outside. */
      names: z.array(hubNameShape).min(1).max(8),
    }),
    response: z.object({
      /** `service`: it comes back with the computer; `process`: until then; `running`: it ran already. */
      runs: z.enum(['service', 'process', 'running']),
      /** Why it is no service. */
      note: z.string().optional(),
    }),
    errors: ['port-in-use', 'not-permitted', 'unsupported', 'system-failed', 'conflict'],
  }),
  joinOwnHub: defineRoute({
    method: 'POST',
    path: '/api/own-hub/join',
    summary: 'Join the mesh of the hub of this computer, as its root user',
    body: z.strictObject({
      mesh: nameShape,
      endpoint: nameShape,
    }),
    response: meshShape,
    errors: ['agent-down', 'name-taken', 'conflict', 'unreachable', 'not-trusted', 'timed-out'],
  }),
} as const
