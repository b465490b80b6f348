import type { Ms } from '../model/time.ts'

/** What a `FlightWindow` knows of one stream; positions as of `SentBytes`. */
export interface FlightStream {
  /** Everything before was written. */
  sentAt: number
  /** Everything before was acknowledged. */
  heardAt: number
  /** The last epoch in which it carried much. */
  bulkEpoch: number
}

/** A stream that goes on, or begins, at `position`. */
export function newFlightStream(position: number): FlightStream {
  return { sentAt: position, heardAt: position, bulkEpoch: -1 }
}

/**
 * How much the streams of a session may have in flight: written, and not acknowledged by the other side. What is more than the way
 * holds waits in queues (the system's at each hop), and a key pressed in another stream waits behind it.
 *
 * The limit follows what the way carries: the rate at which bytes were acknowledged of late, for one and a half of the shortest round
 * trip of late and `QUEUE_MS`; never less than `LEAST_FLIGHT_BYTES`. So a long fast way is kept full, and a short one has no
 * queue that gains nothing. Lest a queue that always stands be taken for the way's own length, the limit is lowered for
 * a moment every `SPAN_MS`. Congestion is TCP's: where TCP has less under way, this changes nothing.
 *
 * Streams that carry much share the limit evenly. Those that carry little, or whose other side does not read, take nothing of it.
 * Pure; times are of any steady clock.
 *
 * @see docs/decisions/0065-bounded-flight.md
 */
export class FlightWindow {
  #limitBytes: number = LEAST_FLIGHT_BYTES
  /** Of the last epochs in which bytes came, bytes a ms. */
  readonly #rates: number[] = []
  #epoch = 0
  #epochStartMs: number | undefined
  /** Longer than a round trip: in each, all streams that carry much are heard of. */
  #epochMs: number = EPOCH_MS
  #epochBytes = 0
  /** Streams that carry much: in this epoch, and in the one before. */
  #bulkCount = 0
  #lastBulkCount = 0
  #spanStartMs: number | undefined
  #spanMs = FIRST_SPAN_MS
  /** The shortest round trip: of this span, and of the one before. */
  #shortestMs = Number.POSITIVE_INFINITY
  #lastShortestMs = Number.POSITIVE_INFINITY
  #lowUntilMs = Number.NEGATIVE_INFINITY
  /** What is being timed: one position of one stream at any time. */
  #timed: { readonly stream: FlightStream; readonly position: number; readonly atMs: Ms } | undefined

  /** What a stream may have in flight now, bytes. */
  get shareBytes(): number {
    const bulkCount = Math.max(1, this.#bulkCount, this.#lastBulkCount)
    return Math.max(LEAST_SHARE_BYTES, this.#limitBytes / bulkCount)
  }

  /** Everything before `position` was written. */
  sent(stream: FlightStream, position: number, nowMs: Ms): void {
    stream.sentAt = position
    // A new one counts before anything of it was acknowledged, but once: its other side may never read.
    if (stream.bulkEpoch < 0) this.#countBulk(stream)
    // What is little is acknowledged late, to save a message: that would be no round trip.
    if (position - stream.heardAt < TIMED_BYTES) return
    if (this.#timed === undefined || nowMs - this.#timed.atMs > GIVEN_UP_MS)
      this.#timed = { stream, position, atMs: nowMs }
  }

  /** The other side got everything before `position`. */
  acknowledged(stream: FlightStream, position: number, nowMs: Ms): void {
    this.#endEpoch(nowMs)
    this.#countBulk(stream)
    this.#epochBytes += Math.max(0, position - stream.heardAt)
    stream.heardAt = position
    const timed = this.#timed
    if (timed?.stream !== stream || position < timed.position) return
    this.#timed = undefined
    this.#roundTrip(nowMs - timed.atMs, nowMs)
  }

  #countBulk(stream: FlightStream): void {
    if (stream.bulkEpoch === this.#epoch || stream.sentAt - stream.heardAt < BULK_BYTES) return
    stream.bulkEpoch = this.#epoch
    this.#bulkCount += 1
  }

  #roundTrip(tookMs: number, nowMs: Ms): void {
    this.#spanStartMs ??= nowMs
    this.#epochMs = Math.max(EPOCH_MS, 1.5 * tookMs)
    this.#shortestMs = Math.min(this.#shortestMs, tookMs)
    if (nowMs - this.#spanStartMs < this.#spanMs) return
    this.#spanStartMs = nowMs
    this.#spanMs = Math.min(2 * this.#spanMs, SPAN_MS)
    this.#lastShortestMs = this.#shortestMs
    this.#shortestMs = Number.POSITIVE_INFINITY
    this.#limitBytes = Math.max(LEAST_FLIGHT_BYTES, this.#limitBytes) / LOWERED
    this.#lowUntilMs = nowMs + Math.max(EPOCH_MS, 2 * tookMs)
  }

  #endEpoch(nowMs: Ms): void {
    this.#epochStartMs ??= nowMs
    const tookMs = nowMs - this.#epochStartMs
    if (tookMs < this.#epochMs) return
    // Where nothing was to be sent for a while, the rate says nothing of the way.
    if (tookMs < 2 * this.#epochMs) this.#rates.push(this.#epochBytes / tookMs)
    if (this.#rates.length > MAX_RATES) this.#rates.shift()
    this.#epoch += 1
    this.#epochStartMs = nowMs
    this.#epochBytes = 0
    this.#lastBulkCount = this.#bulkCount
    this.#bulkCount = 0
    const shortestMs = Math.min(this.#shortestMs, this.#lastShortestMs)
    if (nowMs < this.#lowUntilMs || this.#rates.length === 0 || shortestMs === Number.POSITIVE_INFINITY)
      return
    const goodForMs = 1.5 * shortestMs + QUEUE_MS
    this.#limitBytes = Math.max(LEAST_FLIGHT_BYTES, Math.max(...this.#rates) * goodForMs)
  }
}

/** The limit at the least, and before anything is known of the way: where round trips vary much, each still carries that. */
export const LEAST_FLIGHT_BYTES = 2_097_152
/** What each stream may have in flight, however many carry much. */
export const LEAST_SHARE_BYTES = 65_536
/** What may wait on the way, in time: it keeps all processes busy. */
const QUEUE_MS = 4
/** The shortest epoch. */
const EPOCH_MS = 100
const MAX_RATES = 8
/** A stream that has as much in flight when it is acknowledged carries much. */
const BULK_BYTES = LEAST_SHARE_BYTES / 2
const TIMED_BYTES = 32_768
/** What is timed may be of a stream that has ended, or whose other side does not read. */
const GIVEN_UP_MS = 5_000
/** The shortest round trip is of this time and of what of the next has passed. The first spans are shorter, for a good start. */
const SPAN_MS = 10_000
const FIRST_SPAN_MS = 500
const LOWERED = 4
