import { z } from 'zod'
import { endpointIdShape, msShape, serviceNameShape, userShape } from '../../core/api/shapes.ts'

const countShape = z.int().nonnegative()
const memberShape = z.object({ user: userShape, endpoint: endpointIdShape })
const sumShape = z.object({ bytesSent: countShape, bytesReceived: countShape, durationMs: countShape })
const endShape = sumShape.extend({ isFinal: z.boolean() })

/** `usage/<session>.<stream>`: what one stream carried, and what of it was charged. */
export const usageRecordShape = z.object({
  version: z.literal(1),
  id: z.string().min(1).max(129),
  session: z.string().min(1).max(64),
  stream: z.string().min(1).max(64),
  service: serviceNameShape,
  dialler: memberShape,
  /** Whose account it is at Commerce. */
  payer: z.string().min(1).max(512),
  host: memberShape.optional(),
  openedAtMs: msShape,
  heardAtMs: msShape,
  endedAtMs: msShape.optional(),
  partAtMs: msShape.optional(),
  counts: z.object({ dialler: endShape.optional(), host: endShape.optional() }),
  charged: sumShape,
  nextSequence: countShape,
  outbox: z.array(sumShape.extend({ sequence: countShape })).max(16),
  /** Parts that Commerce will never take. */
  refusedCount: countShape,
})
/** What one stream carried, as stored. */
export type StoredUsage = z.output<typeof usageRecordShape>
