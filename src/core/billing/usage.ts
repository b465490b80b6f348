import { z } from 'zod'
import { MeshError } from '../model/errors.ts'

/** The longest name in a usage record: of a service, session or user. */
const MAX_TEXT = 256
const countShape = z.int().nonnegative()
const textShape = z.string().min(1).max(MAX_TEXT)

/**
 * What one stream used, or a part of it, as seen from who dialled. `id` is its idempotency key at Commerce: what was
 * recorded under it once is not recorded again.
 */
export const usageRecordShape = z.object({
  id: z.string().min(1).max(256),
  service: textShape,
  sessionId: textShape,
  /** Who pays; Commerce takes whose token it is if absent. */
  user: textShape.optional(),
  bytesSent: countShape,
  bytesReceived: countShape,
  durationMs: countShape,
  metadata: z.record(z.string().max(64), z.string().max(256)).optional(),
})
/** What one stream used, or a part of it. */
export type UsageRecord = z.output<typeof usageRecordShape>

/** What Commerce is sent of it: the spelling of the seed. */
export function usageBody(record: Omit<UsageRecord, 'id'>): Record<string, unknown> {
  const { service, sessionId, user, bytesSent, bytesReceived, durationMs, metadata } = record
  return {
    service,
    session_id: sessionId,
    bytes_sent: bytesSent,
    bytes_received: bytesReceived,
    duration_ms: durationMs,
    ...(user !== undefined && { user }),
    ...(metadata !== undefined && { metadata }),
  }
}

/**
 * Read what `usageBody` writes, and the same with names in camelCase, which some SDKs send.
 *
 * @throws MeshError `bad-input` for another form, or two spellings that say different things
 */
export function parseUsageBody(value: unknown): Omit<UsageRecord, 'id'> {
  if (typeof value !== 'object' || value === null) throw bad('it is no object')
  const given = value as Record<string, unknown>
  const either = (snake: string, camel: string): unknown => {
    const [one, other] = [given[snake], given[camel]]
    if (one !== undefined && other !== undefined && one !== other)
      throw bad(`${snake} and ${camel} are not the same`)
    return one ?? other
  }
  const result = usageRecordShape.omit({ id: true }).safeParse({
    service: given.service,
    sessionId: either('session_id', 'sessionId'),
    ...(given.user != null && { user: given.user }),
    bytesSent: either('bytes_sent', 'bytesSent'),
    bytesReceived: either('bytes_received', 'bytesReceived'),
    durationMs: either('duration_ms', 'durationMs'),
    ...(given.metadata != null && { metadata: given.metadata }),
  })
  if (result.success) return result.data
  const { path = [], message = '' } = result.error.issues[0] ?? {}
  throw bad(`${path.join('.')}: ${message}`)
}

/** The idempotency key of a part of a stream. @param sequence  from 0; a stream that is billed at once has only that */
export function usageId(sessionId: string, streamId: string, sequence = 0): string {
  return `${sessionId}.${streamId}.${sequence}`
}

function bad(why: string): MeshError {
  return new MeshError('bad-input', `Cannot record usage: ${why}`)
}
