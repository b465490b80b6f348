import type { Duplex } from 'node:stream'
import { MeshError } from '../../core/model/errors.ts'
import type { TcpConnection } from '../../sdk/app.ts'

/**
 * Copy bytes both ways between a connection and a stream of the mesh until both have ended. An end is passed on as an
 * end (half close, in either order), a break as a break. A side that does not read stops the other; what is held
 * is Node's own buffers, nothing more.
 */
export function join(connection: TcpConnection, stream: Duplex): void {
  // It is the `close` that is acted on: some streams break without an `error`.
  stream.on('error', () => {})
  if (connection.destroyed || stream.destroyed) {
    breakOff(connection, stream)
    return
  }
  for (const side of [connection, stream]) {
    side.once('close', () => {
      // `pipe` has passed on both ends of a side that ended in order.
      if (!side.readableEnded || !side.writableFinished) breakOff(connection, stream)
    })
  }
  connection.pipe(stream)
  stream.pipe(connection)
}

/** End both so that the two far ends see a break, not an orderly end. */
export function breakOff(connection: TcpConnection, stream: Duplex): void {
  if (!connection.destroyed) connection.reset()
  if (!stream.destroyed)
    stream.destroy(new MeshError('link-closed', 'Stream ended: the connection was broken'))
}
