import { z } from 'zod'
import { endpointIdShape, meshIdShape, msShape, nameShape, pemShape, userShape } from '../core/api/shapes.ts'

/** What the agent keeps of a mesh it has joined, under `mesh/<local name>` in its store. */
export const meshRecordShape = z.object({
  version: z.literal(1),
  name: nameShape,
  id: meshIdShape,
  /** Root certificate, PEM. */
  ca: pemShape,
  bootstraps: z.array(z.string()).min(1).max(16),
  endpoint: z.object({ id: endpointIdShape, name: nameShape, user: userShape }),
  /** Certificate chain, leaf first. */
  chain: pemShape,
  issuedAtMs: msShape,
  expiresAtMs: msShape,
  isEnabled: z.boolean(),
  joinedAtMs: msShape,
})

/** What the agent keeps of a mesh it has joined. */
export type MeshRecord = z.output<typeof meshRecordShape>
