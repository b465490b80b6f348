import type {
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2'
import { MeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import type { ServiceName } from '../core/model/names.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import {
  ATTEMPT_HEADER,
  formatStreamId,
  isSessionName,
  parseCount,
  RECEIVED_HEADER,
  REPORT_BYTES,
  REPORT_HEADER,
  RESUMABLE_HEADER,
  RESUME_HEADER,
} from '../core/stream/resume-headers.ts'
import { answerWithFirstBytes } from '../net/answer-later.ts'
import { createSideStreams } from '../net/resumable-records.ts'
import { type KeptBudget, ResumableStream } from '../net/resumable-stream.ts'
import { breakOff } from '../net/splice.ts'
import { createResumeWindow, LINGER_MS, RESUME_WINDOW_MS } from './resume-window.ts'

/** A CONNECT that is allowed, and who sent it. */
export interface AdmittedStream {
  readonly carrier: ServerHttp2Stream
  readonly headers: IncomingHttpHeaders
  readonly from: EndpointIdentity
  readonly service: ServiceName
  /** Headers of the answer beside those that resuming needs. */
  readonly answer: OutgoingHttpHeaders
}

/** The resumable streams of the hosting side, by id, dialling endpoint and service. */
export interface Resumables extends Disposable {
  /** The side stream of a session. @throws MeshError `conflict` for a second one */
  openSide(carrier: ServerHttp2Stream, headers: IncomingHttpHeaders): void
  /** The resumable stream that `carrier` begins, answered, now or with its first bytes; undefined where it is an ordinary one. */
  accept(admitted: AdmittedStream, isToldLater?: boolean): ResumableStream | undefined
  /**
   * Go on with a stream on a new carrier, which is answered.
   *
   * @throws MeshError `not-found` for one that is not, or not the asker's; `conflict` for an attempt that came late;
   * `bad-message` for a position that cannot be, which breaks the stream
   */
  resume(admitted: AdmittedStream): void
  /** Break the streams of those who are out. */
  drop(isGone: (identity: EndpointIdentity) => boolean): void
}

interface HostedStream {
  readonly stream: ResumableStream
  readonly from: EndpointIdentity
  readonly service: ServiceName
  /** Number of the last attempt to resume it that was obeyed. */
  attempt: number
}

/** Make an empty one. @param windowMs  default `RESUME_WINDOW_MS` */
export function createResumables(options: {
  readonly budget: KeptBudget
  readonly log: Log
  readonly windowMs?: number
}): Resumables {
  const { budget, log, windowMs = RESUME_WINDOW_MS } = options
  const streams = new Map<string, HostedStream>()
  const sides = createSideStreams()
  const lost = createResumeWindow<HostedStream>(windowMs, one => end(one, 'nobody came back for it'))

  function end({ stream, from, service }: HostedStream, reason: string): void {
    if (stream.isOver) {
      // All has come and gone; that was not said before the path died.
      stream.destroy()
      return
    }
    log.info('stream.ended', { service, peer: from.endpoint, reason })
    breakOff(stream)
  }

  function onLost(one: HostedStream): void {
    if (lost.size < MAX_LOST) lost.add(one, one.stream.isOver ? Math.min(LINGER_MS, windowMs) : windowMs)
    else end(one, 'its path died, and too many wait for one')
  }

  function find({ headers, from, service }: AdmittedStream): HostedStream {
    const one = streams.get(keyOf(from, String(headers[RESUME_HEADER])))
    if (one?.service === service) return one
    throw new MeshError(
      'not-found',
      `Cannot resume stream to "${service}": it is not known here: it has ended, or this agent was restarted`,
    )
  }

  return {
    openSide(carrier, headers) {
      const side = sides.of(carrier.session as ServerHttp2Session)
      if (side.isOpen)
        throw new MeshError('conflict', 'Cannot open side stream: this session has one already')
      carrier.respond({ ':status': 200, [REPORT_HEADER]: String(REPORT_BYTES) })
      side.hearPromptness(headers[REPORT_HEADER])
      side.open(carrier)
    },
    accept({ carrier, headers, from, service, answer }, isToldLater = false) {
      const name = headers[RESUMABLE_HEADER]
      const { session } = carrier
      if (!isSessionName(name) || session === undefined) return undefined
      const key = keyOf(from, formatStreamId(name, carrier.id as number))
      if (streams.has(key) || budget.usedBytes >= budget.maxBytes) return undefined
      const stream = new ResumableStream({ budget, onLost: () => onLost(one) })
      const one: HostedStream = { stream, from, service, attempt: 0 }
      streams.set(key, one)
      stream.on('close', () => {
        streams.delete(key)
        lost.delete(one)
      })
      stream.on('error', () => {})
      const said = { ...answer, ':status': 200, [RESUMABLE_HEADER]: name }
      if (isToldLater) answerWithFirstBytes(carrier, said)
      else carrier.respond(said)
      stream.begin(carrier, sides.of(session))
      return stream
    },
    resume(admitted) {
      const { carrier, headers } = admitted
      const one = find(admitted)
      const attempt = parseCount(headers[ATTEMPT_HEADER])
      const position = parseCount(headers[RECEIVED_HEADER])
      if (attempt <= one.attempt)
        throw new MeshError('conflict', 'Cannot resume stream: a later attempt has come before this one')
      one.attempt = attempt
      const { stream } = one
      stream.hold()
      try {
        stream.requirePosition(position)
      } catch (error) {
        breakOff(stream)
        throw error
      }
      lost.delete(one)
      carrier.respond({ ':status': 200, [RECEIVED_HEADER]: String(stream.received) })
      stream.carryOn(carrier, sides.of(carrier.session as ServerHttp2Session), position)
    },
    drop(isGone) {
      for (const { stream, from } of streams.values()) if (isGone(from)) breakOff(stream)
    },
    [Symbol.dispose]() {
      for (const { stream } of streams.values()) breakOff(stream)
      lost[Symbol.dispose]()
    },
  }
}

function keyOf(from: EndpointIdentity, id: string): string {
  return `${from.endpoint} ${id}`
}

/** Streams of one mesh that wait for a new path at the hosting side; of more, the next one breaks with its path. */
const MAX_LOST = 10_000
