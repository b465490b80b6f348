import type { z } from 'zod'
import {
  answerShape,
  endShape,
  type localRequestShape,
  type SessionInfo,
  sessionShape,
  type TerminalRequest,
} from '../../apps/terminal/messages.ts'
import { MeshError } from '../../core/model/errors.ts'
import { openFrameLine } from '../api/frame-line.ts'

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
  const wish: z.input<typeof localRequestShape> = { endpoint, request }
  const line = openFrameLine(
    { mesh, app: 'terminal', shape: answerShape },
    { wish },
    {
      onAnswer: answer => onOpen(answer.session ?? '', answer.from ?? 0),
      onFrame({ kind, payload }) {
        if (kind === 'output') onOutput(payload)
        if (kind === 'notice') onNotice(DECODER.decode(payload))
        if (kind === 'end') onEnd(endShape.parse(JSON.parse(DECODER.decode(payload))))
      },
      onClose,
    },
  )
  return {
    type: bytes => line.send('input', bytes),
    resize: (columns, rows) => line.send('resize', ENCODER.encode(JSON.stringify({ columns, rows }))),
    close: () => line.close(),
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

const ENCODER = new TextEncoder()
const DECODER = new TextDecoder()
