import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { SESSION_TICKET_HEADER } from '../core/api/peer-api.ts'
import { type ErrorCode, MeshError, toMeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { ServiceName, UserName } from '../core/model/names.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import {
  ATTEMPT_HEADER,
  formatStreamId,
  parseCount,
  RECEIVED_HEADER,
  REPORT_BYTES,
  REPORT_HEADER,
  RESUME_HEADER,
  SIDE_STREAM_AUTHORITY,
} from '../core/stream/resume-headers.ts'
import { createSideStreams, type SideStream } from '../net/resumable-records.ts'
import { type KeptBudget, ResumableStream } from '../net/resumable-stream.ts'
import { breakOff } from '../net/splice.ts'
import type { PeerSession } from './peer-session.ts'
import { createResumeWindow, RESUME_WINDOW_MS } from './resume-window.ts'

/** What resuming needs of its dialler. */
export interface ResumerOptions {
  readonly budget: KeptBudget
  /** The session to go on with. @throws MeshError */
  readonly session: (endpoint: EndpointId) => Promise<PeerSession>
  /** A ticket for a service, and whose it is. @throws MeshError */
  readonly ticket: (service: ServiceName) => Promise<{ ticket: string; owner: UserName }>
  /** Send a CONNECT. @returns the headers of the answer @throws MeshError the other side's, or `link-closed` */
  readonly answered: (carrier: ClientHttp2Stream, service: ServiceName) => Promise<IncomingHttpHeaders>
  readonly log: Log
  /** Default `RESUME_WINDOW_MS`. */
  readonly windowMs?: number
}

/** A stream that the other side said yes to. */
export interface OpenedStream {
  readonly service: ServiceName
  readonly peer: PeerSession
  readonly carrier: ClientHttp2Stream
  /** What was sent on the carrier already. */
  readonly early: readonly Uint8Array[]
}

/** Keeps the streams that this agent dialled when their sessions die, and moves them to better ones. */
export interface Resumer extends Disposable {
  /** The name of the session, for a stream to be dialled in it; undefined where too much is kept, or it would be of no use. */
  offer(service: ServiceName, session: ClientHttp2Session): string | undefined
  take(opened: OpenedStream): ResumableStream
  /** Services that have open streams. */
  services(): ReadonlySet<ServiceName>
  /** Move the open streams to this peer to a session that came up beside theirs. */
  migrate(peer: PeerSession): void
  /** Break the streams to those who are out, or to services that may not be dialled any more. */
  drop(isGone: (identity: EndpointIdentity, service: ServiceName) => boolean, reason: MeshError): void
}

interface DialledStream {
  /** Of the session in which it began, and its number there: its id. */
  readonly sessionName: string
  readonly number: number
  readonly service: ServiceName
  readonly owner: UserName
  readonly peer: EndpointIdentity
  readonly stream: ResumableStream
  /** The session that carries it, or did until it was lost. */
  carriedBy: PeerSession
  attempt: number
  isMoving: boolean
}

/** Make one without streams. */
export function createResumer(options: ResumerOptions): Resumer {
  return new StreamResumer(options)
}

class StreamResumer implements Resumer {
  readonly #options: ResumerOptions
  readonly #streams = new Map<EndpointId, Set<DialledStream>>()
  readonly #reviving = new Set<EndpointId>()
  readonly #revivedAtMs = new Map<EndpointId, number>()
  readonly #sides = createSideStreams()
  readonly #lost
  readonly #stopped = new AbortController()

