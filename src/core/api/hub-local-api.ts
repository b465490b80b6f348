import { z } from 'zod'
import { defineRoute } from './route.ts'
import { hubShape, logLinesShape, meshIdShape } from './shapes.ts'

/** What a hub serves to its own computer, on the unix socket `hub.sock` of its state folder. */
export const HUB_LOCAL_API = {
  showStatus: defineRoute({
    method: 'GET',
    path: '/api/status',
    summary: 'Show what runs, since when, and how it is',
    response: hubShape.extend({
      mesh: meshIdShape,
      pid: z.number(),
      listen: z.string(),
      dataFolder: z.string(),
      strangerCount: z.number(),
      openTicketCount: z.number(),
      endpointCount: z.number(),
      memoryBytes: z.number(),
    }),
  }),
  stop: defineRoute({ method: 'POST', path: '/api/stop', summary: 'Stop the hub' }),
  showLog: defineRoute({
    method: 'GET',
    path: '/api/log',
    summary: 'The last lines of the hub log',
    query: z.object({
      sinceMs: z.coerce.number().optional(),
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
      limit: z.coerce.number().int().min(1).max(1_000).default(200),
    }),
    response: logLinesShape,
  }),
  showPermit: defineRoute({
    method: 'POST',
    path: '/api/permit',
    summary: 'Give the root permit; with isNew, make a new one and refuse the old',
    body: z.strictObject({ isNew: z.boolean().default(false) }),
    response: z.object({ permit: z.string() }),
  }),
} as const
