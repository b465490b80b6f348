import type { Readable } from 'node:stream'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import type { Json } from '../../core/model/store.ts'
import type { Host } from '../../sdk/app.ts'

/**
 * Run a program for an app, with the rights of the agent, to its end.
 *
 * @param granted  the programs that it may run, as they must be named
 * @returns `{ code, output, errors }`, texts; a signal has the code that shells give it
 * @throws MeshError `denied`, `not-found`, `too-large` for over `MAX_OUTPUT_BYTES`, `timed-out`
 */
export async function runForApp(
  host: Host,
  granted: readonly string[],
  { program, args, input }: { program: string; args: readonly string[]; input?: string | undefined },
): Promise<Json> {
  if (!granted.includes(program)) throw new MeshError('denied', `Cannot run ${quote(program)}: not granted`)
  const running = await host.runProgram({ command: [program.replace(/^~(?=\/)/, host.disk.home), ...args] })
  let failure: MeshError | undefined
  const giveUp = (error: MeshError) => {
    failure ??= error
    running.signal('SIGKILL')
  }
  const cancel = host.after(RUN_TIMEOUT_MS, () =>
    giveUp(
      new MeshError('timed-out', `Cannot run ${quote(program)}: not done in ${RUN_TIMEOUT_MS / 1_000} s`),
    ),
  )
  running.input.end(input ?? '')
  const tooMuch = () =>
    giveUp(new MeshError('too-large', `Cannot run ${quote(program)}: it says over ${MAX_OUTPUT_BYTES} bytes`))
  const said = Promise.all([running.output, running.errors].map(one => readText(one, tooMuch)))
  const end = await running.ended
  const [output = '', errors = ''] = await said
  cancel()
  if (failure !== undefined) throw failure
  return { code: 'code' in end ? end.code : 128, output, errors }
}

async function readText(from: Readable | undefined, onTooMuch: () => void): Promise<string> {
  const chunks: Buffer[] = []
  let byteCount = 0
  for await (const chunk of from ?? []) {
    byteCount += (chunk as Buffer).length
    if (byteCount > MAX_OUTPUT_BYTES) onTooMuch()
    else chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString()
}

const RUN_TIMEOUT_MS = 60_000
/** Of output, and of errors. */
const MAX_OUTPUT_BYTES = 262_144
