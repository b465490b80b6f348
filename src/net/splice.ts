import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { MeshError } from '../core/model/errors.ts'
import { resetSocket } from './reset-socket.ts'

/** Two connections joined, and what passed between them. */
export interface Splice {
  /** Bytes copied so far, both ways together. */
  readonly byteCount: () => number
  /** Break both sides. */
  cut(): void
  /** Resolves when both sides have closed. */
  readonly closed: Promise<void>
}

/** How fast a splice may copy. */
export interface Pace {
  /** The most to read at once. */
  readonly largestReadBytes: number
  /**
   * Count what was read.
   *
   * @param resume  the same function each time for a direction
   * @returns whether to read on at once; if not, `resume` is called when that may be
   */
  spend(byteCount: number, resume: () => void): boolean
  /** The splice has closed: `resume` is called no more. */
  close(): void
}

/**
 * Copy bytes both ways between `a` and `b` until both have ended. An end on one side is passed on as an end (half
 * close), a break as a break. At most one buffer a direction is held; a side that does not read stops the other.
 *
 * @param pace  as fast as it goes if absent
 */
export function splice(a: Duplex, b: Duplex, pace?: Pace): Splice {
  let byteCount = 0
  passOnEnds(a, b)
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    let isPaid = true
    const goOn = () => {
      if (isPaid && !to.writableNeedDrain) from.resume()
    }
    const onPaid = () => {
      isPaid = true
      goOn()
    }
    from.on('data', (chunk: Uint8Array) => {
      byteCount += chunk.length
      isPaid = pace?.spend(chunk.length, onPaid) ?? true
      if (to.destroyed) return
      if (!to.write(chunk) || !isPaid) from.pause()
    })
    to.on('drain', goOn)
  }
  const cut = () => {
    breakOff(a)
    breakOff(b)
  }
  const closed = untilClosed(a, b).then(() => pace?.close())
  return { byteCount: () => byteCount, cut, closed }
}

/** Make the end of one an end of the other (half close), and a break of one a break of the other. */
export function passOnEnds(a: Duplex, b: Duplex): void {
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    one.on('error', () => breakOff(other))
    one.on('end', () => other.end())
    one.on('close', () => {
      // Closed without having ended: a break, and what was read of it is not the whole.
      if (!one.readableEnded) breakOff(other)
      else if (!other.writableEnded) other.end()
    })
  }
}

/** Resolves when both have closed. */
export async function untilClosed(a: Duplex, b: Duplex): Promise<void> {
  await Promise.all([onceClosed(a), onceClosed(b)])
}

/** End a connection so that the other side sees a break, not an orderly end. */
export function breakOff(connection: Duplex): void {
  if (connection.destroyed) return
  if (connection instanceof Socket && !('encrypted' in connection)) resetSocket(connection)
  // An HTTP/2 stream that is closed by a code, or destroyed without an error, says "end" before it says "reset".
  else connection.destroy(new MeshError('link-closed', 'Stream ended: the connection was broken'))
}

function onceClosed(connection: Duplex): Promise<void> {
  return new Promise(resolve => {
    if (connection.closed) resolve()
    else connection.once('close', resolve)
  })
}
