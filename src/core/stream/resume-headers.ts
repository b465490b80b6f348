import { MeshError } from '../model/errors.ts'
import { quote } from '../model/quote.ts'

// The headers of a CONNECT that have to do with resuming, see docs/protocol.md, "Resumable streams".

/**
 * In a CONNECT: the stream can be resumed, and this names its session for that. In its answer: the same, if it can. It is the
 * same for all streams of a session, so that HTTP/2 sends it once.
 */
export const RESUMABLE_HEADER = 'ztm-resumable'
/** In a CONNECT: go on with the stream of this id. */
export const RESUME_HEADER = 'ztm-resume'
/** In a CONNECT that resumes: its number among those for this stream, from 1; a lower one that comes late is refused. */
export const ATTEMPT_HEADER = 'ztm-attempt'
/** In a CONNECT that resumes and in its answer: how far the sender of this header got, see `SentBytes`. */
export const RECEIVED_HEADER = 'ztm-received'
/**
 * In the CONNECT of the side stream and in its answer: the sender of this header tells of what came once it is so many bytes in all
 * streams of the session. Without it what is in flight to that side is not bounded, see `FlightWindow`.
 */
export const REPORT_HEADER = 'ztm-report-bytes'
/** Authority of the CONNECT that opens the side stream; no service can have it, as it has no `/`. */
export const SIDE_STREAM_AUTHORITY = 'side'

/** Whether it is the name that a dialler gave its session: 16 random bytes, in hex. */
export function isSessionName(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)
}

/**
 * The id by which a stream is resumed: `0123456789abcdef0123456789abcdef.5`.
 *
 * @param sessionName  of the session in which it began
 * @param number  that of its HTTP/2 stream there
 */
export function formatStreamId(sessionName: string, number: number): string {
  return `${sessionName}.${number}`
}

/** Whether the value of `REPORT_HEADER` says that this side is told soon enough to bound what is in flight by it. */
export function isPrompt(reportBytes: unknown): boolean {
  return (
    typeof reportBytes === 'string' && /^\d{1,6}$/.test(reportBytes) && Number(reportBytes) <= REPORT_BYTES
  )
}

/** What came in all streams of a session is told once it is this much, bytes. */
export const REPORT_BYTES = 65_536

/** A count from a header. @throws MeshError `bad-message` unless it is 0 to 2^53 - 1, in digits */
export function parseCount(value: unknown): number {
  const count = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN
  if (Number.isSafeInteger(count)) return count
  throw new MeshError('bad-message', `Cannot resume stream: ${quote(value)} is no count`)
}
