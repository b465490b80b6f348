import type { Duplex } from 'node:stream'
import type { Name } from '../core/model/names.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import { FLOW_HEADER } from '../core/stream/flow-header.ts'
import { answerWithFirstBytes } from '../net/answer-later.ts'
import { refuseStream } from '../net/serve-http2.ts'
import type { DatagramPath, Incoming } from '../sdk/app.ts'
import type { AdmittedStream } from './resumables.ts'

/** Who opened a stream, and what the session ticket said of them. */
export interface Dialler {
  readonly identity: EndpointIdentity
  /** The controller's policies said that it may. */
  readonly isByPolicy: boolean
  /** As they are now, as far as it was heard. */
  groups: readonly Name[]
  /** The app looked at the groups: it may have decided by them. */
  isJudgedByGroups: boolean
  readonly issuedAtMs: number
}

/** What an app is given beside the stream. */
export interface IncomingParts {
  readonly dialler: Dialler
  readonly port: number | undefined
  readonly sessionId: string
  readonly datagrams: DatagramPath | undefined
  /** The stream to give out if it is a resumable one, answered. */
  readonly accept: (isToldLater: boolean) => Duplex | undefined
  /** The stream that was given out. */
  readonly onOpen: (stream: Duplex) => void
}

/** A stream that was let in, as the app that hosts its service sees it. */
export function incomingOf(
  { carrier: stream, headers, service, from, answer }: AdmittedStream,
  parts: IncomingParts,
): Incoming {
  const { dialler, port, datagrams, sessionId } = parts
  const abort = new AbortController()
  const given = () => abort.abort()
  stream.once('close', given)
  return {
    service,
    from,
    get groups() {
      dialler.isJudgedByGroups = true
      return dialler.groups
    },
    sessionId,
    ...(port !== undefined && { port }),
    ...(datagrams !== undefined && { datagrams }),
    signal: abort.signal,
    accept(isToldLater = false) {
      stream.off('close', given)
      if (stream.destroyed || stream.closed) return stream
      const resumable = parts.accept(isToldLater)
      if (resumable !== undefined) {
        parts.onOpen(resumable)
        return resumable
      }
      // An app that does not listen must not be sent what it would never hear.
      const flow = datagrams?.onDatagram && headers[FLOW_HEADER]
      const said = { ...answer, ':status': 200, ...(flow !== undefined && { [FLOW_HEADER]: flow }) }
      if (isToldLater) answerWithFirstBytes(stream, said)
      else stream.respond(said)
      parts.onOpen(stream)
      return stream
    },
    refuse: error => refuseStream(stream, error),
  }
}

/** The port of a range that a header names; undefined where it names none. */
export function parsePort(value: unknown): number | undefined {
  return typeof value === 'string' && /^\d{1,4}$/.test(value) ? Number(value) : undefined
}
