import { randomUUID } from 'node:crypto'
import type { Http2Session, Http2Stream } from 'node:http2'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import { type Ms, ms } from '../core/model/time.ts'
import { type FlightStream, FlightWindow, newFlightStream } from '../core/stream/flight-window.ts'
import { LivelyStream } from '../core/stream/lively-stream.ts'
import { isPrompt, REPORT_BYTES } from '../core/stream/resume-headers.ts'
import {
  createStreamRecordDecoder,
  encodeStreamRecords,
  type StreamRecord,
} from '../core/stream/stream-record.ts'

/** What the side stream of a session needs of a stream that the session carries. */
export interface ReportedStream {
  /** How far this side got: a position, see `SentBytes`. */
  readonly received: number
  /** After how many bytes this side's end comes, once it has come. */
  readonly endsAfter: number | undefined
  /** How far the other side got, by its own word. */
  readonly acknowledgedAt: number
  /** The other side is being told of this side's end: HTTP/2's own goes with that. */
  endTold(): void
  /** @throws MeshError `bad-message` */
  acknowledged(position: number): void
  /** @throws MeshError `bad-message` */
  ends(byteCount: number): void
  broken(): void
  /** The session is gone. */
  lost(): void
  destroy(error: MeshError): void
}

/** Tells the other side about one stream. */
export interface StreamReports {
  /** What the stream may have in flight, bytes: see `FlightWindow`. */
  readonly shareBytes: number
  /** Everything before `position` was written. */
  sent(position: number): void
  /** `received` has grown by that. */
  received(byteCount: number): void
  /** `endsAfter` is known: said with all else of this turn. */
  ended(): void
  /** Nothing will be said or heard of the stream any more in this session, but what is still to be said. */
  leave(isBroken: boolean): void
}

/**
 * The side stream of a session, on which each side says how far it got in the resumable streams that the session carries:
 * some 100 ms after something came, or at once when it was much, or when there is something to say at once; within 4 ms while another
 * stream of the session carries what somebody may wait for. What is to be
 * said is one record a stream, however long the other side does not read.
 *
 * @see docs/protocol.md, "Resumable streams"
 */
export class SideStream {
  readonly #session: Http2Session
  readonly #members = new Map<number, Member>()
  readonly #changed = new Set<Member>()
  #parting: StreamRecord[] = []
  #stream: Http2Stream | undefined
  #timer: NodeJS.Timeout | undefined
  #oftenTimer: NodeJS.Timeout | undefined
  #isFlushing = false
  /** What came in all streams and was not told yet. */
  #untoldBytes = 0
  #flushedAtMs = 0
  #window = new FlightWindow()
  #isPeerPrompt = false
  /** When somebody may have been waiting for a stream of this session, last. */
  #livelyAtMs = Number.NEGATIVE_INFINITY
  readonly #ends: MemberEnds = {
    changed: (member, isSoon) => {
      this.#changed.add(member)
      if (isSoon) this.#flushSoon()
      else this.#flushLater()
    },
    received: (member, byteCount) => {
      this.#changed.add(member)
      this.#untoldBytes += byteCount
      if (member.untoldBytes >= MUCH_BYTES) this.#flushSoon()
      else if (this.#untoldBytes >= REPORT_BYTES && nowMs() - this.#livelyAtMs < TELLING_MS)
        this.#flushPromptly()
      else this.#flushLater()
    },
    windowOf: () =>
      this.#isPeerPrompt && nowMs() - this.#livelyAtMs < BOUNDED_MS ? this.#window : undefined,
    lively: () => this.#bound(),
    left: (member, isBroken) => this.#part(member, isBroken),
  }

  /** Names the session to who goes on with a stream of it in another one: 122 random bits, in hex. */
  readonly name = randomUUID().replaceAll('-', '')

