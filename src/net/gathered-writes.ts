import type { Writable } from 'node:stream'

/**
 * Give the system all that is written to `socket` in one turn of the event loop in one call, at the end of the turn; but the first
 * small piece after a turn that had only one at once, as it is most often all there is: a key that was pressed, an answer.
 *
 * What arrives through TLS and HTTP/2 comes in pieces: a frame holds 16,384 bytes and so does a TLS record, but the frame
 * has a header too, so nearly every one is cut in two. A call of the system for each piece costs more than the bytes.
 */
export function gatherWrites(socket: Writable): void {
  const { write } = socket
  /** In this turn. */
  let pieceCount = 0
  let isCorked = false
  let isBulk = false
  const endTurn = () => {
    isBulk = pieceCount > 1
    pieceCount = 0
    if (!isCorked) return
    isCorked = false
    socket.uncork()
  }
  socket.write = ((...args: Parameters<Writable['write']>) => {
    if (pieceCount === 0) setImmediate(endTurn)
    pieceCount += 1
    const isAlone = pieceCount === 1 && !isBulk && args[0].length <= SMALL_BYTES
    if (!isAlone && !isCorked) {
      isCorked = true
      socket.cork()
    }
    return write.apply(socket, args)
  }) as Writable['write']
}

/** Less than what a whole frame leaves to the next TLS record is not told from a key that was pressed. */
const SMALL_BYTES = 4_096
