import { createWriteStream } from 'node:fs'
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
