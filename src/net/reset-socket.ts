import type { Socket } from 'node:net'

/**
 * Break a TCP connection so that the other side sees a reset. Where all was written and our end is on its way, that
 * stands: it is closed.
 *
 * Only this, never `resetAndDestroy` alone: asked while an end is being sent, Node loses the connection (libuv says
 * EINVAL), which then is neither closed nor ever tells of `close`.
 */
export function resetSocket(socket: Socket): void {
  if (socket.destroyed) return
  const isEndOnItsWay = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0
  if (isEndOnItsWay) socket.destroy()
  else socket.resetAndDestroy()
}