  constructor(options: ResumerOptions) {
    this.#options = options
    this.#lost = createResumeWindow<DialledStream>(options.windowMs ?? RESUME_WINDOW_MS, one =>
      this.#end(one, new MeshError('timed-out', 'Stream ended: its path died, and no other came in time')),
    )
  }

  offer(service: ServiceName, session: ClientHttp2Session): string | undefined {
    const { usedBytes, maxBytes } = this.#options.budget
    // Datagrams that are late are of no use.
    if (usedBytes >= maxBytes || service.startsWith('udp/')) return undefined
    return this.#sides.of(session).name
  }

  take({ service, peer, carrier, early }: OpenedStream): ResumableStream {
    const { budget } = this.#options
    const stream = new ResumableStream({ budget, early, onLost: () => this.#onLost(one) })
    const { identity } = peer
    const side = this.#sideOf(peer.session)
    const one: DialledStream = {
      sessionName: side.name,
      number: carrier.id as number,
      service,
      owner: identity.user,
      peer: identity,
      stream,
      carriedBy: peer,
      attempt: 0,
      isMoving: false,
    }
    const { endpoint } = identity
    const streams = this.#streams.get(endpoint) ?? new Set()
    this.#streams.set(endpoint, streams.add(one))
    stream.on('error', () => {})
    stream.on('close', () => {
      this.#lost.delete(one)
      streams.delete(one)
      if (streams.size === 0 && this.#streams.get(endpoint) === streams) this.#streams.delete(endpoint)
    })
    stream.begin(carrier, side)
    return stream
  }

  services(): ReadonlySet<ServiceName> {
    return new Set([...this.#streams.values()].flatMap(streams => [...streams].map(({ service }) => service)))
  }

  migrate(peer: PeerSession): void {
    const side = this.#sideOf(peer.session)
    for (const one of this.#of(peer.identity.endpoint))
      if (!one.stream.isLost && !one.stream.isCarriedBy(side) && one.stream.isResumable)
        void this.#move(one, peer)
  }

  drop(isGone: (identity: EndpointIdentity, service: ServiceName) => boolean, reason: MeshError): void {
    for (const streams of this.#streams.values())
      for (const one of streams) if (isGone(one.peer, one.service)) this.#end(one, reason)
  }

  [Symbol.dispose](): void {
    this.#stopped.abort()
    this.#lost[Symbol.dispose]()
    for (const streams of this.#streams.values()) for (const { stream } of streams) breakOff(stream)
  }

  #of(endpoint: EndpointId): DialledStream[] {
    return [...(this.#streams.get(endpoint) ?? [])]
  }

  #onLost(one: DialledStream): void {
    const { closedBy } = one.carriedBy
    if (closedBy !== undefined && (isFinal(closedBy) || closedBy.code === 'certificate-expired')) {
      this.#end(one, closedBy)
      return
    }
    this.#lost.add(one)
    // While it is being moved, that decides what comes next.
    if (!one.isMoving) void this.#revive(one.peer.endpoint)
  }

  /** Find a session and move to it what was lost, again and again until nothing is. One at a time for each peer. */
  async #revive(endpoint: EndpointId): Promise<void> {
    if (this.#reviving.has(endpoint)) return
    this.#reviving.add(endpoint)
    const lost = () => this.#of(endpoint).filter(({ stream }) => stream.isLost)
    const { log } = this.#options
    const sinceMs = performance.now()
    log.info('streams.lost', { peer: endpoint, count: lost().length })
    for (let tries = this.#firstTry(endpoint); lost().length > 0; tries += 1) {
      await this.#pause(PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)] as number)
      if (this.#stopped.signal.aborted) break
      const moving = lost()
      try {
        const peer = await this.#options.session(endpoint)
        await Promise.all(moving.map(one => this.#move(one, peer)))
      } catch (thrown) {
        const error = toMeshError(thrown)
        if (isFinal(error)) for (const one of lost()) this.#end(one, error)
      }
    }
    this.#reviving.delete(endpoint)
    this.#revivedAtMs.set(endpoint, performance.now())
    log.info('streams.resumed', { peer: endpoint, tookMs: Math.round(performance.now() - sinceMs) })
  }

  /** A path that dies as soon as it comes up is not tried without a pause. */
  #firstTry(endpoint: EndpointId): number {
    const revivedAtMs = this.#revivedAtMs.get(endpoint) ?? Number.NEGATIVE_INFINITY
    return performance.now() - revivedAtMs < FLAP_MS ? 1 : 0
  }

  /** Never throws: a stream that could not be moved is where it was, or has ended. */
  async #move(one: DialledStream, peer: PeerSession): Promise<void> {
    const { stream, service } = one
    if (one.isMoving || stream.destroyed) return
    one.isMoving = true
    let carrier: ClientHttp2Stream | undefined
    try {
      const { ticket, owner } = await this.#options.ticket(service)
      if (owner !== one.owner || peer.identity.user !== one.owner)
        throw new MeshError('denied', `Cannot resume stream to "${service}": it is another user's now`)
      stream.hold()
      one.attempt += 1
      carrier = peer.session.request({
        ':method': 'CONNECT',
        ':authority': encodeURIComponent(service),
        [SESSION_TICKET_HEADER]: ticket,
        [RESUME_HEADER]: formatStreamId(one.sessionName, one.number),
        [ATTEMPT_HEADER]: String(one.attempt),
        [RECEIVED_HEADER]: String(stream.received),
      })
      peer.use(carrier)
      const headers = await this.#options.answered(carrier, service)
      if (stream.destroyed) throw new MeshError('link-closed', 'Cannot resume stream: it has ended here')
      stream.carryOn(carrier, this.#sideOf(peer.session), parseCount(headers[RECEIVED_HEADER]))
      one.carriedBy = peer
      this.#lost.delete(one)
    } catch (thrown) {
      if (carrier !== undefined) breakOff(carrier)
      stream.letGo()
      this.#notMoved(one, toMeshError(thrown))
    } finally {
      one.isMoving = false
      if (stream.isLost) void this.#revive(one.peer.endpoint)
    }
  }

  #notMoved(one: DialledStream, error: MeshError): void {
    const { stream } = one
    if (stream.destroyed) return
    // All came and went; what is missing is only that the other side said so before it forgot.
    if (error.code === 'not-found' && stream.isOver) stream.destroy()
    else if (isFinal(error)) this.#end(one, error)
  }

  #end({ stream, service, peer }: DialledStream, reason: MeshError): void {
    if (stream.destroyed) return
    this.#options.log.info('stream.ended', { service, peer: peer.endpoint, reason: reason.message })
    stream.destroy(reason)
  }

  #sideOf(session: ClientHttp2Session): SideStream {
    const side = this.#sides.of(session)
    if (side.isOpen || session.closed || session.destroyed) return side
    const stream = session.request({
      ':method': 'CONNECT',
      ':authority': SIDE_STREAM_AUTHORITY,
      [REPORT_HEADER]: String(REPORT_BYTES),
    })
    stream.once('response', headers => {
      side.hearPromptness(headers[REPORT_HEADER])
      if (headers[':status'] !== 200) stream.close()
    })
    side.open(stream)
    return side
  }

  #pause(pauseMs: number): Promise<void> {
    const { signal } = this.#stopped
    return new Promise(resolve => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, pauseMs)
      signal.addEventListener('abort', done, { once: true })
    })
  }
}

/** No other try would end differently. */
function isFinal({ code }: MeshError): boolean {
  return FINAL.has(code)
}

const FINAL: ReadonlySet<ErrorCode> = new Set([
  'bad-message',
  'denied',
  'evicted',
  'not-found',
  'not-trusted',
])
/** Before each try to find a new path; the last one again and again. */
const PAUSES_MS = [0, 100, 250, 500]
/** A path that died sooner than this after it came up is waited for. */
const FLAP_MS = 1_000
