/**
 * Memory that connections are read into, in three sizes: one that carries little has a small buffer, one whose reads fill
 * it a medium one, and one that fills that a large one, of which there are few. What is given back is used again.
 *
 * Large reads are cheap: half as many calls of the system, and a processor that stays at copying.
 */
export class ReadBuffers {
  readonly #free: Buffer[][] = SIZES_BYTES.map(() => [])
  #largeCount = 0

  /** A small one. */
  take(): Buffer {
    return this.#takeOf(0)
  }

  /** Give one back: nothing may be read into it any more, nor be on its way out of it. */
  give(buffer: Buffer): void {
    const size = SIZES_BYTES.indexOf(buffer.length)
    if (size === LARGE) this.#largeCount -= 1
    const free = this.#free[size]
    if (free !== undefined && free.length < MAX_FREE_BUFFERS) free.push(buffer)
  }

  /**
   * The buffer to read into next, after a read into `buffer`. If it is another, `buffer` was given back.
   *
   * @param byteCount  how much was read
   * @param mostBytes  no buffer bigger than that, but for the small one
   */
  fit(buffer: Buffer, byteCount: number, mostBytes = Infinity): Buffer {
    const size = SIZES_BYTES.indexOf(buffer.length)
    const next = this.#sizeAfter(size, byteCount)
    if (next === size || (next > size && (SIZES_BYTES[next] ?? 0) > mostBytes)) return buffer
    this.give(buffer)
    return this.#takeOf(next)
  }

  #sizeAfter(size: number, byteCount: number): number {
    if (byteCount === SIZES_BYTES[size]) {
      const bigger = size + 1
      return bigger < LARGE || (bigger === LARGE && this.#largeCount < MAX_LARGE_BUFFERS) ? bigger : size
    }
    return size > 0 && byteCount <= (SIZES_BYTES[size - 1] ?? 0) ? size - 1 : size
  }

  #takeOf(size: number): Buffer {
    if (size === LARGE) this.#largeCount += 1
    return this.#free[size]?.pop() ?? Buffer.allocUnsafeSlow(SIZES_BYTES[size] ?? 0)
  }
}

/** Of a connection that carries little. */
export const SMALL_BUFFER_BYTES = 4_096
/** Of one whose reads fill a small one. */
export const MEDIUM_BUFFER_BYTES = 65_536
/** Of one whose reads fill a medium one, while there are any. */
export const LARGE_BUFFER_BYTES = 524_288
/** Large ones in use at once. */
export const MAX_LARGE_BUFFERS = 64
/** Buffers of each size that are kept for the next. */
const MAX_FREE_BUFFERS = 64
const SIZES_BYTES: readonly number[] = [SMALL_BUFFER_BYTES, MEDIUM_BUFFER_BYTES, LARGE_BUFFER_BYTES]
const LARGE = 2
