import type { Readable } from 'node:stream'
import { MeshError } from '../../core/model/errors.ts'

/**
 * Take that many bytes from the beginning of a stream that nobody reads yet; what follows stays in it.
 *
 * @throws MeshError `link-closed` if it ends before
 */
export function readExactly(stream: Readable, byteCount: number): Promise<Buffer> {
  const there: Buffer | null =
    stream.readableLength >= byteCount && byteCount > 0 ? stream.read(byteCount) : null
  if (there !== null) return Promise.resolve(there)
  return new Promise((resolve, reject) => {
    const settle = (call: () => void) => {
      for (const event of EVENTS) stream.off(event, look)
      call()
    }
    const look = () => {
      const chunk: Buffer | null = byteCount === 0 ? Buffer.alloc(0) : stream.read(byteCount)
      // At the end `read` gives what is left, be it less.
      if (chunk?.length === byteCount) settle(() => resolve(chunk))
      else if (chunk !== null || stream.readableEnded || stream.destroyed) {
        settle(() => reject(ended(byteCount)))
      }
    }
    // Once, not for each look: who listens anew is told at once of what is there and too little, for ever.
    for (const event of EVENTS) stream.on(event, look)
    look()
  })
}

/** Resolves when there may be something to read, or never will be; at once if something is left to be read. */
export function untilReadable(stream: Readable): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      for (const event of EVENTS) stream.off(event, done)
      resolve()
    }
    for (const event of EVENTS) stream.on(event, done)
  })
}

function ended(byteCount: number): MeshError {
  return new MeshError('link-closed', `Cannot read stream: it ended before ${byteCount} bytes had come`)
}

const EVENTS = ['readable', 'end', 'close', 'error'] as const
