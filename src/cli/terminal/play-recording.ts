import { readFile, stat } from 'node:fs/promises'
import { readAsciicast } from '../../core/codec/read-asciicast.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { type Cli, pathOf } from '../context.ts'

/** What `terminal play` was told. */
export interface PlayWords {
  readonly speed: string
  readonly idle: string
}

/** `ztm terminal play FILE`: what was shown, at the pace it was, until Ctrl-C. */
export async function playRecording(cli: Cli, file: string, words: PlayWords): Promise<void> {
  const [speed, idleMs] = [readNumber('--speed', words.speed), readNumber('--idle', words.idle) * 1_000]
  const { events } = readAsciicast(await readRecording(pathOf(cli, file), file), file, true)
  const interrupt = cli.world.catchInterrupt()
  const { output } = cli.world.console()
  let beforeMs = 0
  for (const event of events) {
    if (!('text' in event)) continue
    const { atMs, text } = event
    const waitMs = Math.min(Math.max(0, atMs - beforeMs), idleMs) / speed
    beforeMs = atMs
    if (waitMs > 0) await pause(waitMs, interrupt)
    if (interrupt.aborted) return
    output.write(text)
  }
}

async function readRecording(path: string, file: string): Promise<string> {
  try {
    const { size } = await stat(path)
    if (size > MAX_RECORDING_BYTES) {
      throw new MeshError('too-large', `Cannot play ${quote(file, 300)}: over ${MAX_RECORDING_BYTES} bytes`)
    }
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof MeshError) throw cause
    throw new MeshError('not-found', `Cannot play ${quote(file, 300)}: it cannot be read`, { cause })
  }
}

function readNumber(option: string, text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0 && value <= 86_400) return value
  throw new MeshError('bad-input', `Cannot use ${option} ${quote(text)}: write a number over 0`)
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
    function done() {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}

const MAX_RECORDING_BYTES = 256 * 1_048_576
