import { z } from 'zod'
import { defineRoute } from './route.ts'
import { endpointIdShape, msShape, nameShape, serviceNameShape, userShape } from './shapes.ts'

const countShape = z.int().nonnegative()
const verdictShape = z.enum(['agree', 'in-flight', 'differ', 'no-dialler', 'no-host', 'nobody'])
const memberShape = z.object({ user: userShape, endpoint: endpointIdShape })

/** What one end of a stream counted so far, as seen from who dialled. */
export const usageReportShape = z.strictObject({
  /** `jti` of the session ticket. */
  session: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  /** As the host said in its answer; made by the dialler where that said nothing. */
  stream: z.string().regex(/^[0-9a-z-]{1,64}$/),
  service: serviceNameShape,
  /** Who reports. */
  end: z.enum(['dialler', 'host']),
  dialler: z.strictObject({ user: userShape, endpoint: endpointIdShape }),
  bytesSent: countShape,
  bytesReceived: countShape,
  durationMs: countShape,
  /** The stream has ended for who reports. */
  isFinal: z.boolean(),
})
/** What one end of a stream counted so far. */
export type UsageReport = z.output<typeof usageReportShape>

/** Reports that one request may have. */
export const MAX_REPORTS = 100

const endShape = z.object({
  bytesSent: countShape,
  bytesReceived: countShape,
  durationMs: countShape,
  isFinal: z.boolean(),
})

/** What is known of the usage of one stream. */
export const usageShape = z.object({
  session: z.string(),
  stream: z.string(),
  service: serviceNameShape,
  dialler: memberShape,
  /** Absent while it has reported nothing. */
  host: memberShape.optional(),
  openedAtMs: msShape,
  heardAtMs: msShape,
  isOpen: z.boolean(),
  counts: z.object({ dialler: endShape.optional(), host: endShape.optional() }),
  /** What was charged, or is on its way. */
  charged: z.object({ bytesSent: countShape, bytesReceived: countShape, durationMs: countShape }),
  /** Parts that Commerce has not got yet, and those that it will not take. */
  waitingCount: countShape,
  refusedCount: countShape,
  verdict: verdictShape,
  /** What the host counts more than the dialler, bytes; negative if less. */
  sentDifference: z.int(),
  receivedDifference: z.int(),
})
/** What is known of the usage of one stream. */
export type UsageInfo = z.output<typeof usageShape>

/** How billing is. */
export const billingStatusShape = z.object({
  isOn: z.boolean(),
  /** Streams that are metered now, and those of which something waits for Commerce. */
  openCount: countShape,
  waitingCount: countShape,
  /** Streams that are kept, all together. */
  keptCount: countShape,
  /** Parts that Commerce will never take. */
  refusedCount: countShape,
  /** Users and services whose balance is asked for again and again. */
  sessionCount: countShape,
  recheckMs: msShape,
  /** Why the last request to Commerce failed; absent after one that did not. */
  lastError: z.string().optional(),
})
/** How billing is. */
export type BillingStatus = z.output<typeof billingStatusShape>

/** What is asked of a list of usage. */
export const usageQueryShape = z.object({
  /** Heard of since. */
  sinceMs: z.coerce.number().nonnegative().optional(),
  user: userShape.optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
})

/** What somebody who has a service open had left when Commerce was last asked. */
export const balanceShape = z.object({
  user: userShape,
  service: serviceNameShape,
  /** What can be spent, millionths of a unit of the currency. */
  available: z.int(),
  /** The least that a dial needs: with less, streams end. As `available`. */
  minimum: z.int(),
  currency: z.string(),
  askedAtMs: msShape,
})
/** What somebody had left. */
export type BalanceInfo = z.output<typeof balanceShape>

/** A list of usage, newest first, and its sums over all that fits the question. */
export const usageListShape = z.object({
  usage: z.array(usageShape),
  total: countShape,
  /** Of all that fits the question, by verdict. */
  verdicts: z.partialRecord(verdictShape, countShape),
  charged: z.object({ bytesSent: countShape, bytesReceived: countShape }),
  /**
   * Endpoints whose streams opened since the hub's start, with what their ends counted and what the hub copied between them,
   * bytes of both directions: `hubOnly` is overhead, and what is not metered; `withoutHub` went directly, or is made up.
   */
  pairs: z.array(
    z.object({
      dialler: endpointIdShape,
      host: endpointIdShape,
      endBytes: countShape,
      hubBytes: countShape,
      hubOnly: countShape,
      withoutHub: countShape,
    }),
  ),
  /** Of those who have a service open, the least first, as many as streams were asked for; a controller may not say. */
  balances: z.array(balanceShape).default([]),
})
/** A list of usage. */
export type UsageList = z.output<typeof usageListShape>

const meshParams = z.object({ mesh: nameShape })

/** The routes of billing, at the agent. */
export const AGENT_BILLING_ROUTES = {
  showBilling: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/billing',
    summary: 'Show how billing is (administrators)',
    params: meshParams,
    response: billingStatusShape,
    errors: ['not-joined', 'offline', 'denied'],
  }),
  listUsage: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/usage',
    summary: 'List what streams carried and what was charged (administrators; others see their own)',
    params: meshParams,
    query: usageQueryShape,
    response: usageListShape,
    errors: ['not-joined', 'offline', 'unsupported'],
  }),
} as const

/** The routes of billing, at the controller. */
export const BILLING_ROUTES = {
  reportUsage: defineRoute({
    method: 'PUT',
    path: '/api/usage',
    summary: 'Report what streams carried, as far as this endpoint counted; the same again changes nothing',
    body: z.strictObject({ reports: z.array(usageReportShape).min(1).max(MAX_REPORTS) }),
    /** For each report; `later` says that it must be sent again. */
    response: z.object({ receipts: z.array(z.enum(['taken', 'refused', 'later'])) }),
    errors: ['too-many', 'unsupported'],
  }),
  listUsage: defineRoute({
    method: 'GET',
    path: '/api/usage',
    summary: 'List what streams carried and what was charged (administrators; others see their own)',
    query: usageQueryShape,
    response: usageListShape,
    errors: ['unsupported'],
  }),
  showBilling: defineRoute({
    method: 'GET',
    path: '/api/billing',
    summary: 'Show how billing is (administrators)',
    response: billingStatusShape,
    errors: ['denied'],
  }),
} as const
