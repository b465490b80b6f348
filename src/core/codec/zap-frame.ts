import { MeshError } from '../model/errors.ts'

/**
 * ZAP frames in a stream of bytes, one after another, each as
 *
 *     4 bytes  length of the payload, big-endian, 0 to 16,777,216
 *     n bytes  payload
 *
 * @see docs/protocol.md, "ZAP"
 */
export interface ZapFrameDecoder {
  /**
   * Take the next bytes of the stream.
   *
   * @returns the payloads that ended in them, in order. One that lies whole in `chunk` is a view of it, so `chunk` is
   *   given away for as long as they are used; any other is a buffer of its own
   * @throws MeshError `too-large` if a length is over the limit, before anything is kept of that frame; payloads that
   *   ended before it in the same chunk are lost. The stream is useless from there on: every later call throws again
   */
  push(chunk: Uint8Array): Uint8Array[]
  /**
   * What `push` would give for a chunk that is one whole frame while nothing is pending, as most are that hold an answer
   * somebody waits for: its payload, always a plain view. It costs less.
   *
   * @returns undefined for any other chunk, of which nothing was taken then
   */
  takeWhole(chunk: Uint8Array): Uint8Array | undefined
  /** The stream ended. @throws MeshError `link-closed` if that was inside a header or a payload */
  end(): void
  /** Bytes that came of a frame that has not ended yet, with its header. */
  readonly pendingByteCount: number
  /** Bytes of memory held for it: at most 32 times as many, 4 KiB at the least, never more than its length. */
  readonly heldByteCount: number
}

/**
 * Write the header of a frame, 4 bytes, at `offset` of `target`.
 *
 * @param length  bytes of the payload
 * @throws MeshError `too-large` if it is over `MAX_ZAP_FRAME_BYTES`
 */
export function writeZapHeader(target: Uint8Array, offset: number, length: number): void {
  checkZapLength(length)
  target[offset] = length >>> 24
  target[offset + 1] = (length >>> 16) & 0xff
  target[offset + 2] = (length >>> 8) & 0xff
  target[offset + 3] = length & 0xff
}

/**
 * A frame as one new buffer: header, then a copy of `payload`.
 *
 * @throws MeshError `too-large` if the payload is over `MAX_ZAP_FRAME_BYTES`
 */
export function encodeZapFrame(payload: Uint8Array): Uint8Array<ArrayBuffer> {
  checkZapLength(payload.length)
  const frame = new Uint8Array(ZAP_HEADER_BYTES + payload.length)
  writeZapHeader(frame, 0, payload.length)
  frame.set(payload, ZAP_HEADER_BYTES)
  return frame
}

/** @throws MeshError `too-large` if a payload of so many bytes does not fit a frame */
export function checkZapLength(length: number): void {
  if (length <= MAX_ZAP_FRAME_BYTES) return
  throw new MeshError('too-large', `Cannot send frame: ${length} bytes: at most ${MAX_ZAP_FRAME_BYTES}`)
}

/**
 * Make a decoder for one stream. It holds at most one frame, whose buffer grows as bytes arrive: 32-fold, so that a
 * frame of 16 MiB is copied three times in part and a hostile length costs nothing.
 *
 * @param maxFrameBytes  the longest payload that is taken; `MAX_ZAP_FRAME_BYTES` is the default
 */
export function createZapFrameDecoder(maxFrameBytes: number = MAX_ZAP_FRAME_BYTES): ZapFrameDecoder {
  const header = new Uint8Array(ZAP_HEADER_BYTES)
  let headerLength = 0
  /** Of the frame under way, once its header is whole. */
  let wanted = 0
  let body = NOTHING
  let bodyLength = 0
  let isBroken = false

  function readLength(bytes: Uint8Array, at: number): number {
    const length = announced(bytes, at)
    if (length <= maxFrameBytes) return length
    isBroken = true
    body = NOTHING
    throw new MeshError('too-large', `Cannot read frame: ${length} bytes announced: at most ${maxFrameBytes}`)
  }

  function append(bytes: Uint8Array): void {
    const needed = bodyLength + bytes.length
    if (needed > body.length) {
      const larger = new Uint8Array(Math.min(wanted, Math.max(needed * GROWTH, MIN_BUFFER_BYTES)))
      larger.set(body.subarray(0, bodyLength))
      body = larger
    }
    body.set(bytes, bodyLength)
    bodyLength = needed
  }

  /** Go on with the frame under way. @returns how much of `chunk` it took */
  function complete(chunk: Uint8Array, found: Uint8Array[]): number {
    let at = 0
    if (headerLength < ZAP_HEADER_BYTES) {
      at = Math.min(ZAP_HEADER_BYTES - headerLength, chunk.length)
      header.set(chunk.subarray(0, at), headerLength)
      headerLength += at
      if (headerLength < ZAP_HEADER_BYTES) return at
      wanted = readLength(header, 0)
      // The rest of a frame whose header alone was cut may be a view after all.
      if (chunk.length - at >= wanted) {
        found.push(chunk.subarray(at, at + wanted))
        headerLength = 0
        return at + wanted
      }
    }
    const more = chunk.subarray(at, at + wanted - bodyLength)
    append(more)
    if (bodyLength === wanted) {
      found.push(body)
      body = NOTHING
      bodyLength = 0
      headerLength = 0
    }
    return at + more.length
  }

  return {
    get pendingByteCount() {
      return headerLength + bodyLength
    },
    get heldByteCount() {
      return body.length
    },
    push(chunk) {
      if (isBroken) throw new MeshError('too-large', 'Cannot read frame: stream was broken before')
      const found: Uint8Array[] = []
      let at = headerLength > 0 ? complete(chunk, found) : 0
      while (chunk.length - at >= ZAP_HEADER_BYTES) {
        const start = at + ZAP_HEADER_BYTES
        const end = start + readLength(chunk, at)
        if (end > chunk.length) break
        found.push(chunk.subarray(start, end))
        at = end
      }
      if (at < chunk.length) complete(chunk.subarray(at), found)
      return found
    },
    takeWhole(chunk) {
      const length = chunk.length - ZAP_HEADER_BYTES
      if (headerLength > 0 || isBroken || length < 0 || length > maxFrameBytes) return undefined
      if (announced(chunk, 0) !== length) return undefined
      return new Uint8Array(chunk.buffer, chunk.byteOffset + ZAP_HEADER_BYTES, length)
    },
    end() {
      if (isBroken || headerLength === 0) return
      const where =
        headerLength < ZAP_HEADER_BYTES
          ? `after ${headerLength} of ${ZAP_HEADER_BYTES} bytes of its header`
          : `after ${bodyLength} of its ${wanted} bytes`
      isBroken = true
      body = NOTHING
      throw new MeshError('link-closed', `Cannot read frame: stream ended ${where}`)
    },
  }
}

function announced(bytes: Uint8Array, at: number): number {
  const low = ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
  return (bytes[at] ?? 0) * 0x1000000 + low
}

/** The longest payload of a frame, 16 MiB: seed 004 and the clients of others that speak it. */
export const MAX_ZAP_FRAME_BYTES = 16_777_216

/** Bytes of a frame before its payload. */
export const ZAP_HEADER_BYTES = 4

const GROWTH = 32
const MIN_BUFFER_BYTES = 4_096
const NOTHING = new Uint8Array(0)
