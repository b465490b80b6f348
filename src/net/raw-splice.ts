import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { isMovable, moveSocket } from './raw-socket.ts'
import { ReadBuffers } from './read-buffers.ts'
import { breakOff, passOnEnds, type Splice, splice, untilClosed } from './splice.ts'
import { watchGone } from './watch-gone.ts'

/**
 * Make a `splice` that reads TCP connections into memory that is used again and again. What is no plain TCP connection is
 * copied as `splice` does.
 *
 * A direction holds one buffer: it is read, written, and read into again when the system has taken all of it; a side that
 * does not read so stops the other. A direction that carries little has a small buffer, one that carries much a big
 * one.
 */
export function createSplicer(): (a: Duplex, b: Duplex) => Splice {
  const buffers = new ReadBuffers()
  return (a, b) => (isMovable(a) && isMovable(b) ? spliceSockets(a, b, buffers) : splice(a, b))
}

function spliceSockets(acceptedA: Socket, acceptedB: Socket, buffers: ReadBuffers): Splice {
  const [laneAb, laneBa] = [new Lane(buffers), new Lane(buffers)]
  const [a, b] = [moveSocket(acceptedA, laneAb), moveSocket(acceptedB, laneBa)]
  const sockets = [a.socket, b.socket] as const
  passOnEnds(...sockets)
  for (const socket of sockets) watchGone(socket)
  laneAb.open(a.socket, b.socket, a.unread)
  laneBa.open(b.socket, a.socket, b.unread)
  const closed = untilClosed(...sockets).then(() => {
    laneAb.close()
    laneBa.close()
  })
  return {
    byteCount: () => laneAb.byteCount + laneBa.byteCount,
    cut: () => sockets.forEach(breakOff),
    closed,
  }
}

/** One direction of a splice. */
class Lane {
  byteCount = 0
  readonly #buffers: ReadBuffers
  #buffer: Buffer
  #from: Socket | undefined
  #to: Socket | undefined
  /** Bytes are in the hands of the system, which has not sent them: nothing is read until it has. */
  #isWaiting = false

  constructor(buffers: ReadBuffers) {
    this.#buffers = buffers
    this.#buffer = buffers.take()
  }

  open(from: Socket, to: Socket, unread: readonly Uint8Array[]): void {
    this.#from = from
    this.#to = to
    for (const bytes of unread) this.#pass(bytes)
    if (!this.#isWaiting) from.resume()
  }

  close(): void {
    this.#buffers.give(this.#buffer)
  }

  readonly nextBuffer = (): Uint8Array => this.#buffer

  readonly onRead = (byteCount: number): boolean => {
    const buffer = this.#buffer
    this.#pass(byteCount === buffer.length ? buffer : buffer.subarray(0, byteCount))
    if (this.#isWaiting) return false
    this.#buffer = this.#buffers.fit(buffer, byteCount)
    return true
  }

  #pass(bytes: Uint8Array): void {
    this.byteCount += bytes.length
    this.#to?.write(bytes, this.#onWritten)
    // Node hands bytes to the system at once, and keeps what that did not take.
    this.#isWaiting = this.#to !== undefined && this.#to.writableLength > 0
  }

  readonly #onWritten = (): void => {
    if (!this.#isWaiting || this.#to === undefined || this.#to.writableLength > 0) return
    this.#isWaiting = false
    this.#from?.resume()
  }
}
