import type { Http2Stream } from 'node:http2'
import { Duplex } from 'node:stream'
import { MeshError } from '../core/model/errors.ts'
import { SentBytes } from '../core/stream/sent-bytes.ts'
import type { ReportedStream, SideStream, StreamReports } from './resumable-records.ts'

/** What all resumable streams of an agent keep together; see `MAX_KEPT_BYTES_TOGETHER`. */
export interface KeptBudget {
  usedBytes: number
  readonly maxBytes: number
}

/** What a resumable stream needs of the agent. */
export interface ResumableOptions {
  readonly budget: KeptBudget
  /** What was sent on the first carrier before this was made. */
  readonly early?: readonly Uint8Array[]
  /** The carrier died, not the stream: find another one. Called again for each. */
  readonly onLost: () => void
}

/**
 * A stream that outlives the HTTP/2 stream that carries it. To its user it is an ordinary duplex; below, the carrier is
 * exchanged when its session dies, or a better path comes up.
 *
 * It is _carried_ (bytes flow), _held_ (nothing is read, while the two sides agree on a new carrier), or _lost_ (no
 * carrier: nothing is read or taken, what was sent is kept). Bytes pass as they are. What is sent is kept, by
 * reference, until the other side says on the side stream of the session that it has it. An end is believed only
 * when the other side has said on that side stream after how many bytes it comes: a session that dies may look
 * like an end.
 *
 * Events beside those of every duplex: `lost` when it is, `carried` when it is carried again: who has another way may take that
 * instead of waiting.
 *
 * @see docs/protocol.md, "Resumable streams"
 */
export class ResumableStream extends Duplex implements ReportedStream {
  readonly #options: ResumableOptions
  readonly #sent = new SentBytes()
  #carrier: Http2Stream | undefined
  #side: SideStream | undefined
  #reports: StreamReports | undefined
  #isHeld = false
  /** The user's side takes more. */
  #isWanted = true
  /** Bytes given to the user's side, and the end as one more. */
  #received = 0
  #receivedBytes = 0
  /** Where the other side's bytes end, by its word on the side stream now in use. */
  #endsAt: number | undefined
  /** The user's write, or end, that waits. */
  #taken: (() => void) | undefined
  #delivered: (() => void) | undefined
  #keptCost = 0
  #isResumable = true
  /** The connection that it was joined to, if it was. */
  #joined: Duplex | undefined
  #isJoinedPaused = false

  constructor(options: ResumableOptions) {
    super({ allowHalfOpen: true })
    this.#options = options
    for (const chunk of options.early ?? []) this.#sent.add(chunk)
    this.#settleBudget()
  }

  /** How far this side got in what the other one sends: a position, see `SentBytes`. */
  get received(): number {
    return this.#received
  }

  /** After how many bytes this side's end comes, once it has come. */
  get endsAfter(): number | undefined {
    return this.#sent.isEnded ? this.#sent.byteCount : undefined
  }

  /** How far the other side got, by its own word. */
  get acknowledgedAt(): number {
    return this.#sent.acknowledged
  }

  get isLost(): boolean {
    return this.#carrier === undefined && !this.destroyed
  }

  /** False once too much is kept by all together: then it lives as long as its carrier and no longer. */
  get isResumable(): boolean {
    return this.#isResumable
  }

  /** Nothing is left to do but to hear that all has arrived; the user's both sides have ended. */
  get isOver(): boolean {
    return this.#received > this.#receivedBytes && this.#sent.isEnded
  }

  /** Whether it is carried by this session. */
  isCarriedBy(side: SideStream): boolean {
    return this.#side === side && this.#carrier !== undefined
  }

  /** Begin with the first carrier, on which the early bytes were sent. */
  begin(carrier: Http2Stream, side: SideStream): void {
    this.#carry(carrier, side)
  }

  /** Read no more, so that `received` stays what it is, until `carryOn` or `letGo`. */
  hold(): void {
    this.#isHeld = true
    this.#carrier?.pause()
  }

