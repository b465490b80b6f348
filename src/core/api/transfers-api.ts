import { z } from 'zod'
import { defineRoute } from './route.ts'
import { errorShape, msShape, nameShape } from './shapes.ts'

/** A file on its way between the agent and a browser, or that was. */
export const transferShape = z.object({
  id: z.string(),
  /** `out` is saved by the browser, `in` comes from it. */
  direction: z.enum(['in', 'out']),
  mesh: nameShape,
  app: z.string(),
  name: z.string(),
  /** Where it is, or will be; in the app's own words. */
  place: z.string().optional(),
  /** `waiting` for the other side to go on. */
  state: z.enum(['running', 'waiting', 'done', 'cancelled']),
  doneBytes: z.number(),
  totalBytes: z.number(),
  startedAtMs: msShape,
  endedAtMs: msShape.optional(),
  /** Why it broke last. */
  error: errorShape.optional(),
})
/** A file on its way between the agent and a browser, or that was. */
export type TransferInfo = z.output<typeof transferShape>

/** Routes of the agent's own API, for what browsers save and give. */
export const AGENT_TRANSFER_ROUTES = {
  listTransfers: defineRoute({
    method: 'GET',
    path: '/api/transfers',
    summary: 'List files on their way between this agent and browsers',
    response: z.object({ transfers: z.array(transferShape) }),
  }),
  stopTransfer: defineRoute({
    method: 'DELETE',
    path: '/api/transfers/{transfer}',
    summary: 'Stop a file on its way between this agent and a browser',
    params: z.object({ transfer: z.string().regex(/^[0-9a-f]{16}$/) }),
    response: transferShape,
    errors: ['not-found'],
  }),
} as const
