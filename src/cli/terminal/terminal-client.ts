import type { Duplex, Writable } from 'node:stream'
import { endShape } from '../../apps/terminal/messages.ts'
import {
  createTerminalFrameDecoder,
  encodeTerminalFrames,
  type TerminalFrame,
  type TerminalFrameKind,
} from '../../core/codec/terminal-frame.ts'
import { MeshError } from '../../core/model/errors.ts'
import { printable } from '../../core/model/quote.ts'
import type { PredictMode } from '../../core/terminal/predicted-echo.ts'
import { whenDrained } from '../../sdk/for-apps/when-drained.ts'
import type { OrderFilter } from '../output/terminal-orders.ts'
import type { Console } from '../world.ts'
import { createEscapeKeys } from './escape-keys.ts'
import { createPredictedScreen } from './predicted-screen.ts'
import type { Recorder } from './recording.ts'

/** How a stream of a terminal ended: the program did, the stream was broken, or one left on purpose. */
export type StreamEnd = { readonly code: number } | { readonly signal: string } | 'broken' | 'detached'

/** What is written to the host over the streams that follow each other. */
export interface TerminalClient extends Disposable {
  /** Where in the output it is: what came before was shown. */
  readonly position: number
  /** Carry bytes both ways until the stream ends. @param from  where its output begins. @throws MeshError `bad-message` */
  carry(stream: Duplex, from: number): Promise<StreamEnd>
}

/** How the console takes part. */
export interface ClientOptions {
  /** The far end has a terminal: every key goes there, and the size of ours. */
  readonly hasTerminal: boolean
  /** When keys are shown before their echo, where a person types; never if absent. */
  readonly predict?: PredictMode | undefined
  /** Only look: nothing is sent. */
  readonly isReadOnly?: boolean
  /** Hears of everything that is shown. */
  readonly recorder?: Pick<Recorder, 'output' | 'resized'> | undefined
  /** What is shown passes through these: what a stranger's program writes, say, to a terminal. */
  readonly filters?: { readonly output?: OrderFilter | undefined; readonly errors?: OrderFilter | undefined }
}

/** Join a console and the terminal at the far end. What is typed while no stream is there waits. */
export function createTerminalClient(
  console: Console,
  { hasTerminal, predict = 'never', isReadOnly = false, recorder, filters = {} }: ClientOptions,
): TerminalClient {
  const { input, output, errors } = console
  const takesKeys = hasTerminal && !isReadOnly
  // Only a person types escapes: what is piped in goes as it is.
  const escapes = takesKeys && console.isTerminal ? createEscapeKeys() : undefined
  const screen = createPredictedScreen(console, takesKeys && console.isTerminal ? predict : 'never')
  const detached = Promise.withResolvers<'detached'>()
  let stream: Duplex | undefined
  let position = 0
  let isInputOver = false

  function send(kind: TerminalFrameKind, payload: Uint8Array = new Uint8Array(0)): boolean {
    if (stream === undefined || stream.destroyed) return false
    let isTaken = true
    for (const piece of encodeTerminalFrames(kind, payload)) isTaken = stream.write(piece)
    return isTaken
  }
  const sendSize = () => {
    const size = console.size()
    recorder?.resized(size)
    if (takesKeys) send('resize', Buffer.from(JSON.stringify(size)))
  }
  const onInput = (chunk: Uint8Array) => {
    const at = stream
    if (at === undefined || at.destroyed) {
      // What is typed now goes with the next stream.
      input.pause()
      input.unshift(chunk)
      return
    }
    const typed = escapes?.push(chunk) ?? { bytes: chunk, isDetach: false }
    screen.type(typed.bytes)
    if (typed.bytes.length > 0 && !send('input', typed.bytes)) {
      input.pause()
      whenDrained(at, () => at.destroyed || input.resume())
    }
    if (typed.isDetach) detached.resolve('detached')
  }
  const onInputEnd = () => {
    isInputOver = true
    send('input-end')
  }
  if (!isReadOnly) {
    input.on('data', onInput)
    input.once('end', onInputEnd)
    input.pause()
  }
  const onResize = () => {
    screen.forget()
    sendSize()
  }
  const endResizes = hasTerminal ? console.onResize(onResize) : () => {}
  if (takesKeys) console.setRaw(true)

  const take = ({ kind, payload }: TerminalFrame, from: Duplex) => {
    if (kind === 'output') {
      position += payload.length
      recorder?.output(payload)
      show(output, screen.around(filters.output?.(payload) ?? payload), from)
    }
    if (kind === 'errors') show(errors, filters.errors?.(payload) ?? payload, from)
    if (kind === 'notice') {
      screen.forget()
      const text = printable(Buffer.from(payload).toString('utf8'), MAX_NOTICE)
      errors.write(hasTerminal ? `\r\nztm: ${text}\r\n` : `ztm: ${text}\n`)
    }
    if (kind === 'end') screen.forget()
    if (kind === 'end') return endShape.parse(JSON.parse(Buffer.from(payload).toString('utf8')))
    return undefined
  }

  return {
    get position() {
      return position
    },
    carry(next, from) {
      stream = next
      position = from
      if (hasTerminal) sendSize()
      if (isInputOver) send('input-end')
      if (!isReadOnly) input.resume()
      const ended = carryFrames(next, frame => take(frame, next))
      return Promise.race([ended, detached.promise]).finally(() => {
        screen.forget()
        input.pause()
      })
    },
    [Symbol.dispose]() {
      endResizes()
      screen.forget()
      input.off('data', onInput)
      input.off('end', onInputEnd)
      input.pause()
      if (takesKeys) console.setRaw(false)
      stream?.destroy()
    },
  }
}

/** Write to our own output; whoever reads it slowly slows the far end down. */
function show(to: Writable, bytes: Uint8Array, from: Duplex): void {
  if (to.destroyed || to.write(Uint8Array.from(bytes))) return
  from.pause()
  whenDrained(to, () => from.resume())
}

/** Read frames until one of them is the end, or the stream breaks. @throws MeshError `bad-message` */
export function carryFrames<E>(
  stream: Duplex,
  take: (frame: TerminalFrame) => E | undefined,
): Promise<E | 'broken'> {
  const decoder = createTerminalFrameDecoder()
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Uint8Array) => {
      try {
        for (const frame of decoder.push(chunk)) {
          const end = take(frame)
          if (end !== undefined) resolve(end)
        }
      } catch (cause) {
        reject(new MeshError('bad-message', 'Cannot go on: the far end sent what is no terminal', { cause }))
        stream.destroy()
      }
    })
    stream.once('end', () => resolve('broken'))
    stream.once('close', () => resolve('broken'))
  })
}

const MAX_NOTICE = 500
