import { type ChildProcess, spawn } from 'node:child_process'
import { chown, lchown, readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex, Readable, Writable } from 'node:stream'
import { type Bridge, createBridge } from '../../core/app/bridge.ts'
import { createAppFrameDecoder, encodeAppData, encodeAppMessage } from '../../core/codec/app-frame.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Json } from '../../core/model/store.ts'
import type { Clock } from '../../core/model/time.ts'
import { createTokenBucket } from '../../core/model/token-bucket.ts'
import { fromNodeError } from '../../net/node-error.ts'
import { parseBridgeMessage } from './bridge-messages.ts'
import type { Jail, Walls } from './jail.ts'
import { DATA_SLACK_MB, type KillReason, SANDBOX_LIMITS, type SandboxLimits } from './sandbox-limits.ts'
import type { SandboxProgram } from './sandbox-program.ts'
import { watchProcess } from './watch-process.ts'

/** What is to be run, and what it may have. Paths are absolute. */
export interface SandboxOptions {
  readonly jail: Jail
  readonly program: SandboxProgram
  readonly role: 'app' | 'script' | 'cli'
  /** The program's first file. */
  readonly entry: string
  readonly args: readonly string[]
  /** Files and folders it may read, with all below: its own code among them. */
  readonly readable: readonly string[]
  /** Files and folders it may read and change. */
  readonly writable: readonly string[]
  /** Where it starts: one of those, its own. */
  readonly folder: string
  readonly limits: SandboxLimits
  /** What the program is told of itself and where it is. */
  readonly facts: Json
  /** Do what it asks for, if it may. */
  readonly onCall: (op: string, args: Json) => Promise<Json>
  readonly onTell: (op: string, args: Json) => void
  readonly clock: Clock
}

/** How a sandboxed process ended: by itself, by a signal, or because it broke a rule. */
export type SandboxEnd =
  | { readonly code: number }
  | { readonly signal: string }
  | { readonly killed: KillReason; readonly says: string }

/** A sandboxed process. */
export interface Sandbox extends AsyncDisposable {
  /** Of the process that holds it. */
  readonly id: number
  readonly walls: Walls
  readonly input: Writable
  /** Has to be read: who writes and is not read waits. */
  readonly output: Readable
  readonly errors: Readable
  readonly bridge: Bridge
  /** It has loaded; of an app, `start` is done. What it says of itself. @throws MeshError what it threw, or how it ended instead */
  readonly started: Promise<Json>
  /** Its output may still have to be read. */
  readonly ended: Promise<SandboxEnd>
  /** Tell it to end, and kill it if it does not. */
  stop(): Promise<SandboxEnd>
  kill(reason: KillReason, says: string): void
}

/**
 * Start a program in a process of its own that has what it is given, and nothing else.
 *
 * @throws MeshError `not-found` for a path that is not there, `system-failed` if no process can be started
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { jail, program, limits } = options
  const resolve = (paths: readonly string[]) => Promise.all([...new Set(paths)].map(resolvePath))
  const [readable, writable, entry, folder] = await Promise.all([
    resolve(options.readable),
    resolve(options.writable),
    resolvePath(options.entry),
    resolvePath(options.folder),
  ])
  if (readable.length + writable.length > SANDBOX_LIMITS.maxPaths)
    throw new MeshError('too-many', `Cannot start program: over ${SANDBOX_LIMITS.maxPaths} files and folders`)
  const isStranger = jail.stranger !== undefined && (await isOpenToStrangers({ readable, writable, folder }))
  if (jail.stranger !== undefined) await giveFolder(folder, isStranger ? jail.stranger : { uid: 0, gid: 0 })
  const heapMb = Math.max(16, Math.floor(limits.memoryMb * 0.75))
  const command = [
    program.node,
    '--permission',
    ...[program.folder, ...readable, ...writable].map(path => `--allow-fs-read=${path}`),
    ...writable.map(path => `--allow-fs-write=${path}`),
    ...[`--max-old-space-size=${heapMb}`, '--disable-proto=delete', '--disable-sigusr1', '--no-addons'],
    ...[
      '--disable-warning=ExperimentalWarning',
      '--disable-warning=SecurityWarning',
      '--no-global-search-paths',
    ],
    program.entry,
  ]
  const [file = '', ...args] = jail.enclose(command, {
    readable: [program.node, program.folder, ...readable],
    writable,
    folder,
    isStranger,
    maxDataKib: (limits.memoryMb + DATA_SLACK_MB) * 1_024,
    maxOpenFiles: SANDBOX_LIMITS.maxOpenFiles,
  })
  const child = spawn(file, args, {
    // A group of its own: a signal to a whole group must not reach the agent.
    ...{
      cwd: folder,
      env: { ...CLEAN_ENVIRONMENT },
      detached: process.platform !== 'win32',
      windowsHide: true,
    },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  })
  await new Promise<void>((done, reject) => {
    child.once('spawn', done)
    child.once('error', error => reject(fromNodeError(error, 'Cannot start program')))
  })
  return new SandboxProcess(child, { ...options, entry })
}

/** Make a folder, with all in it, a user's: it may have been another's when the program ran with other rights. Links are not followed. */
async function giveFolder(folder: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  if ((await stat(folder)).uid === uid) return
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    await lchown(join(entry.parentPath, entry.name), uid, gid)
  await chown(folder, uid, gid)
}

async function resolvePath(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    throw fromNodeError(error, `Cannot start program: ${path}`)
  }
}

