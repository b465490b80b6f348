import { MeshError } from '../model/errors.ts'
import { createPendingBytes } from './pending-bytes.ts'

/** A frame of the channel between the agent and a sandboxed process. */
export type AppFrame =
  | { readonly kind: 'message'; readonly text: string }
  | { readonly kind: 'data'; readonly stream: number; readonly bytes: Uint8Array }

/**
 * Write a message:
 *
 *     1 byte   0x01
 *     3 bytes  length of the text, big-endian, at most 1,048,576
 *              JSON text, UTF-8
 *
 * @throws MeshError `too-large`
 * @see docs/protocol.md, "Channel of a sandboxed process"
 */
export function encodeAppMessage(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length > MAX_APP_MESSAGE_BYTES)
    throw new MeshError(
      'too-large',
      `Cannot send message: ${bytes.length} bytes: at most ${MAX_APP_MESSAGE_BYTES}`,
    )
  const frame = new Uint8Array(HEAD_BYTES + bytes.length)
  writeHead(frame, MESSAGE, bytes.length)
  frame.set(bytes, HEAD_BYTES)
  return frame
}

/**
 * Write bytes of a stream:
 *
 *     1 byte   0x02
 *     3 bytes  length of what follows, big-endian, at most 65,540
 *     4 bytes  number of the stream, big-endian
 *              the bytes
 *
 * @param bytes  at most `MAX_APP_DATA_BYTES`; copied
 */
export function encodeAppData(stream: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(HEAD_BYTES + STREAM_BYTES + bytes.length)
  writeHead(frame, DATA, STREAM_BYTES + bytes.length)
  new DataView(frame.buffer).setUint32(HEAD_BYTES, stream)
  frame.set(bytes, HEAD_BYTES + STREAM_BYTES)
  return frame
}

/** Finds frames in a stream of bytes. */
export interface AppFrameDecoder {
  /**
   * Take the next bytes.
   *
   * @returns the frames that ended in them; data that lies whole in `chunk` is a view of it
   * @throws MeshError `bad-message` for a kind, length or text that is none; every later call throws again
   */
  push(chunk: Uint8Array): AppFrame[]
}

/** Make a decoder for one channel. It keeps the bytes of at most one frame. */
export function createAppFrameDecoder(): AppFrameDecoder {
  const pending = createPendingBytes()
  let isBroken = false
  const broken = (why: string) => {
    isBroken = true
    return new MeshError('bad-message', `Cannot read frame: ${why}`)
  }

  /** @returns where the frame ends that begins at `at`, or undefined while its head is not whole */
  function endOf(bytes: Uint8Array, at: number): number | undefined {
    if (bytes.length - at < HEAD_BYTES) return undefined
    const kind = bytes[at]
    const length = ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
    const isOne =
      (kind === MESSAGE && length <= MAX_APP_MESSAGE_BYTES) ||
      (kind === DATA && length >= STREAM_BYTES && length <= STREAM_BYTES + MAX_APP_DATA_BYTES)
    if (!isOne) throw broken('no such kind or length')
    return at + HEAD_BYTES + length
  }

  function read(frame: Uint8Array): AppFrame {
    if (frame[0] === DATA) {
      const view = new DataView(frame.buffer, frame.byteOffset)
      return {
        kind: 'data',
        stream: view.getUint32(HEAD_BYTES),
        bytes: frame.subarray(HEAD_BYTES + STREAM_BYTES),
      }
    }
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(frame.subarray(HEAD_BYTES))
      return { kind: 'message', text }
    } catch {
      throw broken('its text is not UTF-8')
    }
  }

  return {
    push(chunk) {
      if (isBroken) throw broken('the channel was broken before')
      let bytes = chunk
      if (pending.length > 0) {
        pending.append(chunk)
        const end = endOf(pending.view(), 0)
        if (end === undefined || end > pending.length) return []
        bytes = pending.copy(0, pending.length)
        pending.clear()
      }
      const frames: AppFrame[] = []
      let at = 0
      for (let end = endOf(bytes, at); end !== undefined && end <= bytes.length; end = endOf(bytes, at)) {
        frames.push(read(bytes.subarray(at, end)))
        at = end
      }
      if (at < bytes.length) pending.append(bytes.subarray(at))
      return frames
    },
  }
}

function writeHead(frame: Uint8Array, kind: number, length: number): void {
  frame.set([kind, length >> 16, (length >> 8) & 0xff, length & 0xff])
}

/** The longest message, in bytes of UTF-8. */
export const MAX_APP_MESSAGE_BYTES = 1_048_576
/** The most bytes of a stream in one frame. */
export const MAX_APP_DATA_BYTES = 65_536

const HEAD_BYTES = 4
const STREAM_BYTES = 4
const MESSAGE = 0x01
const DATA = 0x02
