import type { Duplex } from 'node:stream'
import type { z } from 'zod'
import { toMeshError } from '../../core/model/errors.ts'
import type { EndpointId } from '../../core/model/ids.ts'
import type { Name, UserName } from '../../core/model/names.ts'
import type { Host, Incoming } from '../app.ts'
import { createRateLimitedLog } from './rate-limited-log.ts'
import { encodeSmallMessage, readSmallMessage } from './small-message.ts'

/** Who asks, as the mesh proved it. */
export interface Asker {
  readonly user: UserName
  readonly endpoint: EndpointId
  /** Asked only where the answer depends on them: who is judged by groups is cut off when they change. */
  readonly groups: () => readonly Name[]
}

/** How the requests that streams begin with are answered. */
export interface AnswerOptions<S extends z.ZodType> {
  readonly host: Host
  readonly shape: S
  readonly maxBytes: number
  /** What is asked must come in this time. */
  readonly helloTimeoutMs: number
  /** Of the log, for refusals; each kind at most once in `logIntervalMs`. */
  readonly event: string
  readonly logIntervalMs: number
  /**
   * Serve what is asked. What it throws is answered as `{ isGood: false, error }`.
   *
   * @param heard  all that belongs to the request has come: only then its time is no limit any more
   */
  readonly serve: (stream: Duplex, asker: Asker, request: z.output<S>, heard: () => void) => Promise<void>
}

/** Make what takes the streams of a hosting, each of which begins with a small message. */
export function answerRequests<S extends z.ZodType>(options: AnswerOptions<S>): (incoming: Incoming) => void {
  const { host, shape, maxBytes, helloTimeoutMs, event, logIntervalMs, serve } = options
  const warn = createRateLimitedLog(host, event, logIntervalMs)
  return async incoming => {
    const { user, endpoint } = incoming.from
    const stream = incoming.accept()
    stream.on('error', () => {})
    const heard = host.after(helloTimeoutMs, () => stream.destroy())
    try {
      const request = await readSmallMessage(stream, shape, maxBytes)
      await serve(stream, { user, endpoint, groups: () => incoming.groups }, request, heard)
    } catch (thrown) {
      const error = toMeshError(thrown)
      warn(error.code, { user, peer: endpoint, code: error.code, reason: error.message })
      if (!stream.destroyed) stream.end(encodeSmallMessage({ isGood: false, error: error.toBody() }))
    } finally {
      heard()
    }
  }
}
