import { z } from 'zod'
import { knownHubShape, MAX_RELAY_HUBS } from '../core/api/hubs-api.ts'
import { endpointIdShape, meshIdShape, msShape, nameShape, pemShape, userShape } from '../core/api/shapes.ts'

/** What the agent keeps of a mesh it has joined, under `mesh/<local name>` in its store. */
export const meshRecordShape = z.object({
  version: z.literal(1),
  name: nameShape,
  id: meshIdShape,
  /** Root certificate, PEM. */
  ca: pemShape,
  bootstraps: z.array(z.string()).min(1).max(16),
  /** The hubs that only relay, as the controller last told of them. */
  hubs: z.array(knownHubShape).max(MAX_RELAY_HUBS).optional(),
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
