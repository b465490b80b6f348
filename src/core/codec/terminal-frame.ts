import { MeshError } from '../model/errors.ts'
import { createPendingBytes } from './pending-bytes.ts'

/** What the frames of a terminal's stream carry. */
export const TERMINAL_FRAMES = {
  /** To the host: what was typed. */
  input: 0x01,
  /** To the host: no more will be typed. No payload. */
  'input-end': 0x02,
  /** To the host: `{"columns":80,"rows":24}`. */
  resize: 0x03,
  /** To the host: the name of a signal. */
  signal: 0x04,
  /** To the client: what the program wrote. */
  output: 0x11,
  /** To the client: what the program wrote as errors; with pipes alone. */
  errors: 0x12,
  /** To the client: how the program ended, `{"code":0}` or `{"signal":"SIGTERM"}`. The last one. */
  end: 0x13,
  /** To the client: a remark for the person who looks, in words. */
  notice: 0x14,
} as const
/** A kind of frame. */
export type TerminalFrameKind = keyof typeof TERMINAL_FRAMES

/** A frame: its kind, and bytes whose meaning depends on it. */
export interface TerminalFrame {
  readonly kind: TerminalFrameKind
  readonly payload: Uint8Array
}

/**
 * The head of a frame:
 *
 *     1 byte   kind
 *     3 bytes  length of the payload, big-endian, at most 65,536
 *
 * @throws MeshError `too-large`
 * @see docs/protocol.md, "Terminal streams"
 */
export function encodeTerminalHead(kind: TerminalFrameKind, length: number): Uint8Array<ArrayBuffer> {
  if (length > MAX_TERMINAL_FRAME_BYTES) {
    throw new MeshError(
      'too-large',
      `Cannot send frame: ${length} bytes: at most ${MAX_TERMINAL_FRAME_BYTES}`,
    )
  }
  return Uint8Array.of(TERMINAL_FRAMES[kind], length >> 16, (length >> 8) & 0xff, length & 0xff)
}

/**
 * Bytes as frames of one kind, ready to be written one after the other; one without a payload for none. What is short is in one piece with
 * its head: what follows a key that was pressed should not be two packets.
 */
export function encodeTerminalFrames(kind: TerminalFrameKind, bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0; at === 0 || at < bytes.length; at += MAX_TERMINAL_FRAME_BYTES) {
    const part = bytes.subarray(at, at + MAX_TERMINAL_FRAME_BYTES)
    const head = encodeTerminalHead(kind, part.length)
    if (part.length > SMALL_BYTES) pieces.push(head, part)
    else {
      const whole = new Uint8Array(head.length + part.length)
      whole.set(head)
      whole.set(part, head.length)
      pieces.push(whole)
    }
  }
  return pieces
}

/** Finds frames in a stream of bytes. */
export interface TerminalFrameDecoder {
  /**
   * Take the next bytes of the stream.
   *
   * @returns the frames that ended in them; a payload that lies whole in `chunk` is a view of it
   * @throws MeshError `bad-message` for a kind or length that is none; every later call throws again
   */
  push(chunk: Uint8Array): TerminalFrame[]
}

/** Make a decoder for one stream. It keeps the bytes of at most one frame. */
export function createTerminalFrameDecoder(): TerminalFrameDecoder {
  const pending = createPendingBytes()
  let isBroken = false

  /** @returns where the frame ends that begins at `at`, or undefined while its head is not whole */
  function endOf(bytes: Uint8Array, at: number): number | undefined {
    if (bytes.length - at < HEAD_BYTES) return undefined
    const length = ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
    if (KINDS.has(bytes[at] ?? 0) && length <= MAX_TERMINAL_FRAME_BYTES) return at + HEAD_BYTES + length
    isBroken = true
    throw new MeshError('bad-message', 'Cannot read frame: no such kind or length')
  }

  return {
    push(chunk) {
      if (isBroken) throw new MeshError('bad-message', 'Cannot read frame: the stream was broken before')
      let bytes = chunk
      if (pending.length > 0) {
        pending.append(chunk)
        bytes = pending.copy(0, pending.length)
        pending.clear()
      }
      const frames: TerminalFrame[] = []
      let at = 0
      for (let end = endOf(bytes, at); end !== undefined && end <= bytes.length; end = endOf(bytes, at)) {
        const kind = KINDS.get(bytes[at] ?? 0) as TerminalFrameKind
        frames.push({ kind, payload: bytes.subarray(at + HEAD_BYTES, end) })
        at = end
      }
      if (at < bytes.length) pending.append(bytes.subarray(at))
      return frames
    },
  }
}

/** The longest payload. */
export const MAX_TERMINAL_FRAME_BYTES = 65_536

const HEAD_BYTES = 4
const SMALL_BYTES = 4_096
const KINDS: ReadonlyMap<number, TerminalFrameKind> = new Map(
  Object.entries(TERMINAL_FRAMES).map(([kind, code]) => [code, kind as TerminalFrameKind]),
)
