import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex, Readable } from 'node:stream'
import { z } from 'zod'
import { type CliRequest, cliRequestShape } from '../../core/app/cli-request.ts'
import type { RunnableApp } from '../../core/app/installed-app.ts'
import {
  createTerminalFrameDecoder,
  encodeTerminalFrames,
  type TerminalFrame,
} from '../../core/codec/terminal-frame.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Json } from '../../core/model/store.ts'
import type { Clock } from '../../core/model/time.ts'
import type { AppResponse } from '../app-runner.ts'
import { duplexOver } from './bridge-duplex.ts'
import type { Jail } from './jail.ts'
import { describeEnd, type Sandbox, startSandbox } from './sandbox.ts'
import { SANDBOX_LIMITS } from './sandbox-limits.ts'
import type { SandboxProgram } from './sandbox-program.ts'

/** What the `cli` of an app is run with. */
export interface AppCliOptions {
  readonly app: RunnableApp
  readonly jail: () => Promise<Jail>
  readonly program: SandboxProgram
  /** Where a folder is made for it, which goes with it. */
  readonly folder: string
  readonly facts: Json
  /** Ask the app's own API. @param endpoint  of another endpoint's, if one was named */
  readonly ask: (question: AppQuestion, endpoint: string | undefined) => Promise<AppResponse>
  readonly clock: Clock
}

