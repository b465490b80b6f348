import type { Duplex, Writable } from 'node:stream'
import { endShape } from '../../apps/terminal/messages.ts'
import {
  createTerminalFrameDecoder,
  encodeTerminalHead,
  MAX_TERMINAL_FRAME_BYTES,
  type TerminalFrame,
  type TerminalFrameKind,
} from '../../core/codec/terminal-frame.ts'
import { MeshError } from '../../core/model/errors.ts'
import { whenDrained } from '../../sdk/for-apps/when-drained.ts'
import type { Console } from '../world.ts'
import type { Recorder } from './recording.ts'

/** How a stream of a terminal ended: the program did, or the stream was broken. */
export type StreamEnd = { readonly code: number } | { readonly signal: string } | 'broken'

/** What is written to the host over the streams that follow each other. */
export interface TerminalClient extends Disposable {
  /** Bytes of output that came so far. */
  readonly receivedBytes: number
  /** Carry bytes both ways until the stream ends. @throws MeshError `bad-message` */
  carry(stream: Duplex): Promise<StreamEnd>
}

/**
 * Join a console and the terminal at the far end. What is typed while no stream is there waits.
 *
 * @param hasTerminal  the far end has a terminal: every key goes there, and the size of ours
 * @param recorder     hears of everything that is shown
 */
export function createTerminalClient(
  console: Console,
  hasTerminal: boolean,
  recorder?: Pick<Recorder, 'output' | 'resized'>,
): TerminalClient {
  const { input, output, errors } = console
  let stream: Duplex | undefined
  let receivedBytes = 0
  let isInputOver = false

  function send(kind: TerminalFrameKind, payload: Uint8Array = new Uint8Array(0)): boolean {
    if (stream === undefined || stream.destroyed) return false
    let isTaken = true
    for (let at = 0; at === 0 || at < payload.length; at += MAX_TERMINAL_FRAME_BYTES) {
      const part = payload.subarray(at, at + MAX_TERMINAL_FRAME_BYTES)
      isTaken = stream.write(Buffer.concat([encodeTerminalHead(kind, part.length), part]))
    }
    return isTaken
  }
  const sendSize = () => {
    const size = console.size()
    recorder?.resized(size)
    send('resize', Buffer.from(JSON.stringify(size)))
  }
  const onInput = (chunk: Uint8Array) => {
    const at = stream
    if (at === undefined || at.destroyed) {
      // What is typed now goes with the next stream.
      input.pause()
      input.unshift(chunk)
    } else if (!send('input', chunk)) {
      input.pause()
      whenDrained(at, () => at.destroyed || input.resume())
    }
  }
  const onInputEnd = () => {
    isInputOver = true
    send('input-end')
  }
  input.on('data', onInput)
  input.once('end', onInputEnd)
  input.pause()
  const endResizes = hasTerminal ? console.onResize(sendSize) : () => {}
  if (hasTerminal) console.setRaw(true)

  return {
    get receivedBytes() {
      return receivedBytes
    },
    carry(next) {
      stream = next
      if (hasTerminal) sendSize()
      if (isInputOver) send('input-end')
      input.resume()
      const take = ({ kind, payload }: TerminalFrame) => {
        if (kind === 'output') {
          receivedBytes += payload.length
          recorder?.output(payload)
          show(output, payload, next)
        }
        if (kind === 'errors') show(errors, payload, next)
        if (kind === 'end') return endShape.parse(JSON.parse(Buffer.from(payload).toString('utf8')))
        return undefined
      }
      return carryFrames(next, take).finally(() => input.pause())
    },
    [Symbol.dispose]() {
      endResizes()
      input.off('data', onInput)
      input.off('end', onInputEnd)
      input.pause()
      if (hasTerminal) console.setRaw(false)
    },
  }
}

/** Write to our own output; whoever reads it slowly slows the far end down. */
function show(to: Writable, bytes: Uint8Array, from: Duplex): void {
  if (to.destroyed || to.write(Uint8Array.from(bytes))) return
  from.pause()
  whenDrained(to, () => from.resume())
}

function carryFrames(
  stream: Duplex,
  take: (frame: TerminalFrame) => StreamEnd | undefined,
): Promise<StreamEnd> {
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
