import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { z } from 'zod'
import { describeCapabilities } from '../../core/app/capabilities.ts'
import { type DevLine, devRequestShape } from '../../core/app/dev-messages.ts'
import { appId, type RunnableApp } from '../../core/app/installed-app.ts'
import { parseManifest } from '../../core/app/manifest.ts'
import { encodeTerminalFrames } from '../../core/codec/terminal-frame.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { LogLevel } from '../../core/model/log.ts'
import { quote } from '../../core/model/quote.ts'
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
          const develop = (folder: string) => {
            // Nothing more is said by it: it has gone.
            stream.once('end', () => stream.destroy())
            stream.resume()
            const run = new DevRun(stream, host, options)
            open.add(run)
            stream.once('close', () => {
              open.delete(run)
              const ended = run[Symbol.asyncDispose]().catch(() => {})
              ending.add(ended)
              ended.then(() => ending.delete(ended))
            })
            Promise.all(ending).then(() => run.start(folder))
          }
          readRequest(stream).then(
            ({ folder, isCommands }) =>
              isCommands === true ? runCommands(host, open, folder, stream) : develop(folder),
            () => stream.destroy(),
          )
        },
        async [Symbol.asyncDispose]() {
          await Promise.all([...ending, ...[...open].map(run => run[Symbol.asyncDispose]())])
        },
      }
    },
  }
}

/** Run the commands of an app that is being made, as those of an installed one are. */
async function runCommands(
  host: Host,
  open: ReadonlySet<DevRun>,
  typed: string,
  stream: Duplex,
): Promise<void> {
  try {
    await using opened = await host.disk.openFolder(typed)
    const run = [...open].find(({ folder }) => folder === opened.path)
    if (run === undefined) {
      const help = 'nobody develops it: run `ztm app dev` with it in another terminal'
      throw new MeshError('not-found', `Cannot run the app of ${quote(opened.path)}: ${help}`)
    }
    await run.receiveCommands(stream)
  } catch (thrown) {
    const { message, kind } = toMeshError(thrown)
    const say = (what: 'notice' | 'end', text: string) => {
      for (const piece of encodeTerminalFrames(what, Buffer.from(text))) stream.write(piece)
    }
    say('notice', message.slice(0, 1_000))
    say('end', JSON.stringify({ code: kind.exit }))
    stream.end()
    stream.resume()
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
  /** The folder it runs from, once that was opened. */
  folder: string | undefined

  constructor(stream: Duplex, host: Host, options: DevAppOptions) {
    this.#stream = stream
    this.#host = host
    this.#options = options
  }

  start(typed: string): void {
    this.#open(typed).catch(thrown => {
      this.#say({ say: 'failed', error: toMeshError(thrown).message })
      this.#stream.end()
    })
  }

  /** Run its commands, as they are now. @throws MeshError `offline` if the app could not be started */
  async receiveCommands(stream: Duplex): Promise<void> {
    // It may be starting again.
    for (let turn: unknown; turn !== this.#turn; await this.#turn) turn = this.#turn
    const receive = this.#running?.receiveLocal
    if (receive === undefined)
      throw new MeshError('offline', 'Cannot run the app: it does not run: see what `ztm app dev` says')
    receive(stream)
    // It was held back while it was found out who is to take it.
    stream.resume()
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

  async #open(typed: string): Promise<void> {
    const folder = await this.#host.disk.openFolder(typed)
    this.#all.use(folder)
    this.folder = folder.path
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

/** Read the line that the stream begins with; what follows is left in it. @throws if there is none */
async function readRequest(stream: Duplex): Promise<z.output<typeof devRequestShape>> {
  const line = await new Promise<Buffer>((resolve, reject) => {
    let got = Buffer.alloc(0)
    const isOver = () => reject(new MeshError('link-closed', 'Cannot run app: nothing was asked'))
    const take = (chunk: Uint8Array) => {
      got = Buffer.concat([got, chunk])
      const end = got.indexOf(0x0a)
      if (end === -1 && got.length <= MAX_REQUEST_BYTES) return
      stream.off('data', take).pause().off('close', isOver).off('end', isOver)
      if (end === -1) return reject(new MeshError('too-large', 'Cannot run app: what was asked is too long'))
      if (end + 1 < got.length) stream.unshift(got.subarray(end + 1))
      resolve(got.subarray(0, end))
    }
    stream.on('data', take).once('close', isOver).once('end', isOver)
  })
  return devRequestShape.parse(JSON.parse(line.toString()))
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