/** What the `cli` of an app asks of the app. */
export interface AppQuestion {
  readonly method: string
  /** Below the app's own root, with its query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/**
 * Run the `cli` of an app for a program of this computer's user, over a stream of terminal frames: first a `notice` with what is
 * asked, then input; back come output, errors, and the end.
 *
 * It is code of a stranger, as the app is, and gets less: a process of its own, walled in, that reads the package, writes a folder
 * which goes with it, and asks the app's API. What the app was granted it has by the app alone.
 */
export async function runAppCli(options: AppCliOptions, stream: Duplex): Promise<void> {
  stream.on('error', () => {})
  const late = setTimeout(() => stream.destroy(), HELLO_TIMEOUT_MS)
  const frames = new Frames(stream)
  try {
    const request = await frames.request()
    clearTimeout(late)
    frames.end(await run(options, request, frames))
  } catch (thrown) {
    clearTimeout(late)
    const { message, kind } = toMeshError(thrown)
    frames.say('notice', Buffer.from(message.slice(0, 1_000)))
    frames.end({ code: kind.exit })
  }
}

/** @returns how it ended, when all that it wrote was sent */
async function run(
  { app, jail, program, folder, facts, ask, clock }: AppCliOptions,
  { args, endpoint }: CliRequest,
  frames: Frames,
): Promise<{ code: number } | { signal: string }> {
  if (app.manifest.cli === undefined)
    throw new MeshError('unsupported', `Cannot run app ${app.provider}/${app.name}: it has no commands`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const place = await mkdtemp(join(folder, 'cli-'))
  try {
    let sandbox: Sandbox | undefined
    sandbox = await startSandbox({
      ...{ jail: await jail(), program, clock, role: 'cli', args },
      entry: join(app.folder, app.manifest.cli),
      readable: [app.folder],
      writable: [place],
      folder: place,
      limits: { memoryMb: app.grants.memoryMb, silenceMs: SANDBOX_LIMITS.silenceMs },
      facts,
      async onCall(op, given) {
        const parsed = op === 'app.fetch' ? fetchShape.safeParse(given) : undefined
        if (parsed?.success !== true || sandbox === undefined)
          throw new MeshError(
            'denied',
            'Cannot do that: the commands of an app can ask the app, and nothing else',
          )
        return answer(sandbox, parsed.data, question => ask(question, endpoint))
      },
      onTell: () => {},
    })
    const end = await frames.carry(sandbox)
    if (!('killed' in end)) return end
    throw new MeshError('call-failed', `The commands of the app were ended: ${describeEnd(end)}`)
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

const fetchShape = z.strictObject({
  stream: z.int(),
  url: z.string().max(8_192),
  method: z.string().regex(/^[A-Z]{1,16}$/),
  headers: z.array(z.tuple([z.string().max(256), z.string().max(16_384)])).max(100),
  hasBody: z.boolean(),
})

async function answer(
  sandbox: Sandbox,
  { stream, url, method, headers, hasBody }: z.output<typeof fetchShape>,
  ask: (question: AppQuestion) => Promise<AppResponse>,
): Promise<Json> {
  const near = duplexOver(sandbox.bridge.take(stream))
  try {
    const { pathname, search, origin } = new URL(url, NO_ORIGIN)
    if (origin !== NO_ORIGIN) throw new MeshError('denied', 'Cannot fetch that: ask the app, by a path')
    const body = hasBody ? await readBody(near) : new Uint8Array(0)
    if (!hasBody) near.resume()
    const shown = headers.map(([name, value]) => [name.toLowerCase(), value] as const)
    const sent = Object.fromEntries(shown.filter(([name]) => name === 'content-type' || name === 'accept'))
    const {
      status,
      headers: back,
      body: content,
    } = await ask({
      method,
      path: pathname + search,
      headers: sent,
      body,
    })
    near.end(content)
    return { status, headers: Object.entries(back) as unknown as Json }
  } catch (error) {
    near.destroy()
    throw error
  }
}

async function readBody(from: Readable): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of from) {
    length += (chunk as Buffer).length
    if (length > MAX_BODY_BYTES)
      throw new MeshError('too-large', `Cannot ask app: body over ${MAX_BODY_BYTES} bytes`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

/** Terminal frames of a stream, of the side that runs something. */
class Frames {
  readonly #stream: Duplex
  readonly #decoder = createTerminalFrameDecoder()
  readonly #early: TerminalFrame[] = []
  #take: (frame: TerminalFrame) => void = frame => this.#early.push(frame)

  constructor(stream: Duplex) {
    this.#stream = stream
    stream.on('data', (chunk: Uint8Array) => {
      try {
        for (const { kind, payload } of this.#decoder.push(chunk))
          this.#take({ kind, payload: Uint8Array.from(payload) })
      } catch {
        stream.destroy()
      }
    })
  }

  /** What is asked. @throws MeshError `bad-message`, `link-closed` */
  async request(): Promise<CliRequest> {
    const { kind, payload } = await new Promise<TerminalFrame>((resolve, reject) => {
      this.#stream.once('close', () => reject(new MeshError('link-closed', 'Nothing was asked')))
      let isFirst = true
      this.#take = frame => {
        if (isFirst) resolve(frame)
        else this.#early.push(frame)
        isFirst = false
      }
    })
    try {
      if (kind !== 'notice') throw new TypeError(kind)
      return cliRequestShape.parse(JSON.parse(Buffer.from(payload).toString()))
    } catch (cause) {
      throw new MeshError('bad-message', 'Cannot run commands: what was asked is not understood', { cause })
    }
  }

  say(kind: 'output' | 'errors' | 'notice' | 'end', bytes: Uint8Array): boolean {
    if (this.#stream.destroyed) return true
    let isTaken = true
    for (const piece of encodeTerminalFrames(kind, bytes)) isTaken = this.#stream.write(piece)
    return isTaken
  }

  end(how: object): void {
    this.say('end', Buffer.from(JSON.stringify(how)))
    this.#stream.end()
  }

  /** Carry what it reads and writes; it is killed when who runs it is gone. */
  async carry(sandbox: Sandbox): Promise<Awaited<Sandbox['ended']>> {
    const stream = this.#stream
    const leave = () => sandbox.kill('told', 'who ran it is gone')
    stream.once('end', leave)
    stream.once('close', leave)
    if (stream.destroyed) leave()
    const { input } = sandbox
    this.#take = ({ kind, payload }) => {
      if (kind === 'input-end') input.end()
      if (kind !== 'input' || input.destroyed || input.writableEnded || input.write(payload)) return
      stream.pause()
      input.once('drain', () => stream.resume())
      input.once('close', () => stream.resume())
    }
    for (const frame of this.#early.splice(0)) this.#take(frame)
    const sent = Promise.all([this.#send('output', sandbox.output), this.#send('errors', sandbox.errors)])
    const end = await sandbox.ended
    await sent
    stream.off('end', leave)
    return end
  }

  #send(kind: 'output' | 'errors', from: Readable): Promise<void> {
    return new Promise(resolve => {
      from.on('data', (bytes: Uint8Array) => {
        if (this.say(kind, bytes)) return
        from.pause()
        this.#stream.once('drain', () => from.resume())
        this.#stream.once('close', () => from.resume())
      })
      from.once('close', () => resolve())
    })
  }
}

const HELLO_TIMEOUT_MS = 10_000
const MAX_BODY_BYTES = 1_048_576
const NO_ORIGIN = 'http://localhost'
