import { MeshError } from '../model/errors.ts'
import { createPendingBytes } from './pending-bytes.ts'

/**
 * Write datagrams as bytes of a stream, one after another, each as
 *
 *     2 bytes  length of the payload, big-endian, 0 to 65,507
 *     n bytes  payload
 *
 * @returns one new buffer for all of them, so that a batch is one write
 * @throws MeshError `too-large` if one is longer than a UDP datagram can be
 * @see docs/protocol.md, "Datagrams"
 */
export function encodeDatagrams(payloads: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let byteCount = 0
  for (const { length } of payloads) {
    if (length > MAX_DATAGRAM_BYTES) {
      throw new MeshError('too-large', `Cannot send datagram: ${length} bytes: at most ${MAX_DATAGRAM_BYTES}`)
    }
    byteCount += HEADER_BYTES + length
  }
  const bytes = new Uint8Array(byteCount)
  let at = 0
  for (const payload of payloads) {
    bytes[at] = payload.length >> 8
    bytes[at + 1] = payload.length & 0xff
    bytes.set(payload, at + HEADER_BYTES)
    at += HEADER_BYTES + payload.length
  }
  return bytes
}

/** Finds the datagrams in a stream of bytes. */
export interface DatagramDecoder {
  /**
   * Take the next bytes of the stream.
   *
   * @returns the payloads that ended in them, in order. One that lies whole in `chunk` is a view of it, so `chunk`
   *   belongs to the decoder's caller only once the payloads are done with
   * @throws MeshError `bad-message` if a length is over 65,507. The stream is useless from there on: every later
   *   call throws again
   */
  push(chunk: Uint8Array): Uint8Array[]
  /** Bytes of a datagram that has not ended yet, with its header. */
  readonly pendingByteCount: number
}

/** Make a decoder for one stream. It keeps the bytes of at most one datagram, and only as they come. */
export function createDatagramDecoder(): DatagramDecoder {
  const pending = createPendingBytes()
  let isBroken = false

  function readLength(bytes: Uint8Array, at: number): number {
    const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
    if (length <= MAX_DATAGRAM_BYTES) return length
    isBroken = true
    throw new MeshError('bad-message', `Cannot read datagram: ${length} bytes announced`)
  }

  /** Complete the pending datagram from the head of `chunk`. @returns how much of `chunk` it took */
  function complete(chunk: Uint8Array, found: Uint8Array[]): number {
    let taken = Math.min(Math.max(0, HEADER_BYTES - pending.length), chunk.length)
    pending.append(chunk.subarray(0, taken))
    if (pending.length < HEADER_BYTES) return taken
    const wanted = HEADER_BYTES + readLength(pending.view(), 0)
    const more = chunk.subarray(taken, taken + wanted - pending.length)
    pending.append(more)
    taken += more.length
    if (pending.length === wanted) {
      found.push(pending.copy(HEADER_BYTES, wanted))
      pending.clear()
    }
    return taken
  }

  return {
    get pendingByteCount() {
      return pending.length
    },
    push(chunk) {
      if (isBroken) throw new MeshError('bad-message', 'Cannot read datagram: stream was broken before')
      const found: Uint8Array[] = []
      let at = pending.length > 0 ? complete(chunk, found) : 0
      while (chunk.length - at >= HEADER_BYTES) {
        const end = at + HEADER_BYTES + readLength(chunk, at)
        if (end > chunk.length) break
        found.push(chunk.subarray(at + HEADER_BYTES, end))
        at = end
      }
      if (at < chunk.length) pending.append(chunk.subarray(at))
      return found
    },
  }
}

/** How much a queue of datagrams may hold; both limits count. */
export interface DatagramQueueLimits {
  /** Payload bytes. */
  readonly maxBytes: number
  readonly maxCount: number
}

/**
 * Datagrams that wait for a stream that is slower than they come. What is over the limits is lost from the old end:
 * for sound, pictures, games and name look-ups the newest datagram is the one worth having. A payload that is a view
 * keeps all of its buffer in memory: give it a copy where that is much larger.
 */
export interface DatagramQueue {
  /** Add one, which belongs to the queue from now on, and drop as many old ones as that takes. */
  push(payload: Uint8Array): void
  /** Take the oldest one out. */
  shift(): Uint8Array | undefined
  /** Take the oldest ones out: as many as fit into `maxBytes` of payload, but one at least if there is any. */
  take(maxBytes: number): Uint8Array[]
  readonly count: number
  readonly byteCount: number
  /** Datagrams lost since the start, for counters and logs. */
  readonly droppedCount: number
}

/** Make an empty queue. */
export function createDatagramQueue({ maxBytes, maxCount }: DatagramQueueLimits): DatagramQueue {
  // Taken from `head` on and cut off now and then: `Array.shift` moves the whole array each time.
  let items: Uint8Array[] = []
  let head = 0
  let byteCount = 0
  let droppedCount = 0

  function shift(): Uint8Array | undefined {
    const payload = items[head]
    if (payload === undefined) return undefined
    items[head] = NOTHING
    head += 1
    byteCount -= payload.length
    if (head >= COMPACT_COUNT && head * 2 >= items.length) {
      items = items.slice(head)
      head = 0
    }
    return payload
  }

  return {
    push(payload) {
      items.push(payload)
      byteCount += payload.length
      while (items.length - head > maxCount || byteCount > maxBytes) {
        shift()
        droppedCount += 1
      }
    },
    shift,
    take(maxTakenBytes) {
      const taken: Uint8Array[] = []
      let takenBytes = 0
      for (let next = items[head]; next !== undefined; next = items[head]) {
        takenBytes += next.length
        if (taken.length > 0 && takenBytes > maxTakenBytes) break
        taken.push(next)
        shift()
      }
      return taken
    },
    get count() {
      return items.length - head
    },
    get byteCount() {
      return byteCount
    },
    get droppedCount() {
      return droppedCount
    },
  }
}

/** The longest UDP payload: 65,535 bytes less the IPv4 and UDP headers (RFC 768, RFC 791). */
export const MAX_DATAGRAM_BYTES = 65_507

const HEADER_BYTES = 2
// Put in place of what was taken, so that the array does not keep it from being collected.
const NOTHING = new Uint8Array(0)
const COMPACT_COUNT = 64
