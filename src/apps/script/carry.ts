import type { Duplex, Readable } from 'node:stream'
import {
  createTerminalFrameDecoder,
  encodeTerminalFrames,
  type TerminalFrame,
} from '../../core/codec/terminal-frame.ts'
import type { RunningScript, ScriptEnd } from '../../sdk/app.ts'
import { whenDrained } from '../../sdk/for-apps/when-drained.ts'

/**
 * Carry what a script reads and writes over the stream of who runs it. It is killed when that is gone.
 *
 * @returns how it ended, when all that it wrote was sent
 */
export async function carryScript(stream: Duplex, script: RunningScript): Promise<ScriptEnd> {
  const decoder = createTerminalFrameDecoder()
  stream.on('data', (chunk: Uint8Array) => {
    try {
      for (const frame of decoder.push(chunk)) take(frame, stream, script)
    } catch {
      stream.destroy()
    }
  })
  const leave = () => script.kill('who ran it is gone')
  stream.once('end', leave)
  stream.once('close', leave)
  if (stream.destroyed) leave()
  const sent = Promise.all([send('output', script.output, stream), send('errors', script.errors, stream)])
  const end = await script.ended
  await sent
  stream.off('end', leave)
  if (!stream.destroyed) {
    for (const piece of encodeTerminalFrames('end', Buffer.from(JSON.stringify(cut(end)))))
      stream.write(piece)
    stream.end()
  }
  return end
}

function take({ kind, payload }: TerminalFrame, stream: Duplex, { input, kill }: RunningScript): void {
  switch (kind) {
    case 'input':
      if (input.destroyed || input.writableEnded || input.write(Uint8Array.from(payload))) return
      stream.pause()
      whenDrained(input, () => stream.resume())
      return
    case 'input-end':
      input.end()
      return
    case 'signal':
      kill('told to end')
      return
    default:
      stream.destroy()
  }
}

/** Resolves when there is no more. Who does not take it slows the script down; who is gone does not. */
function send(kind: 'output' | 'errors', from: Readable, stream: Duplex): Promise<void> {
  return new Promise(resolve => {
    from.on('data', (bytes: Uint8Array) => {
      if (stream.destroyed) return
      let isTaken = true
      for (const piece of encodeTerminalFrames(kind, bytes)) isTaken = stream.write(piece)
      if (isTaken) return
      from.pause()
      whenDrained(stream, () => from.resume())
    })
    from.once('close', () => resolve())
  })
}

function cut(end: ScriptEnd): ScriptEnd {
  return 'killed' in end ? { killed: end.killed.slice(0, 500) } : end
}