  constructor(session: Http2Session) {
    this.#session = session
    session.once('close', () => {
      clearTimeout(this.#timer)
      clearTimeout(this.#oftenTimer)
      for (const { stream } of [...this.#members.values()]) stream.lost()
      this.#members.clear()
    })
  }

  /** Whether the session has ended. */
  get isGone(): boolean {
    return this.#session.destroyed
  }

  get isOpen(): boolean {
    return this.#stream !== undefined
  }

  /** The other side said with `REPORT_HEADER` how promptly it tells of what came: from now on what is in flight to it may be bounded. */
  hearPromptness(reportBytes: unknown): void {
    this.#isPeerPrompt = isPrompt(reportBytes)
  }

  /** Speak on `stream` from now on. Its end is the end of the session: without it, nothing is ever acknowledged. */
  open(stream: Http2Stream): void {
    this.#stream = stream
    const decoder = createStreamRecordDecoder()
    stream.on('error', () => {})
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const record of decoder.push(chunk)) this.#hear(record)
      } catch (error) {
        this.#session.destroy(toMeshError(error))
      }
    })
    stream.on('drain', () => this.#flush())
    stream.once('close', () => this.#session.destroy())
    this.#flush()
  }

  /** @param number  that of the HTTP/2 stream which carries it */
  join(stream: ReportedStream, number: number): StreamReports {
    const member = new Member(stream, number, this.#ends)
    this.#members.set(number, member)
    return member
  }

  #part(member: Member, isBroken: boolean): void {
    if (!this.#members.delete(member.number)) return
    this.#changed.delete(member)
    if (this.isGone) return
    member.takeNews(this.#parting)
    if (isBroken) this.#parting.push({ kind: 'broken', stream: member.number, position: 0 })
    if (this.#parting.length > MAX_PARTING) this.#session.destroy(NOT_READ())
    else if (isBroken) this.#flushSoon()
    else this.#flushLater()
  }

  #hear({ kind, stream: number, position }: StreamRecord): void {
    // One that is not known has ended here, or was never resumable.
    const member = this.#members.get(number)
    if (member === undefined) return
    const { stream, flight } = member
    try {
      if (kind === 'received') {
        this.#ends.windowOf()?.acknowledged(flight, position, nowMs())
        stream.acknowledged(position)
      } else if (kind === 'ended') stream.ends(position)
      else stream.broken()
    } catch (error) {
      stream.destroy(toMeshError(error))
    }
  }

  /** With everything else that happens in this turn. */
  #flushSoon(): void {
    if (this.#isFlushing) return
    this.#isFlushing = true
    const flush = () => {
      this.#isFlushing = false
      this.#flush()
    }
    // One more round of the event loop costs more than it gathers from a few.
    if (this.#members.size > FEW) setImmediate(flush)
    else process.nextTick(flush)
  }

  /** Somebody may be waiting: what is in flight is bounded for a while, by what is learnt of the way from now on. */
  #bound(): void {
    const now = nowMs()
    if (now - this.#livelyAtMs >= BOUNDED_MS) {
      this.#window = new FlightWindow()
      for (const member of this.#members.values()) member.beginFlight()
    }
    this.#livelyAtMs = now
  }

  #flushPromptly(): void {
    if (this.#oftenTimer !== undefined || this.#isFlushing) return
    if (nowMs() - this.#flushedAtMs >= OFTEN_MS) this.#flushSoon()
    else
      this.#oftenTimer = setTimeout(() => {
        this.#oftenTimer = undefined
        this.#flush()
      }, OFTEN_MS).unref()
  }

  #flushLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#flush()
    }, REPORT_MS).unref()
  }

  #flush(): void {
    const stream = this.#stream
    if (stream === undefined || stream.destroyed || stream.writableNeedDrain) return
    this.#untoldBytes = 0
    this.#flushedAtMs = nowMs()
    const records = this.#parting
    this.#parting = []
    const ended = [...this.#changed].filter(member => member.takeNews(records))
    this.#changed.clear()
    if (records.length > 0) stream.write(encodeStreamRecords(records))
    // In one go with the records: the other side is woken once.
    for (const member of ended) member.stream.endTold()
  }
}

/** The side streams of all sessions, made when they are first asked for. */
export function createSideStreams(): { of(session: Http2Session): SideStream } {
  const known = new WeakMap<Http2Session, SideStream>()
  return {
    of(session) {
      const side = known.get(session) ?? new SideStream(session)
      known.set(session, side)
      return side
    },
  }
}

/** What a member needs of its side stream. */
interface MemberEnds {
  changed(member: Member, isSoon: boolean): void
  received(member: Member, byteCount: number): void
  /** Undefined while nothing bounds what is in flight. */
  windowOf(): FlightWindow | undefined
  /** The member carries what somebody may wait for. */
  lively(): void
  left(member: Member, isBroken: boolean): void
}

/** A stream of the session, and what was said of it. */
class Member implements StreamReports {
  readonly stream: ReportedStream
  readonly number: number
  flight: FlightStream
  readonly #side: MemberEnds
  readonly #liveliness = new LivelyStream()
  #sentAt: number
  #toldReceived: number
  #isEndTold = false

