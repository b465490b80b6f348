import type { z } from 'zod'
import {
  answerShape,
  endShape,
  type localRequestShape,
  type SessionInfo,
  sessionShape,
  type TerminalRequest,
} from '../../apps/terminal/messages.ts'
import {
  createTerminalFrameDecoder,
  encodeTerminalHead,
  MAX_TERMINAL_FRAME_BYTES,
  type TerminalFrame,
  type TerminalFrameKind,
} from '../../core/codec/terminal-frame.ts'
import { MeshError } from '../../core/model/errors.ts'
import { readKey } from '../api/login.ts'

/** What happens on a line to a terminal. */
export interface LineEvents {
  /** The session is there: its id, and where in its output the next bytes are. */
  readonly onOpen: (session: string, from: number) => void
  readonly onOutput: (bytes: Uint8Array) => void
  readonly onNotice: (text: string) => void
  /** How its program ended. */
  readonly onEnd: (end: z.output<typeof endShape>) => void
  /** It was refused, or is not what it should be; a broken line has no error. */
  readonly onClose: (error?: MeshError) => void
}

/** A line to a terminal at an endpoint. */
export interface TerminalLine {
  type(bytes: Uint8Array): void
  resize(columns: number, rows: number): void
  close(): void
}

/**
 * Open a line to the terminal app of an endpoint: a request, an answer, then frames both ways.
 *
 * @see docs/protocol.md, "Terminal streams"
 */
export function openLine(
  mesh: string,
  endpoint: string,
  request: TerminalRequest,
  { onOpen, onOutput, onNotice, onEnd, onClose }: LineEvents,
): TerminalLine {
  const at = `/api/meshes/${encodeURIComponent(mesh)}/apps/ztm/terminal/stream`
  const socket = new WebSocket(at, ['ztm-stream', `ztm-key.${readKey()}`])
  socket.binaryType = 'arraybuffer'
  const decoder = createTerminalFrameDecoder()
  let head: Uint8Array | undefined = new Uint8Array(0)
  let isClosed = false
  const close = (error?: MeshError) => {
    if (isClosed) return
    isClosed = true
    socket.close()
    onClose(error)
  }
  const send = (kind: TerminalFrameKind, payload: Uint8Array) => {
    if (socket.readyState !== WebSocket.OPEN) return
    for (let from = 0; from < payload.length; from += MAX_TERMINAL_FRAME_BYTES) {
      const part = payload.subarray(from, from + MAX_TERMINAL_FRAME_BYTES)
      socket.send(join(encodeTerminalHead(kind, part.length), part))
    }
  }
  const take = ({ kind, payload }: TerminalFrame) => {
    if (kind === 'output') onOutput(payload)
    if (kind === 'notice') onNotice(DECODER.decode(payload))
    if (kind === 'end') onEnd(endShape.parse(JSON.parse(DECODER.decode(payload))))
  }
  /** The answer comes first: 2 bytes of length, and JSON. @returns what follows it, if it is whole */
  const takeAnswer = (bytes: Uint8Array): Uint8Array | undefined => {
    const length = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)
    if (bytes.length < 2 || bytes.length < 2 + length) {
      head = bytes
      return undefined
    }
    head = undefined
    const answer = answerShape.parse(JSON.parse(DECODER.decode(bytes.subarray(2, 2 + length))))
    if (!answer.isGood) throw new MeshError(answer.error.code, answer.error.message)
    onOpen(answer.session ?? '', answer.from ?? 0)
    return bytes.subarray(2 + length)
  }
  socket.onopen = () => {
    const wish: z.input<typeof localRequestShape> = { endpoint, request }
    const text = ENCODER.encode(JSON.stringify(wish))
    socket.send(join(Uint8Array.of(text.length >> 8, text.length & 0xff), text))
  }
  socket.onmessage = ({ data }) => {
    try {
      let bytes = new Uint8Array(data as ArrayBuffer)
      if (head !== undefined) {
        const rest = takeAnswer(join(head, bytes))
        if (rest === undefined) return
        bytes = Uint8Array.from(rest)
      }
      for (const frame of decoder.push(bytes)) take(frame)
    } catch (error) {
      close(
        error instanceof MeshError
          ? error
          : new MeshError('bad-message', 'Cannot read what the terminal said'),
      )
    }
  }
  socket.onclose = () => close()
  return {
    type: bytes => send('input', bytes),
    resize: (columns, rows) => send('resize', ENCODER.encode(JSON.stringify({ columns, rows }))),
    close: () => {
      isClosed = true
      socket.close()
    },
  }
}

/** The sessions of an endpoint that one may attach to. @throws MeshError what the endpoint answered; `link-closed` */
export function listSessions(mesh: string, endpoint: string): Promise<readonly SessionInfo[]> {
  return new Promise((resolve, reject) => {
    let text = ''
    const line = openLine(
      mesh,
      endpoint,
      { kind: 'list' },
      {
        onOpen() {},
        onOutput(bytes) {
          text += DECODER.decode(bytes, { stream: true })
        },
        onNotice() {},
        onEnd() {
          line.close()
          try {
            resolve(sessionShape.array().parse(JSON.parse(text)))
          } catch {
            reject(new MeshError('bad-message', 'Cannot list sessions: the answer is none'))
          }
        },
        onClose: error =>
          reject(error ?? new MeshError('link-closed', 'Cannot list sessions: the line broke')),
      },
    )
  })
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first)
  bytes.set(second, first.length)
  return bytes
}

const ENCODER = new TextEncoder()
const DECODER = new TextDecoder()
