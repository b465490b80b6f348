/**
 * The beginning of something whose end has not come yet. One buffer that doubles as bytes arrive: its size follows
 * what came, never what was announced, and a thousand chunks of one byte cost no more than one chunk of a thousand.
 */
export interface PendingBytes {
  readonly length: number
  /** Add a copy of `chunk`. */
  append(chunk: Uint8Array): void
  /** The bytes, as a view that holds until the next call. */
  view(): Uint8Array
  /** A copy of the bytes from `start` to before `end`; it belongs to the caller. */
  copy(start: number, end: number): Uint8Array<ArrayBuffer>
  /** Forget everything; memory beyond a few KiB is given back. */
  clear(): void
}

/** Make an empty one. It takes no memory until something is added. */
export function createPendingBytes(): PendingBytes {
  let buffer = new Uint8Array(0)
  let length = 0
  return {
    get length() {
      return length
    },
    append(chunk) {
      const needed = length + chunk.length
      if (needed > buffer.length) {
        const larger = new Uint8Array(Math.max(needed, Math.min(buffer.length * 2, needed + MAX_SLACK_BYTES)))
        larger.set(buffer.subarray(0, length))
        buffer = larger
      }
      buffer.set(chunk, length)
      length = needed
    },
    view: () => buffer.subarray(0, length),
    copy: (start, end) => buffer.slice(start, Math.min(end, length)),
    clear() {
      length = 0
      if (buffer.length > KEPT_BYTES) buffer = new Uint8Array(0)
    },
  }
}

// So that a long line grows the buffer by what came plus at most this much.
const MAX_SLACK_BYTES = 1_048_576
const KEPT_BYTES = 4_096
