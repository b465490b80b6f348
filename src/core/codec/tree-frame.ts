import { MeshError } from '../model/errors.ts'
import { createPendingBytes } from './pending-bytes.ts'

/** What a frame between two ends of a tree is. */
export const TREE_FRAMES = {
  /** To the endpoint that has the tree: do something. */
  ask: 0x01,
  /** From it: what came of the request with that number. */
  answer: 0x02,
  /** From it: why nothing came of it. */
  refusal: 0x03,
} as const
/** A kind of frame. */
export type TreeFrameKind = keyof typeof TREE_FRAMES

/** A frame: a request or an answer as JSON, and bytes of files beside it. */
export interface TreeFrame {
  readonly kind: TreeFrameKind
  /** Number of the request, chosen by who asks. */
  readonly number: number
  readonly head: Uint8Array
  readonly body: Uint8Array
}

/**
 * The first bytes of a frame; `head` and `body` follow:
 *
 *     1 byte   kind
 *     4 bytes  number of the request, big-endian
 *     3 bytes  length of the JSON, big-endian, at most 1 MiB
 *     3 bytes  length of the bytes, big-endian, at most 1 MiB
 *
 * @throws MeshError `too-large`
 * @see docs/protocol.md, "Trees"
 */
export function encodeTreeHead({ kind, number, head, body }: TreeFrame): Uint8Array<ArrayBuffer> {
  if (head.length > MAX_TREE_HEAD_BYTES || body.length > MAX_TREE_BODY_BYTES) {
    throw new MeshError('too-large', `Cannot send frame: ${head.length} and ${body.length} bytes`)
  }
  const bytes = new Uint8Array(HEADER_BYTES)
  const view = new DataView(bytes.buffer)
  bytes[0] = TREE_FRAMES[kind]
  view.setUint32(1, number)
  bytes[5] = head.length >> 16
  view.setUint16(6, head.length & 0xffff)
  bytes[8] = body.length >> 16
  view.setUint16(9, body.length & 0xffff)
  return bytes
}

/** Finds frames in a stream of bytes. */
export interface TreeFrameDecoder {
  /**
   * Take the next bytes of the stream.
   *
   * @returns the frames that ended in them; one that lies whole in `chunk` is a view of it
   * @throws MeshError `bad-message` for a kind or length that is none; every later call throws again
   */
  push(chunk: Uint8Array): TreeFrame[]
}

/** Make a decoder for one stream. It keeps what came of one frame, never what was only announced. */
export function createTreeFrameDecoder(): TreeFrameDecoder {
  const pending = createPendingBytes()
  let wantedBytes = HEADER_BYTES
  let header: { kind: TreeFrameKind; number: number; headBytes: number } | undefined
  let isBroken = false

  function readHeader(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const kind = KINDS.get(bytes[0] ?? 0)
    const headBytes = ((bytes[5] ?? 0) << 16) | view.getUint16(6)
    const bodyBytes = ((bytes[8] ?? 0) << 16) | view.getUint16(9)
    if (kind === undefined || headBytes > MAX_TREE_HEAD_BYTES || bodyBytes > MAX_TREE_BODY_BYTES) {
      isBroken = true
      throw new MeshError('bad-message', 'Cannot read frame: no such kind or length')
    }
    header = { kind, number: view.getUint32(1), headBytes }
    wantedBytes = headBytes + bodyBytes
  }

  return {
    push(chunk) {
      if (isBroken) throw new MeshError('bad-message', 'Cannot read frame: the stream was broken before')
      const frames: TreeFrame[] = []
      let rest = chunk
      while (pending.length + rest.length >= wantedBytes) {
        const missing = wantedBytes - pending.length
        let bytes = rest.subarray(0, missing)
        if (pending.length > 0) {
          pending.append(bytes)
          bytes = pending.copy(0, wantedBytes)
          pending.clear()
        }
        rest = rest.subarray(missing)
        if (header === undefined) readHeader(bytes)
        else {
          const { kind, number, headBytes } = header
          frames.push({ kind, number, head: bytes.subarray(0, headBytes), body: bytes.subarray(headBytes) })
          header = undefined
          wantedBytes = HEADER_BYTES
        }
      }
      if (rest.length > 0) pending.append(rest)
      return frames
    },
  }
}

/** The longest JSON in a frame. */
export const MAX_TREE_HEAD_BYTES = 1_048_576
/** The most bytes of files in a frame. */
export const MAX_TREE_BODY_BYTES = 1_048_576

const HEADER_BYTES = 11
const KINDS: ReadonlyMap<number, TreeFrameKind> = new Map(
  Object.entries(TREE_FRAMES).map(([kind, code]) => [code, kind as TreeFrameKind]),
)
