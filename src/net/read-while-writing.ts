import type { TLSSocket } from 'node:tls'

/** Keeps the connections of sessions from standing still. */
export interface ReadWatch {
  /** Watch one until it closes. */
  add(socket: TLSSocket): void
}

/**
 * Keep connections of HTTP/2 sessions from standing still.
 *
 * While a write waits for the system to take it, Node's HTTP/2 reads nothing. Where both ends have much to send, both wait
 * so, each for the other to read: nothing moves any more, in any stream. So where a write makes no progress, the
 * connection is read all the same; Node keeps those bytes and goes on with them when its write is done.
 *
 * What it keeps is bounded by `MAX_READ_AHEAD_BYTES`: a peer that sends that much without reading anything is broken off.
 *
 * @see docs/decisions/0021-reading-while-writing.md
 */
export function createReadWatch(): ReadWatch {
  const sockets = new Set<Watched>()
  let timer: NodeJS.Timeout | undefined

  function look(): void {
    let isBusy = false
    for (const watched of sockets) isBusy = lookAt(watched) || isBusy
    timer = setTimeout(look, isBusy ? BUSY_LOOK_MS : IDLE_LOOK_MS).unref()
  }

  return {
    add(socket) {
      const watched: Watched = { socket, queuedBytes: 0, readBytes: 0 }
      sockets.add(watched)
      if (timer === undefined) look()
      socket.once('close', () => {
        sockets.delete(watched)
        if (sockets.size > 0) return
        clearTimeout(timer)
        timer = undefined
      })
    },
  }
}

interface Watched {
  readonly socket: TLSSocket
  /** What waited to be written at the last look. */
  queuedBytes: number
  /** What had been read when the write got stuck. */
  readBytes: number
}

/** Not public: what Node's own streams of the system have. */
interface StreamHandle {
  readonly writeQueueSize: number
  readonly bytesRead: number
  readStart(): unknown
}

/** @returns whether something waits to be written */
function lookAt(watched: Watched): boolean {
  const handle = handleOf(watched.socket)
  if (handle === undefined) return false
  const { writeQueueSize, bytesRead } = handle
  const isStuck = writeQueueSize > 0 && writeQueueSize === watched.queuedBytes
  watched.queuedBytes = writeQueueSize
  if (!isStuck) watched.readBytes = bytesRead
  else if (bytesRead - watched.readBytes > MAX_READ_AHEAD_BYTES) watched.socket.destroy()
  else handle.readStart()
  return writeQueueSize > 0
}

function handleOf(socket: TLSSocket): StreamHandle | undefined {
  const { _handle: handle } = socket as unknown as { readonly _handle?: Partial<StreamHandle> | null }
  const isOne =
    typeof handle?.readStart === 'function' &&
    typeof handle.writeQueueSize === 'number' &&
    typeof handle.bytesRead === 'number'
  return isOne ? (handle as StreamHandle) : undefined
}

/** What is read of a peer that reads nothing itself: more than all its streams may have in flight. */
export const MAX_READ_AHEAD_BYTES = 67_108_864
/** How often they are looked at, and how often while something waits to be written. */
const IDLE_LOOK_MS = 250
const BUSY_LOOK_MS = 10
