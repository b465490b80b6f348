import type { Http2Session, Http2Stream } from 'node:http2'
import { MeshError, toMeshError } from '../core/model/errors.ts'
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
  /** `received` has grown. */
  received(): void
  /** The end of one direction was sent, or came: said at once. */
  ended(): void
  /** Nothing will be said or heard of the stream any more in this session, but what is still to be said. */
  leave(isBroken: boolean): void
}

/**
 * The side stream of a session, on which each side says how far it got in the resumable streams that the session carries:
 * some 100 ms after something came, or sooner when it was much. What is to be said is one record a stream, however
 * long the other side does not read.
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
  #isFlushing = false

  constructor(session: Http2Session) {
    this.#session = session
    session.once('close', () => {
      clearTimeout(this.#timer)
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
    const member: Member = { stream, number, toldReceived: stream.received, isEndTold: false }
    this.#members.set(number, member)
    return {
      received: () => {
        if (stream.received - member.toldReceived >= REPORT_BYTES) this.#flushSoon()
        else this.#timer ??= setTimeout(() => this.#flush(), REPORT_MS).unref()
        this.#changed.add(member)
      },
      ended: () => {
        this.#changed.add(member)
        this.#flushSoon()
      },
      leave: isBroken => {
        if (!this.#members.delete(number)) return
        this.#changed.delete(member)
        if (this.isGone) return
        this.#parting.push(...recordsOf(member))
        if (isBroken) this.#parting.push({ kind: 'broken', stream: number, position: 0 })
        if (this.#parting.length > MAX_PARTING) this.#session.destroy(NOT_READ())
        else this.#flushSoon()
      },
    }
  }

  #hear({ kind, stream: number, position }: StreamRecord): void {
    // One that is not known has ended here, or was never resumable.
    const stream = this.#members.get(number)?.stream
    if (stream === undefined) return
    try {
      if (kind === 'received') stream.acknowledged(position)
      else if (kind === 'ended') stream.ends(position)
      else stream.broken()
    } catch (error) {
      stream.destroy(toMeshError(error))
    }
  }

  /** With everything else that happens in this turn. */
  #flushSoon(): void {
    if (this.#isFlushing) return
    this.#isFlushing = true
    setImmediate(() => {
      this.#isFlushing = false
      this.#flush()
    })
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const stream = this.#stream
    if (stream === undefined || stream.destroyed || stream.writableNeedDrain) return
    const records = this.#parting
    this.#parting = []
    for (const member of this.#changed) records.push(...recordsOf(member))
    this.#changed.clear()
    if (records.length > 0) stream.write(encodeStreamRecords(records))
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

interface Member {
  readonly stream: ReportedStream
  readonly number: number
  toldReceived: number
  isEndTold: boolean
}

/** What is new of one stream; it is told then. */
function recordsOf(member: Member): StreamRecord[] {
  const { stream, number } = member
  const records: StreamRecord[] = []
  if (stream.received > member.toldReceived) {
    member.toldReceived = stream.received
    records.push({ kind: 'received', stream: number, position: stream.received })
  }
  if (stream.endsAfter !== undefined && !member.isEndTold) {
    member.isEndTold = true
    records.push({ kind: 'ended', stream: number, position: stream.endsAfter })
  }
  return records
}

const NOT_READ = () =>
  new MeshError('too-slow', 'Session ended: the other side does not read what is said of its streams')

/** What came is told once it is this much … */
export const REPORT_BYTES = 1_048_576
/** … or after this time. */
export const REPORT_MS = 100
/** Records of streams that are over, kept for a peer that does not read them; then the session ends. */
const MAX_PARTING = 20_000
