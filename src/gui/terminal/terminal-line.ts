import type { z } from 'zod'
import {
  answerShape,
  endShape,
  type localRequestShape,
  type TerminalAnswer,
  type TerminalRequest,
} from '../../apps/terminal/messages.ts'
import type { MeshError } from '../../core/model/errors.ts'
import { openFrameLine } from '../api/frame-line.ts'

/** An answer that is good. */
export type GoodAnswer = Extract<TerminalAnswer, { isGood: true }>

/** What happens on a line to a terminal. */
export interface LineEvents {
  /** The session is there: its id, and where in its output the next bytes are. */
  readonly onOpen: (session: string, from: number, answer: GoodAnswer) => void
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
      onAnswer: answer => onOpen(answer.session ?? '', answer.from ?? 0, answer),
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

const ENCODER = new TextEncoder()
const DECODER = new TextDecoder()
