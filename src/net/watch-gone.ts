import type { Socket } from 'node:net'
import { MeshError } from '../core/model/errors.ts'

/**
 * Break a TCP connection whose other end is gone, also while nothing is read from it.
 *
 * Node hears of a reset only from a read or write that is under way. A connection that is stopped because the other
 * side of a tunnel does not take more, or that is half closed, does neither: without this one that was given up would stay
 * for as long as the far program does not move. TCP keep-alive, which finds those behind a pulled plug, is asked for here, too.
 */
export function watchGone(socket: Socket, intervalMs: number = GONE_CHECK_MS): void {
  const timer = setInterval(() => {
    if (isGone(socket))
      socket.destroy(new MeshError('link-closed', 'Connection ended: the other side broke it'))
    // Not before: it takes four calls of the system, and most connections do not live that long.
    else socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS)
  }, intervalMs).unref()
  socket.on('close', () => clearInterval(timer))
}

/**
 * Whether the other end of a TCP connection is gone, though nothing was read that says so.
 *
 * The kernel names no peer for a TCP socket that was reset or timed out (`getpeername` fails). Nor does it after an orderly end of
 * both directions, when bytes may still wait to be read; there our own end has been sent, so that is left alone.
 */
export function isGone(socket: Socket): boolean {
  if (socket.writableEnded || socket.connecting) return false
  // Not public, but what `socket.remoteAddress` itself asks once and then remembers.
  const { _handle: handle } = socket as { _handle?: { getpeername?: (out: object) => number } | null }
  return handle?.getpeername !== undefined && handle.getpeername({}) !== 0
}

/** A connection given up by its client is noticed within this time. */
export const GONE_CHECK_MS = 30_000
/** A connection on which nothing comes is asked after this time whether it lives. */
const KEEP_ALIVE_DELAY_MS = 30_000
