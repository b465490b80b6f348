import type { TLSSocket } from 'node:tls'

/**
 * Close a connection whose TLS has failed: a changed byte, an alert of the other side.
 *
 * Node's HTTP/2 session on it is destroyed at once, but it waits for a write that is under way before it closes the
 * socket, and on a failed TLS no write ever ends: neither side would close, and nobody would be told.
 */
export function endWithTls(socket: TLSSocket): void {
  socket.once('error', () => setImmediate(() => socket.destroy()))
}