/** Whether somebody else could run it: it writes nothing but its own folder, and all it reads is open to everybody. */
async function isOpenToStrangers(place: {
  readable: readonly string[]
  writable: readonly string[]
  folder: string
}): Promise<boolean> {
  if (place.writable.some(path => path !== place.folder)) return false
  const modes = await Promise.all(place.readable.map(path => stat(path)))
  return modes.every(
    one => (one.mode & (one.isDirectory() ? 0o005 : 0o004)) === (one.isDirectory() ? 0o005 : 0o004),
  )
}

/** Nothing of the agent's: it may hold tokens, and `NODE_OPTIONS` would open what is closed. */
const CLEAN_ENVIRONMENT = {
  PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
  LANG: 'C.UTF-8',
  HOME: '/nonexistent',
}

class SandboxProcess implements Sandbox {
  readonly id: number
  readonly walls: Walls
  readonly input: Writable
  readonly output: Readable
  readonly errors: Readable
  readonly bridge: Bridge
  readonly started: Promise<Json>
  readonly ended: Promise<SandboxEnd>
  readonly #timers = new Set<NodeJS.Timeout>()
  #killed: { killed: KillReason; says: string } | undefined
  #isOver = false

  constructor(child: ChildProcess, options: SandboxOptions) {
    this.id = child.pid ?? 0
    this.walls = options.jail.walls
    const [input, output, errors, channel] = child.stdio as unknown as [Writable, Readable, Readable, Duplex]
    for (const stream of [input, output, errors, channel]) stream.on('error', () => {})
    this.input = input
    this.output = output
    this.errors = errors
    let lastHeardMs = options.clock.now()
    this.bridge = createBridge({
      side: 'agent',
      sendMessage: message => channel.write(encodeAppMessage(JSON.stringify(message))),
      sendData: (stream, bytes) => channel.write(encodeAppData(stream, bytes)),
      onCall: options.onCall,
      onTell: (op, args) => {
        if (op !== 'pong') options.onTell(op, args)
      },
      describe: thrown => {
        const error = toMeshError(thrown)
        if (error.code !== 'bug') return error.toBody()
        return { code: 'bug', message: 'Unexpected failure: see the log of the agent' }
      },
    })
    this.#receive(channel, options.clock, () => {
      lastHeardMs = options.clock.now()
    })
    this.ended = this.#watchEnd(child, channel)
    const watch = watchProcess({
      id: this.id,
      limits: options.limits,
      clock: options.clock,
      ping: () => this.bridge.tell('ping', null),
      lastHeardMs: () => lastHeardMs,
      kill: (reason, says) => this.kill(reason, says),
    })
    this.ended.then(() => watch[Symbol.dispose]())
    this.started = this.#start(options)
    this.started.catch(() => {})
  }

  async stop(): Promise<SandboxEnd> {
    if (!this.#isOver) {
      this.bridge.call('stop', {}).catch(() => {})
      this.#after(SANDBOX_LIMITS.stopMs, () => this.kill('told', 'it did not end when it was told to'))
    }
    return this.ended
  }

  kill(reason: KillReason, says: string): void {
    if (this.#isOver) return
    this.#killed ??= { killed: reason, says }
    // The first process of the chain; the others die with it. Its whole group where there is no chain.
    for (const target of [-this.id, this.id]) {
      try {
        process.kill(target, 'SIGKILL')
        return
      } catch {
        // It led no group, or is gone.
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #start({ role, entry, args, facts }: SandboxOptions): Promise<Json> {
    const late = this.#after(SANDBOX_LIMITS.startMs, () =>
      this.kill('silence', `it did not start within ${SANDBOX_LIMITS.startMs / 1_000} s`),
    )
    try {
      return await this.bridge.call('start', { role, entry, args: [...args], facts })
    } finally {
      clearTimeout(late)
    }
  }

  /** Take what the process says, as fast as it may say it: the rest waits in the pipe. */
  #receive(channel: Duplex, clock: Clock, onHeard: () => void): void {
    const decoder = createAppFrameDecoder()
    const bucket = createTokenBucket(SANDBOX_LIMITS.messagesPerSecond, SANDBOX_LIMITS.messageBurst)
    channel.on('data', (chunk: Uint8Array) => {
      onHeard()
      try {
        for (const frame of decoder.push(chunk)) {
          if (frame.kind === 'data') this.bridge.receiveData(frame.stream, frame.bytes)
          else this.bridge.receive(parseBridgeMessage(frame.text))
          if (bucket.take(clock.now()) || channel.isPaused()) continue
          channel.pause()
          this.#after(FLOOD_PAUSE_MS, () => channel.resume())
        }
      } catch (thrown) {
        this.kill('protocol', toMeshError(thrown).message)
      }
    })
  }

  #watchEnd(child: ChildProcess, channel: Duplex): Promise<SandboxEnd> {
    return new Promise(resolve =>
      child.once('exit', (code, signal) => {
        this.#isOver = true
        for (const timer of this.#timers) clearTimeout(timer)
        channel.destroy()
        const end: SandboxEnd = this.#killed ?? (signal === null ? { code: code ?? 0 } : { signal })
        this.bridge.close(new MeshError('link-closed', `The program has ended: ${describeEnd(end)}`))
        resolve(end)
      }),
    )
  }

  #after(delayMs: number, call: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      call()
    }, delayMs)
    this.#timers.add(timer)
    return timer
  }
}

/** How a process ended, in words: `killed: it takes 140 MiB of memory`. */
export function describeEnd(end: SandboxEnd): string {
  if ('killed' in end) return `killed: ${end.says}`
  return 'code' in end ? `exit code ${end.code}` : end.signal
}

/** How long who floods the channel is not read. */
const FLOOD_PAUSE_MS = 100
