import { z } from 'zod'
import { endpointIdShape, errorShape, meshIdShape, msShape, nameShape, userShape } from './shapes.ts'

/** A mesh this agent has joined, and how its link is. */
export const meshShape = z.object({
  name: nameShape,
  id: meshIdShape,
  endpoint: z.object({ id: endpointIdShape, name: nameShape, user: userShape }),
  bootstraps: z.array(z.string()),
  state: z.enum(['online', 'connecting', 'offline', 'disabled']),
  /** When that state began. */
  sinceMs: msShape,
  /** The hub the link goes to. */
  hub: z.string().optional(),
  /** Why there is no link. */
  error: errorShape.optional(),
  certificateExpiresAtMs: msShape,
})
/** A mesh this agent has joined. */
export type MeshInfo = z.output<typeof meshShape>
