import type { Writable } from 'node:stream'

/**
 * Give the system all that is written to `socket` in one turn of the event loop in one call, at the end of the turn.
 *
 * What arrives through TLS and HTTP/2 comes in pieces: a frame holds 16,384 bytes and so does a TLS record, but the frame
 * has a header too, so nearly every one is cut in two. A call of the system for each piece costs more than the bytes.
 */
export function gatherWrites(socket: Writable): void {
  const { write } = socket
  let isGathering = false
  const flush = () => {
    isGathering = false
    socket.uncork()
  }
  socket.write = ((...args: Parameters<Writable['write']>) => {
    if (!isGathering) {
      isGathering = true
      socket.cork()
      setImmediate(flush)
    }
    return write.apply(socket, args)
  }) as Writable['write']
}
