import type { Http2Session } from 'node:http2'
import type { TLSSocket } from 'node:tls'

/**
 * See to it that a session which is destroyed closes its connection soon.
 *
 * Node waits for a write that is under way before it closes the socket and tells of `close`. Where TLS has failed, or
 * the other end was reset, that write may never end: the connection would stay, and whoever waits for `close` with it.
 */
export function closeInTime(session: Http2Session, socket: TLSSocket): void {
  const destroy = session.destroy.bind(session)
  session.destroy = (error, code) => {
    destroy(error, code)
    if (!socket.destroyed) setTimeout(() => socket.destroy(), CLOSE_GRACE_MS).unref()
  }
}

/** What a destroyed session has for its last words. */
const CLOSE_GRACE_MS = 250
