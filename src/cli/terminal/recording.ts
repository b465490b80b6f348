import { createWriteStream } from 'node:fs'
import { z } from 'zod'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { castHeader, createCastLines } from '../../sdk/for-apps/asciicast.ts'

/** Writes down what a terminal shows, as asciicast v2: https://docs.asciinema.org/manual/asciicast/v2/ */
export interface Recorder extends AsyncDisposable {
  output(bytes: Uint8Array): void
  resized(size: { readonly columns: number; readonly rows: number }): void
}

/**
 * Begin a recording. The file is made anew, for its owner alone: what is shown may be secret.
 *
 * @param nowMs  of a clock that nobody sets, and of the calendar
 * @throws MeshError `storage-failed`
 */
export async function openRecorder(
  file: string,
  size: { readonly columns: number; readonly rows: number },
  now: { readonly steadyMs: () => number; readonly calendarMs: number },
): Promise<Recorder> {
  const stream = createWriteStream(file, { flags: 'wx', mode: 0o600 })
  await new Promise<void>((resolve, reject) => {
    stream.once('open', () => resolve())
    stream.once('error', cause =>
      reject(
        new MeshError('storage-failed', `Cannot record to ${quote(file, 300)}: ${cause.message}`, { cause }),
      ),
    )
  })
  stream.on('error', () => {})
  const startedMs = now.steadyMs()
  const lines = createCastLines(() => now.steadyMs() - startedMs)
  stream.write(castHeader(size, now.calendarMs))
  return {
    output: bytes => void stream.write(lines.output(bytes)),
    resized: to => void stream.write(lines.resized(to)),
    async [Symbol.asyncDispose]() {
      stream.write(lines.end())
      await new Promise<void>(resolve => stream.end(() => resolve()))
    },
  }
}

const headerShape = z.looseObject({ version: z.literal(2), width: z.number(), height: z.number() })
const eventShape = z.tuple([z.number().min(0), z.string(), z.string()])

/** One thing that was shown, and when, in ms from the beginning. */
export interface RecordedOutput {
  readonly atMs: number
  readonly text: string
}

/** Read a recording. @throws MeshError `bad-input` with the line that is none */
export function parseRecording(text: string, where: string): RecordedOutput[] {
  const lines = text.split('\n').filter(line => line !== '')
  return lines.flatMap((line, index) => {
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      throw bad(where, index)
    }
    if (index === 0) {
      if (headerShape.safeParse(value).success) return []
      throw bad(where, index)
    }
    const event = eventShape.safeParse(value)
    if (!event.success) throw bad(where, index)
    const [seconds, code, data] = event.data
    return code === 'o' ? [{ atMs: seconds * 1_000, text: data }] : []
  })
}

function bad(where: string, index: number): MeshError {
  return new MeshError(
    'bad-input',
    `Cannot play ${quote(where, 300)}: line ${index + 1} is not of a recording (asciicast v2)`,
  )
}
