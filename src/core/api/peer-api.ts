import { z } from 'zod'
import { appListShape, PEER_INSTALLED_ROUTES } from './installed-api.ts'
import { defineRoute } from './route.ts'
import { logLinesShape, msShape, nameShape, pemShape } from './shapes.ts'

/**
 * What one agent serves to another inside their end-to-end session, beside streams to services (CONNECT) and the
 * APIs of apps (`/api/apps/{provider}/{app}/…`). Management is open to endpoints of the same user.
 *
 * @see docs/protocol.md, "Session"
 */
export const PEER_API = {
  ...PEER_INSTALLED_ROUTES,
  ping: defineRoute({
    method: 'POST',
    path: '/api/ping',
    summary: 'Answer at once',
    response: z.object({ timeMs: msShape }),
  }),
  /** Keeps a session alive past the end of the certificates it began with. */
  exchangeCertificates: defineRoute({
    method: 'POST',
    path: '/api/certificate',
    summary: 'Show the renewed certificate for the same key and be shown the other',
    body: z.strictObject({ chain: pemShape }),
    response: z.object({ chain: pemShape }),
    errors: ['not-trusted', 'certificate-expired', 'evicted'],
  }),
  showLog: defineRoute({
    method: 'GET',
    path: '/api/log',
    summary: 'The last lines of this agent log',
    query: z.object({
      sinceMs: z.coerce.number().optional(),
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
      limit: z.coerce.number().int().min(1).max(1_000).default(200),
      app: nameShape.optional(),
    }),
    response: logLinesShape,
    errors: ['denied'],
  }),
  listApps: defineRoute({
    method: 'GET',
    path: '/api/apps',
    summary: 'List the apps of this endpoint',
    response: appListShape,
    errors: ['denied'],
  }),
} as const

/** Header of a CONNECT that carries the session ticket. */
export const SESSION_TICKET_HEADER = 'ztm-session'
/** Header of a CONNECT that carries the index of the port in a range. */
export const PORT_HEADER = 'ztm-port'