  constructor(stream: ReportedStream, number: number, side: MemberEnds) {
    this.stream = stream
    this.number = number
    this.#side = side
    this.#toldReceived = stream.received
    this.flight = newFlightStream(stream.acknowledgedAt)
    this.#sentAt = stream.acknowledgedAt
  }

  /** What came and was not told. */
  get untoldBytes(): number {
    return this.stream.received - this.#toldReceived
  }

  /** What is in flight counts from now on. */
  beginFlight(): void {
    this.flight = newFlightStream(this.stream.acknowledgedAt)
    this.flight.sentAt = this.#sentAt
  }

  get shareBytes(): number {
    return this.#side.windowOf()?.shareBytes ?? Number.POSITIVE_INFINITY
  }

  sent(position: number): void {
    const now = nowMs()
    if (this.#liveliness.carried(position - this.#sentAt, now)) this.#side.lively()
    this.#sentAt = position
    this.#side.windowOf()?.sent(this.flight, position, now)
  }

  received(byteCount: number): void {
    if (this.#liveliness.carried(byteCount, nowMs())) this.#side.lively()
    this.#side.received(this, byteCount)
  }

  ended(): void {
    this.#side.changed(this, true)
  }

  leave(isBroken: boolean): void {
    this.#side.left(this, isBroken)
  }

  /** Add to `records` what is new of the stream; it counts as told then. @returns whether its end is among that */
  takeNews(records: StreamRecord[]): boolean {
    const { stream, number } = this
    if (stream.received > this.#toldReceived) {
      this.#toldReceived = stream.received
      records.push({ kind: 'received', stream: number, position: stream.received })
    }
    if (stream.endsAfter === undefined || this.#isEndTold) return false
    this.#isEndTold = true
    records.push({ kind: 'ended', stream: number, position: stream.endsAfter })
    return true
  }
}

const NOT_READ = () =>
  new MeshError('too-slow', 'Session ended: the other side does not read what is said of its streams')

/** With more streams than this, what is said of one waits for the others of the turn. */
const FEW = 4
function nowMs(): Ms {
  return ms(performance.now())
}

/** How long after a lively piece what is in flight is bounded, … */
const BOUNDED_MS = 2_000
/** … and what came is told promptly: longer, as the other side saw the piece earlier or later than this one. */
const TELLING_MS = 2 * BOUNDED_MS
/** What came of one stream is told at once when it is this much, … */
const MUCH_BYTES = 1_048_576
/** … of all of them when it is `REPORT_BYTES`, while that matters and if the last time is as long ago as this … */
const OFTEN_MS = 4
/** … or else after this time. */
export const REPORT_MS = 100
/** Records of streams that are over, kept for a peer that does not read them; then the session ends. */
const MAX_PARTING = 20_000
