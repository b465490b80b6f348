import type { Ms } from '../model/time.ts'

/**
 * Whether somebody may be waiting for what a stream carries: it carries little at a time, as keys and their echo are, and requests.
 * Pure; times are of any steady clock.
 *
 * @see docs/decisions/0065-bounded-flight.md
 */
export class LivelyStream {
  #sinceMs: Ms | undefined
  /** Since then. */
  #byteCount = 0

  /**
   * Bytes were carried, either way.
   *
   * @returns whether they are such a piece: little, with little before it in at least `PERIOD_MS`, or with nothing at all
   */
  carried(byteCount: number, nowMs: Ms): boolean {
    const isFirst = this.#sinceMs === undefined
    if (this.#sinceMs !== undefined && nowMs - this.#sinceMs < PERIOD_MS) {
      this.#byteCount += byteCount
      return false
    }
    const isAfterLittle = isFirst || this.#byteCount <= LITTLE_BYTES
    this.#sinceMs = nowMs
    this.#byteCount = byteCount
    return isAfterLittle && byteCount > 0 && byteCount <= PIECE_BYTES
  }
}

const PERIOD_MS = 100
const LITTLE_BYTES = 8_192
const PIECE_BYTES = 1_024
