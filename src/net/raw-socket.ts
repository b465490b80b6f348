import { Socket, type SocketConstructorOpts } from 'node:net'
import type { Duplex } from 'node:stream'

/** How a moved connection is read: into memory of ours. */
export interface RawReading {
  /** Where the next read goes; asked after each read, and once before the first. */
  readonly nextBuffer: () => Uint8Array
  /**
   * `buffer` holds that many bytes; it may be read into again when this has returned, unless `nextBuffer` then gives another.
   *
   * @returns false to stop reading, until `resume` of the socket
   */
  readonly onRead: (byteCount: number, buffer: Uint8Array) => boolean
}

/** A connection that was moved. */
export interface MovedSocket {
  /** Not reading yet: `resume` starts it. */
  readonly socket: Socket
  /** What had been read before and was not used. */
  readonly unread: readonly Uint8Array[]
}

/**
 * Whether a connection can be moved: TCP without TLS, open, with nothing on its way out, and Node as we know it inside.
 */
export function isMovable(connection: Duplex): connection is Socket {
  if (!(connection instanceof Socket) || 'encrypted' in connection) return false
  const isAtRest = !connection.destroyed && !connection.connecting && connection.writableLength === 0
  const handle = handleOf(connection)
  return isAtRest && !connection.writableEnded && typeof handle?.useUserBuffer === 'function'
}

/**
 * Move an accepted connection to a socket that reads into memory of ours. The one that is given is at its end: it closes.
 *
 * Node reads each chunk into fresh memory (64 KiB a time, outside V8's heap), whose collection takes a third of the
 * processor time of a relay. It offers `onread` against this, but to clients alone; so the handle below moves to a
 * socket that is made like a client's.
 *
 * @param from  one of which `isMovable` says yes
 * @see docs/decisions/0016-relay-reads-into-own-memory.md
 */
export function moveSocket(from: Socket, reading: RawReading): MovedSocket {
  const unread: Uint8Array[] = []
  for (let chunk: Buffer | null = from.read(); chunk !== null; chunk = from.read()) unread.push(chunk)
  const handle = handleOf(from)
  Object.assign(from, { _handle: null })
  const socket = new Socket({
    handle,
    allowHalfOpen: true,
    onread: { buffer: reading.nextBuffer, callback: reading.onRead },
  } as unknown as SocketConstructorOpts)
  // Stopped in any case: one whose end was read before reads no more by itself, and would never tell of it again.
  socket.pause()
  from.destroy()
  return { socket, unread }
}

/**
 * Move an accepted connection to a socket that reads nothing, as is needed to hand it to another process: what is read
 * while it is on its way would be lost.
 *
 * @param from  one of which `isMovable` says yes
 */
export function detachSocket(from: Socket): MovedSocket {
  const buffer = Buffer.alloc(1)
  return moveSocket(from, { nextBuffer: () => buffer, onRead: () => false })
}

/** Not public: what a socket of Node has below. */
function handleOf(socket: Socket): { readonly useUserBuffer?: unknown } | null | undefined {
  return (socket as { _handle?: { readonly useUserBuffer?: unknown } | null })._handle
}
