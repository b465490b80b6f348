import type { ForwardRecord } from '../../core/gateway/forwarding.ts'
import type { Clock } from '../../core/model/time.ts'
import type { RequestLine } from './http-messages.ts'
import type { HttpCaller } from './identity-tokens.ts'

/** The last requests to an outbound. */
export interface RequestLog {
  /** @param target  as it is written */
  add(record: ForwardRecord, caller: HttpCaller, target: string | undefined): RequestLine
  /** Those behind a number, and how many behind it are forgotten. */
  since(number: number): { requests: RequestLine[]; lostCount: number }
}

/** Remember requests. @param maxCount  the oldest over it are forgotten */
export function createRequestLog(clock: Clock, maxCount: number): RequestLog {
  const lines: RequestLine[] = []
  let count = 0
  return {
    add(record, { from }, target) {
      count += 1
      const line: RequestLine = {
        number: count,
        atMs: clock.now() - Math.round(record.durationMs),
        user: from.user,
        endpoint: from.endpoint,
        method: shorten(record.method),
        host: shorten(record.host),
        path: shorten(record.path),
        protocol: record.protocol,
        ...(record.route !== undefined && { route: record.route }),
        ...(target !== undefined && { target }),
        status: record.status,
        bytesIn: record.bytesIn,
        bytesOut: record.bytesOut,
        ...(record.firstByteMs !== undefined && { firstByteMs: round(record.firstByteMs) }),
        durationMs: round(record.durationMs),
        tries: record.tries,
        ...(record.error !== undefined && { error: record.error }),
      }
      lines.push(line)
      if (lines.length > maxCount) lines.shift()
      return line
    },
    since(number) {
      const requests = lines.filter(line => line.number > number)
      // A number that was never given is of another life of the agent: all is new.
      if (number > count) return { requests: [...lines], lostCount: count - lines.length }
      return { requests, lostCount: count - number - requests.length }
    },
  }
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10
}

function shorten(text: string): string {
  return text.length > MAX_LOGGED_CHARACTERS ? `${text.slice(0, MAX_LOGGED_CHARACTERS)}…` : text
}

const MAX_LOGGED_CHARACTERS = 512
