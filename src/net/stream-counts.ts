import type { Duplex } from 'node:stream'

/** What passed through a stream so far, bytes. */
export interface StreamCounts {
  /** What came from the other side. */
  readonly readBytes: number
  /** What was given to the other side; what is still buffered here is not. */
  readonly writtenBytes: number
}

/**
 * Count what passes through a stream from now on. Nothing is copied or wrapped: its own methods add up the lengths of the
 * chunks they are given. Of a stream that was not read yet, what waits to be read counts too.
 *
 * @param writtenBefore  bytes that were written already
 */
export function countStream(stream: Duplex, writtenBefore = 0): StreamCounts {
  let readBytes = stream.readableLength
  let writtenBytes = writtenBefore
  const { push, write, end } = stream
  Object.assign(stream, {
    // A resumable stream that copies by itself would pass by what counts here.
    joinTo: undefined,
    push(...words: unknown[]) {
      readBytes += lengthOf(words)
      return Reflect.apply(push, stream, words)
    },
    write(...words: unknown[]) {
      writtenBytes += lengthOf(words)
      return Reflect.apply(write, stream, words)
    },
    end(...words: unknown[]) {
      writtenBytes += lengthOf(words)
      return Reflect.apply(end, stream, words)
    },
  })
  return {
    get readBytes() {
      return readBytes
    },
    get writtenBytes() {
      return Math.max(0, writtenBytes - stream.writableLength)
    },
  }
}

function lengthOf([chunk, encoding]: unknown[]): number {
  if (ArrayBuffer.isView(chunk)) return chunk.byteLength
  if (typeof chunk !== 'string') return 0
  return Buffer.byteLength(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
}