  /** No new carrier came of it: go on with the old one, if it lives. */
  letGo(): void {
    this.#isHeld = false
    if (this.#isWanted) this.#carrier?.resume()
    this.#takeEnd()
  }

  /** Whether the other side may have got just so far. @throws MeshError `bad-message` if not; nothing has changed then */
  requirePosition(position: number): void {
    this.#sent.after(position)
  }

  /**
   * Go on with a new carrier: what the other side has not got is sent again.
   *
   * @param position  how far the other side got
   * @throws MeshError `bad-message` for a position that cannot be; nothing has changed then
   */
  carryOn(carrier: Http2Stream, side: SideStream, position: number): void {
    const again = this.#sent.after(position)
    this.#leaveCarrier()
    this.#isHeld = false
    this.#carry(carrier, side)
    carrier.cork()
    for (const chunk of again) carrier.write(chunk)
    carrier.uncork()
    this.#reports?.sent(this.#sent.byteCount)
    if (this.#sent.isEnded) this.#reports?.ended()
    this.acknowledged(position)
    this.emit('carried')
  }

  /** HTTP/2's own end means nothing without what is said of it on the side stream, so it goes with that. */
  endTold(): void {
    this.#carrier?.end()
  }

  /** The other side has got everything before `position`. @throws MeshError `bad-message` */
  acknowledged(position: number): void {
    this.#sent.acknowledge(position)
    this.#settleBudget()
    this.#takeMore()
    if (!this.#sent.isDelivered) return
    this.#delivered?.()
    this.#delivered = undefined
  }

  /** The other side's bytes end after `byteCount`. @throws MeshError `bad-message` for fewer than came */
  ends(byteCount: number): void {
    if (byteCount < this.#receivedBytes) {
      throw new MeshError(
        'bad-message',
        `Cannot go on with stream: its end is said to come after ${byteCount} bytes, but ${this.#receivedBytes} came`,
      )
    }
    this.#endsAt = byteCount
    this.#takeEnd()
  }

  /** The other side broke it. */
  broken(): void {
    this.destroy(new MeshError('link-closed', 'Stream ended: the other side broke the connection'))
  }

  /** The session of the carrier is gone. */
  lost(): void {
    if (this.destroyed || this.#carrier === undefined) return
    this.#leaveCarrier()
    if (this.#isResumable) {
      this.emit('lost')
      this.#options.onLost()
    } else this.destroy(new MeshError('link-closed', 'Stream ended: its path died, and it was not resumable'))
  }

  /**
   * Copy between it and a connection both ways, and pass on both ends, as `join` of the SDK does, but without what Node's streams
   * do here for each chunk. A break is passed on by the caller. Nobody else may read it or write to it from now on.
   */
  joinTo(connection: Duplex): void {
    for (let early = this.read(); early !== null; early = this.read()) connection.write(early)
    this.#joined = connection
    connection.on('drain', () => this._read())
    this.on('end', () => connection.end())
    this.resume()
    // What was written before goes first.
    if (this.writableLength === 0) this.#takeFrom(connection)
    else this.write('', () => this.#takeFrom(connection))
  }

  #takeFrom(connection: Duplex): void {
    connection.on('data', (chunk: Buffer) => {
      this.#sent.add(chunk)
      this.#carrier?.write(chunk, this.#takeMore)
      this.#reports?.sent(this.#sent.byteCount)
      this.#settleBudget()
      if (!this.#isFull) return
      this.#isJoinedPaused = true
      connection.pause()
    })
    if (connection.readableEnded) this.end()
    else connection.on('end', () => this.end())
    connection.resume()
  }

  /** A connection that it was joined to has to wait. */
  get #isFull(): boolean {
    const waitingBytes = this.#carrier?.writableLength ?? Number.POSITIVE_INFINITY
    const limitBytes = this.#isJoinedPaused ? AHEAD_BYTES / 2 : AHEAD_BYTES
    return waitingBytes > limitBytes || this.#isFarAhead
  }

  /** As much is in flight, or kept, as may be. */
  get #isFarAhead(): boolean {
    const { byteCount, acknowledged, keptCost } = this.#sent
    const shareBytes = this.#reports?.shareBytes ?? Number.POSITIVE_INFINITY
    // It goes on in pieces that are worth encrypting together.
    const limitBytes = this.#isJoinedPaused ? shareBytes * 0.75 : shareBytes
    return byteCount - acknowledged >= limitBytes || keptCost >= MAX_KEPT_BYTES
  }

  override _read(): void {
    this.#isWanted = true
    if (!this.#isHeld) this.#carrier?.resume()
  }

  override _write(chunk: Buffer, _encoding: string, taken: () => void): void {
    this.#sent.add(chunk)
    this.#taken = taken
    this.#carrier?.write(chunk)
    this.#reports?.sent(this.#sent.byteCount)
    this.#settleBudget()
    this.#takeMore()
  }

  /** What came while it was busy goes on in one piece: encrypting and sending it costs less. */
  override _writev(chunks: { chunk: Buffer }[], taken: () => void): void {
    const carrier = this.#carrier
    carrier?.cork()
    for (const { chunk } of chunks) {
      this.#sent.add(chunk)
      carrier?.write(chunk)
    }
    carrier?.uncork()
    this.#reports?.sent(this.#sent.byteCount)
    this.#taken = taken
    this.#settleBudget()
    this.#takeMore()
  }

  override _final(delivered: () => void): void {
    this.#sent.end()
    this.#delivered = delivered
    this.#reports?.ended()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const carrier = this.#carrier
    const isInOrder = this.readableEnded && this.writableFinished
    this.#forgetCarrier(!isInOrder)
    if (carrier !== undefined && !isInOrder) carrier.destroy(error ?? BROKEN())
    // One that ended in order closes when the last of it was read.
    else carrier?.resume()
    this.#sent.letAllGo()
    this.#settleBudget()
    done(error)
  }

  #carry(carrier: Http2Stream, side: SideStream): void {
    this.#carrier = carrier
    this.#side = side
    this.#endsAt = undefined
    this.#reports = side.join(this, carrier.id as number)
    carrier.on('data', this.#onData)
    carrier.on('drain', this.#takeMore)
    carrier.on('error', ignore)
    carrier.on('close', this.#onClose)
    const hasEnded = this.#received > this.#receivedBytes
    if (!this.#isWanted && !hasEnded) carrier.pause()
    if (carrier.closed) this.#onClose()
  }

  #forgetCarrier(isBroken: boolean): void {
    this.#reports?.leave(isBroken)
    this.#carrier?.off('data', this.#onData)
    this.#carrier?.off('drain', this.#takeMore)
    this.#carrier?.off('close', this.#onClose)
    this.#carrier = undefined
    this.#side = undefined
    this.#reports = undefined
  }

  /** What still comes on it, or has not left yet, is sent again on the next one. */
  #leaveCarrier(): void {
    const carrier = this.#carrier
    this.#forgetCarrier(false)
    carrier?.close(SUPERSEDED)
    // What is not read of a stream would keep it.
    carrier?.resume()
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#receivedBytes += chunk.length
    this.#received += chunk.length
    if (this.#receivedBytes > (this.#endsAt ?? Number.POSITIVE_INFINITY)) {
      this.destroy(new MeshError('bad-message', 'Stream ended: the other side sent more after its end'))
      return
    }
    this.#reports?.received(chunk.length)
    if (!(this.#joined?.write(chunk) ?? this.push(chunk))) {
      this.#isWanted = false
      this.#carrier?.pause()
    }
    if (this.#endsAt !== undefined) this.#takeEnd()
  }

  readonly #onClose = (): void => {
    const carrier = this.#carrier
    if (carrier === undefined || this.destroyed) return
    const isSessionGone = this.#side?.isGone ?? true
    if (isSessionGone || carrier.rstCode === SUPERSEDED) this.lost()
    else if (carrier.rstCode !== 0) {
      // Of a stream that was broken the side stream tells at once. A session that is ended by force breaks its streams too, and
      // that is heard before its own end.
      setTimeout(() => this.#carrier === carrier && this.broken(), REASON_MS).unref()
    }
    // In order: what is missing yet comes by the side stream.
  }

  readonly #takeMore = (): void => {
    if (this.#isJoinedPaused && !this.#isFull) {
      this.#isJoinedPaused = false
      this.#joined?.resume()
    }
    const taken = this.#taken
    if (taken === undefined || this.#carrier === undefined) return
    if (this.#carrier.writableNeedDrain || this.#isFarAhead) return
    this.#taken = undefined
    taken()
  }

  #takeEnd(): void {
    if (this.#isHeld || this.#endsAt !== this.#receivedBytes || this.#received > this.#receivedBytes) return
    this.#received += 1
    this.#reports?.received(0)
    this.push(null)
    // Nothing comes any more but HTTP/2's own end, which closes the carrier.
    this.#carrier?.resume()
  }

  /** Count what is kept; over the limit of all together this one keeps nothing any more. */
  #settleBudget(): void {
    const { budget } = this.#options
    budget.usedBytes += this.#sent.keptCost - this.#keptCost
    this.#keptCost = this.#sent.keptCost
    if (budget.usedBytes <= budget.maxBytes || !this.#isResumable) return
    this.#isResumable = false
    this.#sent.letAllGo()
    this.#settleBudget()
  }
}

/** It is the `close` that is acted on. */
function ignore(): void {}

const BROKEN = () => new MeshError('link-closed', 'Stream ended: the connection was broken')

/** How long a carrier that was broken waits to be told of a stream, or a session, that was. */
const REASON_MS = 1_000

/** What may wait to be sent of a connection that it was joined to: encrypted and sent in larger pieces, it costs less. */
const AHEAD_BYTES = 262_144
/** Error code CANCEL, RFC 9113 section 7: the HTTP/2 stream is not needed any more, the connection that it carried is. */
const SUPERSEDED = 0x8
/**
 * What one stream keeps until it is acknowledged, chunks with their `CHUNK_COST_BYTES`: the window of the stream, and what passes
 * until an acknowledgement comes.
 */
export const MAX_KEPT_BYTES = 4_194_304
/** What the resumable streams of an agent keep together in one mesh; a stream that would need more cannot be resumed any more. */
export const MAX_KEPT_BYTES_TOGETHER = 268_435_456
