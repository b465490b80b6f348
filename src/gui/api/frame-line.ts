import type { z } from 'zod'
import {
  createTerminalFrameDecoder,
  encodeTerminalHead,
  MAX_TERMINAL_FRAME_BYTES,
  type TerminalFrame,
  type TerminalFrameKind,
} from '../../core/codec/terminal-frame.ts'
import { type ErrorCode, MeshError } from '../../core/model/errors.ts'
import { readKey } from './login.ts'

/** What an app answers first: that it is good, with more or less, or why it is refused. */
type FirstAnswer =
  | { readonly isGood: true }
  | { readonly isGood: false; readonly error: { readonly code: ErrorCode; readonly message: string } }

/** What happens on a line. */
export interface FrameLineEvents<A extends FirstAnswer> {
  /** The endpoint took the request; frames follow. */
  readonly onAnswer: (answer: Extract<A, { isGood: true }>) => void
  readonly onFrame: (frame: TerminalFrame) => void
  /** It was refused, or is not what it should be; a broken line, or one that ended, has no error. */
  readonly onClose: (error?: MeshError) => void
}

/** A line to an app of an endpoint, by its agent. */
export interface FrameLine {
  /** Send bytes as frames of one kind; while the line opens they wait, 64 KiB at most, and once it is closed they are dropped. */
  send(kind: TerminalFrameKind, payload: Uint8Array): void
  /** Nothing is heard of it any more. */
  close(): void
}

/**
 * Open a line to an app: a request, an answer, then frames both ways, in a WebSocket.
 *
 * @param wish  `{ endpoint, request }`, 65,535 bytes as JSON at most
 * @param follows  bytes that the request announces
 * @see docs/protocol.md, "Terminal streams"
 */
export function openFrameLine<A extends FirstAnswer>(
  place: { readonly mesh: string; readonly app: 'terminal' | 'script'; readonly shape: z.ZodType<A> },
  { wish, follows }: { readonly wish: object; readonly follows?: Uint8Array<ArrayBuffer> },
  { onAnswer, onFrame, onClose }: FrameLineEvents<A>,
): FrameLine {
  const at = `/api/meshes/${encodeURIComponent(place.mesh)}/apps/ztm/${place.app}/stream`
  const socket = new WebSocket(at, ['ztm-stream', `ztm-key.${readKey()}`])
  socket.binaryType = 'arraybuffer'
  const decoder = createTerminalFrameDecoder()
  let head: Uint8Array | undefined = new Uint8Array(0)
  let isClosed = false
  /** What was typed while the line opened. */
  const early: Uint8Array<ArrayBuffer>[] = []
  let earlyBytes = 0
  const close = (error?: MeshError) => {
    if (isClosed) return
    isClosed = true
    socket.close()
    onClose(error)
  }
  /** The answer comes first: 2 bytes of length, and JSON. @returns what follows it, if it is whole */
  const takeAnswer = (bytes: Uint8Array): Uint8Array | undefined => {
    const length = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)
    if (bytes.length < 2 || bytes.length < 2 + length) {
      head = bytes
      return undefined
    }
    head = undefined
    const answer = place.shape.parse(JSON.parse(DECODER.decode(bytes.subarray(2, 2 + length))))
    if (!answer.isGood) throw new MeshError(answer.error.code, answer.error.message)
    onAnswer(answer as Extract<A, { isGood: true }>)
    return bytes.subarray(2 + length)
  }
  socket.onopen = () => {
    const text = ENCODER.encode(JSON.stringify(wish))
    if (text.length > MAX_WISH_BYTES)
      return close(new MeshError('too-large', `Cannot ask the ${place.app} app: the request is too long`))
    socket.send(join(Uint8Array.of(text.length >> 8, text.length & 0xff), text))
    for (let from = 0; from < (follows?.length ?? 0); from += MESSAGE_BYTES)
      socket.send(follows?.subarray(from, from + MESSAGE_BYTES) ?? '')
    for (const frame of early.splice(0)) socket.send(frame)
  }
  socket.onmessage = ({ data }) => {
    if (isClosed) return
    try {
      let bytes = new Uint8Array(data as ArrayBuffer)
      if (head !== undefined) {
        const rest = takeAnswer(join(head, bytes))
        if (rest === undefined) return
        bytes = Uint8Array.from(rest)
      }
      for (const frame of decoder.push(bytes)) onFrame(frame)
    } catch (error) {
      const said = `Cannot read what the ${place.app} app said`
      close(error instanceof MeshError ? error : new MeshError('bad-message', said))
    }
  }
  socket.onclose = () => close()
  return {
    send(kind, payload) {
      if (socket.readyState > WebSocket.OPEN) return
      for (let from = 0; from === 0 || from < payload.length; from += MAX_TERMINAL_FRAME_BYTES) {
        const part = payload.subarray(from, from + MAX_TERMINAL_FRAME_BYTES)
        const frame = join(encodeTerminalHead(kind, part.length), part)
        if (socket.readyState === WebSocket.OPEN) socket.send(frame)
        else if (earlyBytes + frame.length <= MAX_EARLY_BYTES) {
          early.push(frame)
          earlyBytes += frame.length
        }
      }
    },
    close() {
      isClosed = true
      socket.close()
    },
  }
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first)
  bytes.set(second, first.length)
  return bytes
}

/** Its length is written in 2 bytes. */
const MAX_WISH_BYTES = 65_535
/** Typed while a line opens; what is beyond is dropped. */
const MAX_EARLY_BYTES = 65_536
const MESSAGE_BYTES = 262_144
const ENCODER = new TextEncoder()
const DECODER = new TextDecoder()
