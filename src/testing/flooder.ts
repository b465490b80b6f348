import { once } from 'node:events'
import type { Socket } from 'node:net'
import { CLIENT_PREFACE, createFrameReader, type RawFrame } from './http2-frames.ts'

/** An HTTP/2 client without manners: it sends what bytes it is given and counts what comes back. */
export interface Flooder {
  readonly socket: Socket
  /** Send, and wait while the other side does not read. @returns false once the session has ended */
  send(bytes: Uint8Array): Promise<boolean>
  /** Send until the session has ended or `count` pieces are sent. */
  flood(piece: (index: number) => Uint8Array, count: number): Promise<void>
  /** Frames of a type that came so far. */
  count(type: number): number
  readonly frames: readonly RawFrame[]
  readonly hasEnded: boolean
  /** Resolves when the connection is gone. */
  readonly ended: Promise<void>
}

/** Begin an HTTP/2 session over a finished handshake. */
export function createFlooder(socket: Socket): Flooder {
  const read = createFrameReader()
  const frames: RawFrame[] = []
  let hasEnded = socket.destroyed
  // Where the connection below may be half open, an end is all that comes.
  const ended = new Promise<void>(resolve => socket.once('close', resolve).once('end', resolve)).then(() => {
    hasEnded = true
    socket.destroy()
  })
  socket.on('error', () => {})
  socket.on('data', (bytes: Buffer) => frames.push(...read(bytes)))
  const flooder: Flooder = {
    socket,
    frames,
    ended,
    get hasEnded() {
      return hasEnded
    },
    async send(bytes) {
      if (!hasEnded && !socket.destroyed && !socket.write(bytes)) {
        await Promise.race([ended, once(socket, 'drain').catch(() => {})])
      }
      return !hasEnded
    },
    async flood(piece, count) {
      for (let sent = 0; sent < count && !hasEnded; ) {
        const pieces: Uint8Array[] = []
        for (let byteCount = 0; byteCount < BATCH_BYTES && sent < count; sent++) {
          const bytes = piece(sent)
          byteCount += bytes.length
          pieces.push(bytes)
        }
        await flooder.send(Buffer.concat(pieces))
        await new Promise(resolve => setImmediate(resolve))
      }
    },
    count: type => frames.filter(frame => frame.type === type).length,
  }
  socket.write(CLIENT_PREFACE)
  return flooder
}

const BATCH_BYTES = 16_384
