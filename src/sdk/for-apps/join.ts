import type { Duplex, Readable, Writable } from 'node:stream'
import { MeshError } from '../../core/model/errors.ts'
import type { TcpConnection } from '../app.ts'

/**
 * Copy bytes both ways between a connection and a stream of the mesh until both have ended. An end is passed on as an
 * end (half close, in either order), a break as a break. A side that does not read stops the other; what is held
 * is Node's own buffers, and `AHEAD_BYTES` on the way into the mesh.
 */
export function join(connection: TcpConnection, stream: Duplex): void {
  // It is the `close` that is acted on: some streams break without an `error`.
  stream.on('error', () => {})
  if (connection.destroyed || stream.destroyed) {
    breakOff(connection, stream)
    return
  }
  for (const side of [connection, stream]) {
    side.on('close', () => {
      // Copying has passed on both ends of a side that ended in order.
      if (!side.readableEnded || !side.writableFinished) breakOff(connection, stream)
    })
  }
  if (isJoinable(stream)) stream.joinTo(connection)
  else {
    pump(connection, stream)
    stream.pipe(connection)
  }
}

/** A stream that copies to and from a connection by itself, with less between. */
interface JoinableStream {
  joinTo(connection: TcpConnection): void
}

function isJoinable(stream: Duplex): stream is Duplex & JoinableStream {
  return 'joinTo' in stream && typeof stream.joinTo === 'function'
}

/**
 * As `pipe`, but with more on its way: the stream takes in one go what has come while it was busy, and what is encrypted and
 * sent in larger pieces costs less.
 */
function pump(from: Readable, to: Writable): void {
  let isWaiting = false
  const goOn = () => {
    if (!isWaiting || to.writableLength > AHEAD_BYTES / 2) return
    isWaiting = false
    from.resume()
  }
  from.on('data', (chunk: Uint8Array) => {
    to.write(chunk, goOn)
    if (to.writableLength < AHEAD_BYTES) return
    isWaiting = true
    from.pause()
  })
  if (from.readableEnded) to.end()
  else from.on('end', () => to.end())
  from.resume()
}

/** End both so that the two far ends see a break, not an orderly end. */
export function breakOff(connection: TcpConnection, stream: Duplex): void {
  if (!connection.destroyed) connection.reset()
  if (!stream.destroyed)
    stream.destroy(new MeshError('link-closed', 'Stream ended: the connection was broken'))
}

/** What may wait in a stream of the mesh to be sent; a connection is not read over it. */
const AHEAD_BYTES = 262_144
