import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { z } from 'zod'
import { describeCapabilities } from '../../core/app/capabilities.ts'
import { type DevLine, devRequestShape } from '../../core/app/dev-messages.ts'
import { appId, type RunnableApp } from '../../core/app/installed-app.ts'
import { parseManifest } from '../../core/app/manifest.ts'
import { createLineSplitter } from '../../core/codec/lines.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { LogLevel } from '../../core/model/log.ts'
import type { Clock } from '../../core/model/time.ts'
import type { App, AppStorage, Host } from '../../sdk/app.ts'
import type { AppRunner, RunningPackage } from '../app-runner.ts'
import { type DevPage, serveDevPage } from './dev-page.ts'
import type { Jail } from './jail.ts'

/** What runs apps that are being made. */
export interface DevAppOptions {
  readonly runner: AppRunner & { jail(): Promise<Pick<Jail, 'walls'>> }
  readonly clock: Clock
}

/**
 * What `ztm app dev` talks to: runs an app from its folder, as it would run if it were installed and given all that it asks
 * for, until the stream ends; a change in the folder starts it anew. Only who may use the agent's socket gets here.
 */
export function createDevApp(options: DevAppOptions): App {
  return {
    name: 'ztm/dev',
    api: {},
    async start(host) {
      const open = new Set<DevRun>()
      /** Those that end: their names are not free yet. */
      const ending = new Set<Promise<void>>()
      return {
        handlers: {},
        receiveLocal(stream) {
          stream.on('error', () => {})
          // Nothing more is said by it: it has gone.
          stream.once('end', () => stream.destroy())
          const run = new DevRun(stream, host, options)
          open.add(run)
          stream.once('close', () => {
            open.delete(run)
            const ended = run[Symbol.asyncDispose]().catch(() => {})
            ending.add(ended)
            ended.then(() => ending.delete(ended))
          })
          Promise.all(ending).then(() => run.start())
        },
        async [Symbol.asyncDispose]() {
          await Promise.all([...ending, ...[...open].map(run => run[Symbol.asyncDispose]())])
        },
      }
    },
  }
}

/** One app that is being made. */
class DevRun implements AsyncDisposable {
  readonly #stream: Duplex
  readonly #host: Host
  readonly #options: DevAppOptions
  readonly #all = new AsyncDisposableStack()
  #running: RunningPackage | undefined
  #page: DevPage | undefined
  #settle: (() => void) | undefined
  /** Starts run one after another. */
  #turn: Promise<void> = Promise.resolve()
  #isOver = false

  constructor(stream: Duplex, host: Host, options: DevAppOptions) {
    this.#stream = stream
    this.#host = host
    this.#options = options
  }

  start(): void {
    this.#open().catch(thrown => {
      this.#say({ say: 'failed', error: toMeshError(thrown).message })
      this.#stream.end()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    this.#settle?.()
    this.#stream.destroy()
    await this.#turn.catch(() => {})
    await this.#running?.[Symbol.asyncDispose]()
    await this.#all.disposeAsync()
  }

  async #open(): Promise<void> {
    const request = await readRequest(this.#stream)
    const folder = await this.#host.disk.openFolder(request.folder)
    this.#all.use(folder)
    const watched = await folder.watch('', path => {
      if (path !== undefined && /(?:^|\/)(?:node_modules|\.git)(?:\/|$)|~$|\.sw.$/.test(path)) return
      this.#settle?.()
      // An editor writes in several steps, and many files are saved together.
      this.#settle = this.#host.after(SETTLE_MS, () => {
        this.#say({ say: 'changed', path: path ?? '' })
        this.#startAnew(folder.path)
      })
    })
    this.#all.use(watched)
    this.#page = this.#all.use(
      await serveDevPage({
        folder: folder.path,
        request: request =>
          this.#running?.request(request) ?? Promise.reject(new Error('Cannot ask app: it does not run')),
      }),
    )
    this.#startAnew(folder.path)
    await this.#turn
  }

  #startAnew(folder: string): void {
    this.#turn = this.#turn.then(async () => {
      if (this.#isOver) return
      await this.#running?.[Symbol.asyncDispose]()
      this.#running = undefined
      try {
        await this.#startApp(folder)
      } catch (thrown) {
        this.#say({ say: 'failed', error: toMeshError(thrown).message })
      }
    })
  }

  async #startApp(folder: string): Promise<void> {
    const manifest = parseManifest(await readFile(join(folder, 'app.json')))
    const app: RunnableApp = {
      provider: this.#host.endpoint.user,
      name: manifest.name,
      version: manifest.version,
      hash: '',
      folder,
      manifest,
      grants: manifest.capabilities,
    }
    const running = await this.#options.runner.start(app, {
      host: this.#hostOf(app),
      onState: () => {
        const { state } = running
        if (state.is !== 'running') this.#say({ say: 'failed', error: state.error })
      },
    })
    this.#running = running
    const { walls } = await this.#options.runner.jail()
    this.#page?.show(manifest.gui)
    this.#say({
      say: 'running',
      app: appId(app),
      version: app.version,
      grants: describeCapabilities(app.grants).map(({ says }) => says),
      walls,
      url: this.#page?.url ?? '',
    })
  }

  /** Its records are beside those of the installed app; its log goes to who makes it. */
  #hostOf(app: RunnableApp): Host {
    const host = this.#host
    const note =
      (level: LogLevel) =>
      (event: string, fields = {}) =>
        this.#say({ say: 'log', level, event, fields })
    return {
      ...host,
      endpoint: host.endpoint,
      storage: below(host.storage, `${appId(app)}/`),
      log: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
    }
  }

  #say(line: DevLine): void {
    if (!this.#stream.destroyed && this.#stream.writableLength < MAX_WAITING_BYTES)
      this.#stream.write(`${JSON.stringify(line)}\n`)
  }
}

/** The line that the stream begins with. @throws MeshError `bad-message`, `link-closed` */
async function readRequest(stream: Duplex): Promise<z.output<typeof devRequestShape>> {
  const splitter = createLineSplitter(MAX_REQUEST_BYTES)
  const text = await new Promise<string>((resolve, reject) => {
    stream.once('close', () => reject(new MeshError('link-closed', 'Cannot run app: nothing was asked')))
    // It stays: nothing more is expected, and what comes is thrown away.
    stream.on('data', (chunk: Uint8Array) => {
      try {
        const [line] = splitter.push(chunk)
        if (line !== undefined) resolve(line)
      } catch (error) {
        reject(error)
      }
    })
  })
  try {
    return devRequestShape.parse(JSON.parse(text))
  } catch (cause) {
    throw new MeshError('bad-message', 'Cannot run app: what was asked is not understood', { cause })
  }
}

function below(storage: AppStorage, prefix: string): AppStorage {
  return {
    get: key => storage.get(prefix + key),
    list: async start =>
      (await storage.list(prefix + start)).map(({ key, value }) => ({
        key: key.slice(prefix.length),
        value,
      })),
    put: (key, value) => storage.put(prefix + key, value),
    delete: key => storage.delete(prefix + key),
  }
}

const MAX_REQUEST_BYTES = 8_192
const SETTLE_MS = 150
/** Of lines that the terminal has not taken; more are dropped. */
const MAX_WAITING_BYTES = 1_048_576
