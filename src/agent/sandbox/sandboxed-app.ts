import { mkdir, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { SETTINGS_PATH } from '../../core/api/app-settings-api.ts'
import type { RunnableApp } from '../../core/app/installed-app.ts'
import { createRestartPlan } from '../../core/app/restart-plan.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Json } from '../../core/model/store.ts'
import { type Clock, ms } from '../../core/model/time.ts'
import type { AppStorage, Hosting } from '../../sdk/app.ts'
import type {
  AppRequest,
  AppResponse,
  AppRunner,
  RunningPackage,
  RunOptions,
  RunState,
} from '../app-runner.ts'
import { createOperations, type Operations, offerStream } from './app-operations.ts'
import { limitStorage } from './app-records.ts'
import { type AppSettings, createAppSettings } from './app-settings.ts'
import { askApp } from './ask-app.ts'
import { counterpartOf } from './counterpart.ts'
import type { Jail } from './jail.ts'
import { logOutput, logWords } from './log-output.ts'
import { type AppQuestion, runAppCli } from './run-app-cli.ts'
import { describeEnd, type Sandbox, startSandbox } from './sandbox.ts'
import { SANDBOX_LIMITS } from './sandbox-limits.ts'
import type { SandboxProgram } from './sandbox-program.ts'

/** What apps from elsewhere are run with. */
export interface AppRunnerOptions {
  /** Asked for when an app is started: to find it takes a while. */
  readonly jail: () => Promise<Jail>
  readonly program: SandboxProgram
  /** Where their own folders are made, below mesh, provider and name. */
  readonly dataFolder: string
  readonly clock: Clock
}

/** Make what runs apps from elsewhere, each in a sandboxed process of its own. */
export function createAppRunner(options: AppRunnerOptions): AppRunner {
  return {
    async start(app, run) {
      const running = new SandboxedApp(app, run, options)
      try {
        await running.start()
        running.isGiven = true
      } catch (error) {
        await running[Symbol.asyncDispose]()
        throw error
      }
      return running
    },
    async forget(mesh, app) {
      const below = app === undefined ? [mesh] : [mesh, app.provider, app.name]
      await rm(join(options.dataFolder, ...below.map(encodeURIComponent)), { recursive: true, force: true })
    },
  }
}

class SandboxedApp implements RunningPackage {
  state: RunState
  /** Whoever asked for it has it, and hears of changes. */
  isGiven = false
  readonly #app: RunnableApp
  readonly #run: RunOptions
  readonly #options: AppRunnerOptions
  readonly #plan = createRestartPlan()
  readonly #settings: AppSettings
  readonly #storage: AppStorage
  #sandbox: Sandbox | undefined
  #operations: Operations | undefined
  #hosting: Hosting | undefined
  #restart: NodeJS.Timeout | undefined
  #restartCount = 0
  #isStopped = false
  #cliCount = 0

  constructor(app: RunnableApp, run: RunOptions, options: AppRunnerOptions) {
    this.#app = app
    this.#run = run
    this.#options = options
    const { storage } = run.host
    this.#storage = limitStorage(scope(storage, 'data/'))
    this.#settings = createAppSettings(scope(storage, 'settings/'), access => this.#hosting?.update(access))
    this.state = {
      is: 'waiting',
      error: 'it has not started yet',
      atMs: options.clock.now(),
      restartCount: 0,
    }
  }

  /** @throws MeshError why it cannot be started */
  async start(): Promise<void> {
    const { host } = this.#run
    const { clock, program, dataFolder } = this.#options
    const jail = await this.#options.jail()
    const { provider, name, folder, manifest, grants } = this.#app
    const own = join(dataFolder, ...[host.mesh, provider, name].map(encodeURIComponent))
    await mkdir(own, { recursive: true, mode: 0o700 })
    const [readable, writable] = await Promise.all([
      this.#existing(grants.files.read),
      this.#existing(grants.files.write),
    ])
    const bridge = () => {
      if (this.#sandbox === undefined) throw new MeshError('offline', 'Cannot use app: it does not run')
      return this.#sandbox.bridge
    }
    const operations = createOperations({
      app: this.#app,
      host,
      storage: this.#storage,
      settings: () => this.#settings.values(),
      bridge,
    })
    this.#operations = operations
    const words = logWords(host.log, clock)
    const sandbox = await startSandbox({
      ...{ jail, program, clock, role: 'app', args: [] },
      entry: join(folder, manifest.entry),
      readable: [folder, ...readable],
      writable: [own, ...writable],
      folder: own,
      limits: {
        memoryMb: grants.memoryMb,
        cpuPercent: grants.cpuPercent,
        silenceMs: SANDBOX_LIMITS.silenceMs,
      },
      facts: this.#facts,
      onCall: (op, args) => operations.call(op, args),
      onTell: (op, args) => {
        if (op === 'log') words(args)
      },
    })
    this.#sandbox = sandbox
    sandbox.input.end()
    logOutput(sandbox.output, { log: host.log, level: 'info', clock })
    logOutput(sandbox.errors, { log: host.log, level: 'warn', clock })
    const sinceMs = clock.now()
    let isStarted = false
    sandbox.ended.then(end => {
      this.#sandbox = undefined
      Promise.resolve(operations[Symbol.asyncDispose]()).catch(() => {})
      if (isStarted && !this.#isStopped) this.#crashed(describeEnd(end), clock.now() - sinceMs)
    })
    const takes = await sandbox.started
    isStarted = true
    // What ended in this very moment has told nobody.
    if (this.#sandbox === undefined && !this.#isStopped)
      return this.#crashed(describeEnd(await sandbox.ended), 0)
    if ((takes as { takesStreams?: unknown } | null)?.takesStreams === true) await this.#hostCounterpart()
    this.#become({ is: 'running', pid: sandbox.id, sinceMs, restartCount: this.#restartCount })
    host.log.info('app.started', {
      walls: sandbox.walls,
      ...(jail.reason !== undefined && { why: jail.reason }),
    })
  }

  async request(request: AppRequest): Promise<AppResponse> {
    const own = await this.#settings.answer(request)
    if (own !== undefined) return own
    if (this.#sandbox === undefined || this.state.is !== 'running')
      throw new MeshError('offline', `Cannot ask app: ${this.#describe()}`)
    return askApp(this.#sandbox.bridge, request)
  }

  /** Its commands: `ztm APP …`. */
  readonly receiveLocal = (stream: Duplex): void => {
    const { jail, program, dataFolder, clock } = this.#options
    if (this.#cliCount >= MAX_CLIS) {
      stream.destroy()
      return
    }
    this.#cliCount++
    const options = {
      ...{ app: this.#app, jail, program, clock, facts: this.#facts },
      folder: join(dataFolder, '.cli'),
      ask: (question: AppQuestion, endpoint: string | undefined) => this.#askFor(question, endpoint),
    }
    void runAppCli(options, stream).finally(() => this.#cliCount--)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#restart)
    await this.#hosting?.[Symbol.asyncDispose]()
    await this.#sandbox?.stop()
    await this.#operations?.[Symbol.asyncDispose]()
  }

  get #facts(): Json {
    const { mesh, endpoint } = this.#run.host
    const { provider, name, version } = this.#app
    const { id, name: at, user } = endpoint
    return { mesh, app: { provider, name, version }, endpoint: { id, name: at, user } }
  }

  /** A question of its commands, for the person who runs them; but who may reach the app, and what it reads, is not theirs to say. */
  async #askFor(question: AppQuestion, endpoint: string | undefined): Promise<AppResponse> {
    const { host } = this.#run
    if (question.path.startsWith(SETTINGS_PATH))
      throw new MeshError('denied', 'Cannot change settings: that is for the person: `ztm app settings`')
    if (endpoint === undefined || endpoint === host.endpoint.id || endpoint === host.endpoint.name) {
      if (this.#sandbox === undefined || this.state.is !== 'running')
        throw new MeshError('offline', `Cannot ask app: ${this.#describe()}`)
      return askApp(this.#sandbox.bridge, { ...question, caller: { source: 'user' } })
    }
    const { method, path, body } = question
    const { id } = await host.findEndpoint(endpoint)
    const sent = body.length === 0 ? undefined : (JSON.parse(Buffer.from(body).toString()) as Json)
    const answer = await host.request(id, { method, path, ...(sent !== undefined && { body: sent }) })
    const content = Buffer.from(JSON.stringify(answer ?? null))
    return { status: 200, headers: { 'content-type': 'application/json' }, body: content }
  }

  /** Of the files that are granted, those that are there; `~` is the home folder. */
  async #existing(paths: readonly string[]): Promise<string[]> {
    const { log, disk } = this.#run.host
    const found = await Promise.all(
      paths.map(path =>
        realpath(path.replace(/^~(?=$|\/)/, disk.home)).catch(() => {
          log.warn('app.path-missing', { path })
          return []
        }),
      ),
    )
    return found.flat()
  }

  async #hostCounterpart(): Promise<void> {
    const { host } = this.#run
    this.#hosting ??= await host.serve(counterpartOf(this.#app, host.endpoint.user), {
      access: await this.#settings.access(),
      onStream: incoming => {
        if (this.#sandbox !== undefined) return offerStream(this.#sandbox.bridge, incoming)
        incoming.refuse(new MeshError('offline', 'Cannot open stream: the app does not run now'))
      },
    })
  }

  #crashed(why: string, livedMs: number): void {
    const { clock } = this.#options
    const delayMs = this.#plan.crashed(clock.now(), livedMs)
    const error = `it crashed: ${why}`
    this.#run.host.log.error('app.crashed', { reason: why, restart: delayMs !== undefined })
    if (delayMs === undefined) {
      this.#become({ is: 'failed', error, restartCount: this.#restartCount })
      return
    }
    const atMs = clock.now() + delayMs
    this.#become({
      is: 'waiting',
      error,
      atMs: ms(atMs),
      restartCount: this.#restartCount,
    })
    this.#restart = setTimeout(() => {
      this.#restartCount++
      this.start().catch(thrown => {
        if (!this.#isStopped) this.#crashed(toMeshError(thrown).message, 0)
      })
    }, delayMs)
  }

  #describe(): string {
    return this.state.is === 'running' ? 'it is about to end' : this.state.error
  }

  #become(state: RunState): void {
    this.state = state
    if (this.isGiven) this.#run.onState()
  }
}

function scope(storage: AppStorage, prefix: string): AppStorage {
  return {
    get: key => storage.get(prefix + key),
    list: async below =>
      (await storage.list(prefix + below)).map(({ key, value }) => ({
        key: key.slice(prefix.length),
        value,
      })),
    put: (key: string, value: Json) => storage.put(prefix + key, value),
    delete: key => storage.delete(prefix + key),
  }
}

/** Commands of one app that run at one time. */
const MAX_CLIS = 8
