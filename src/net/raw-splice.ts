import type { Socket } from 'node:net'
import { isMovable, moveSocket } from './raw-socket.ts'
import { ReadBuffers } from './read-buffers.ts'
import { breakOff, type Pace, passOnEnds, type Splice, splice, untilClosed } from './splice.ts'
import { watchGone } from './watch-gone.ts'

/**
 * Make a `splice` that reads TCP connections into memory that is used again and again. What is no plain TCP connection is
 * copied as `splice` does.
 *
 * A direction holds one buffer: it is read, written, and read into again when the system has taken all of it; a side that
 * does not read so stops the other. A direction that carries little has a small buffer, one that carries much a big
 * one.
 */
export function createSplicer(): typeof splice {
  const buffers = new ReadBuffers()
  return (a, b, pace) =>
    isMovable(a) && isMovable(b) ? spliceSockets(a, b, { buffers, pace }) : splice(a, b, pace)
}

/** What both directions of a splice use. */
interface Means {
  readonly buffers: ReadBuffers
  readonly pace: Pace | undefined
}

function spliceSockets(acceptedA: Socket, acceptedB: Socket, means: Means): Splice {
  const [laneAb, laneBa] = [new Lane(means), new Lane(means)]
  const [a, b] = [moveSocket(acceptedA, laneAb), moveSocket(acceptedB, laneBa)]
  const sockets = [a.socket, b.socket] as const
  passOnEnds(...sockets)
  for (const socket of sockets) watchGone(socket)
  laneAb.open(a.socket, b.socket, a.unread)
  laneBa.open(b.socket, a.socket, b.unread)
  const closed = untilClosed(...sockets).then(() => {
    laneAb.close()
    laneBa.close()
    means.pace?.close()
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
  readonly #means: Means
  #buffer: Buffer
  #from: Socket | undefined
  #to: Socket | undefined
  /** Bytes are in the hands of the system, which has not sent them: nothing is read until it has. */
  #isWaiting = false
  #isPaid = true

  constructor(means: Means) {
    this.#means = means
    this.#buffer = means.buffers.take()
  }

  open(from: Socket, to: Socket, unread: readonly Uint8Array[]): void {
    this.#from = from
    this.#to = to
    for (const bytes of unread) this.#pass(bytes)
    this.#goOn()
  }

  close(): void {
    this.#means.buffers.give(this.#buffer)
  }

  readonly nextBuffer = (): Uint8Array => this.#buffer

  readonly onRead = (byteCount: number): boolean => {
    const buffer = this.#buffer
    this.#pass(byteCount === buffer.length ? buffer : buffer.subarray(0, byteCount))
    if (this.#isWaiting) return false
    this.#buffer = this.#means.buffers.fit(buffer, byteCount, this.#means.pace?.largestReadBytes)
    return this.#isPaid
  }

  #pass(bytes: Uint8Array): void {
    this.byteCount += bytes.length
    this.#isPaid = this.#means.pace?.spend(bytes.length, this.#onPaid) ?? true
    this.#to?.write(bytes, this.#onWritten)
    // Node hands bytes to the system at once, and keeps what that did not take.
    this.#isWaiting = this.#to !== undefined && this.#to.writableLength > 0
  }

  readonly #onWritten = (): void => {
    if (!this.#isWaiting || this.#to === undefined || this.#to.writableLength > 0) return
    this.#isWaiting = false
    this.#goOn()
  }

  readonly #onPaid = (): void => {
    this.#isPaid = true
    this.#goOn()
  }

  #goOn(): void {
    if (!this.#isWaiting && this.#isPaid) this.#from?.resume()
  }
}
