import { MeshError } from '../model/errors.ts'

/** What the frames of a stream of files carry. */
export const FILE_FRAMES = {
  /** To the holder: a question, JSON. */
  ask: 0x01,
  /** To the holder: chunks wanted of a content; see `encodeWant`. */
  want: 0x02,
  /** To the asker: the answer to a question, JSON. */
  answer: 0x11,
  /** To the asker: the next bytes of a manifest. */
  part: 0x12,
  /** To the asker: 4 bytes with the number of a chunk, and its bytes. */
  chunk: 0x13,
  /** To the asker: chunks it cannot have: first, count, and why as JSON. */
  missing: 0x14,
} as const
/** A kind of frame. */
export type FileFrameKind = keyof typeof FILE_FRAMES

/** A frame: its kind, and bytes whose meaning depends on it. */
export interface FileFrame {
  readonly kind: FileFrameKind
  readonly payload: Uint8Array
}

/**
 * The head of a frame:
 *
 *     1 byte   kind
 *     4 bytes  length of the payload, big-endian
 *
 * @param length  0 to `MAX_FILE_FRAME_BYTES`
 * @see docs/protocol.md, "File streams"
 */
export function encodeFileHead(kind: FileFrameKind, length: number): Uint8Array<ArrayBuffer> {
  if (length > MAX_FILE_FRAME_BYTES)
    throw new MeshError('too-large', `Cannot send frame: ${length} bytes: at most ${MAX_FILE_FRAME_BYTES}`)
  const bytes = new Uint8Array(HEAD_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, FILE_FRAMES[kind])
  view.setUint32(1, length)
  return bytes
}

/** Chunks with following numbers. */
export interface ChunkRange {
  readonly first: number
  readonly count: number
}

/** Numbers, in any order, as few ranges as they allow in that order. */
export function rangesOf(chunks: readonly number[]): ChunkRange[] {
  const ranges: { first: number; count: number }[] = []
  for (const chunk of chunks) {
    const last = ranges.at(-1)
    if (last !== undefined && last.first + last.count === chunk) last.count += 1
    else ranges.push({ first: chunk, count: 1 })
  }
  return ranges
}

/**
 * What is wanted, as the payload of a `want`: 32 bytes that name the content, then 4 bytes of first number and 4 of
 * count for each range, big-endian.
 */
export function encodeWant(content: Uint8Array, ranges: readonly ChunkRange[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(content.length + ranges.length * 8)
  const view = new DataView(bytes.buffer)
  bytes.set(content)
  for (const [index, { first, count }] of ranges.entries()) {
    view.setUint32(content.length + index * 8, first)
    view.setUint32(content.length + index * 8 + 4, count)
  }
  return bytes
}

/** Read the payload of a `want`. @throws MeshError `bad-message` */
export function parseWant(payload: Uint8Array): { content: Uint8Array; ranges: ChunkRange[] } {
  const length = payload.length - CONTENT_BYTES
  if (length < 8 || length % 8 !== 0)
    throw new MeshError('bad-message', 'Cannot read want: its length is wrong')
  const view = new DataView(payload.buffer, payload.byteOffset + CONTENT_BYTES, length)
  return {
    content: payload.subarray(0, CONTENT_BYTES),
    ranges: Array.from({ length: length / 8 }, (_, index) => ({
      first: view.getUint32(index * 8),
      count: view.getUint32(index * 8 + 4),
    })),
  }
}

/** Finds frames in a stream of bytes. */
export interface FileFrameDecoder {
  /**
   * Take the next bytes of the stream.
   *
   * @returns the frames that ended in them; a payload that lies whole in `bytes` is a view of it
   * @throws MeshError `bad-message` for a kind or length that is none; every later call throws again
   */
  push(bytes: Uint8Array): FileFrame[]
}

/**
 * Make a decoder for one stream. It keeps the bytes of at most one frame.
 *
 * @param maxBytes  the longest payload it takes
 * @param allocate  gives memory of that length for a payload that comes in pieces; new memory by default
 */
export function createFileFrameDecoder(
  maxBytes: number = MAX_FILE_FRAME_BYTES,
  allocate: (length: number) => Uint8Array = length => new Uint8Array(length),
): FileFrameDecoder {
  const head = new Uint8Array(HEAD_BYTES)
  let headLength = 0
  let kind: FileFrameKind | undefined
  let payload: Uint8Array | undefined
  let [length, filled] = [0, 0]
  let isBroken = false

  function readHead(): void {
    kind = KINDS.get(head[0] ?? 0)
    length = new DataView(head.buffer).getUint32(1)
    filled = 0
    if (kind !== undefined && length <= maxBytes) return
    isBroken = true
    throw new MeshError('bad-message', 'Cannot read frame: no such kind or length')
  }

  return {
    push(bytes) {
      if (isBroken) throw new MeshError('bad-message', 'Cannot read frame: the stream was broken before')
      const frames: FileFrame[] = []
      for (let at = 0; at < bytes.length || (kind !== undefined && filled === length); ) {
        if (kind === undefined) {
          const taken = Math.min(HEAD_BYTES - headLength, bytes.length - at)
          head.set(bytes.subarray(at, at + taken), headLength)
          headLength += taken
          at += taken
          if (headLength < HEAD_BYTES) break
          readHead()
          continue
        }
        const taken = Math.min(length - filled, bytes.length - at)
        if (filled === 0 && taken === length) payload = bytes.subarray(at, at + taken)
        else {
          payload ??= allocate(length)
          payload.set(bytes.subarray(at, at + taken), filled)
        }
        filled += taken
        at += taken
        if (filled < length) break
        frames.push({ kind, payload: payload as Uint8Array })
        kind = undefined
        payload = undefined
        headLength = 0
      }
      return frames
    },
  }
}

/** The longest payload: a chunk and its number, with room for the questions and answers. */
export const MAX_FILE_FRAME_BYTES = 1_048_640

const HEAD_BYTES = 5
const CONTENT_BYTES = 32
const KINDS: ReadonlyMap<number, FileFrameKind> = new Map(
  Object.entries(FILE_FRAMES).map(([kind, code]) => [code, kind as FileFrameKind]),
)
