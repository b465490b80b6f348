import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunningPackage } from '../agent/app-runner.ts'
import { findJail, type Jail } from '../agent/sandbox/jail.ts'
import { findSandboxProgram } from '../agent/sandbox/sandbox-program.ts'
import { createAppRunner } from '../agent/sandbox/sandboxed-app.ts'
import type { RunnableApp } from '../core/app/installed-app.ts'
import { parseManifest } from '../core/app/manifest.ts'
import { parseUserName } from '../core/model/names.ts'
import { ms } from '../core/model/time.ts'
import type { AppCaller, Host } from '../sdk/app.ts'
import { createTestMesh, type TestEndpoint, type TestMesh } from './test-host.ts'

/** Apps from elsewhere at simulated endpoints, each in a sandboxed process of its own. */
export interface AppLab extends AsyncDisposable {
  readonly mesh: TestMesh
  readonly jail: Jail
  /** Run an app at an endpoint, from its folder. */
  start(folder: string, at: TestEndpoint, options?: AppLabOptions): Promise<LabApp>
  /** Write an app into a folder of its own. @param capabilities  of its `app.json` */
  write(source: string, capabilities?: object): Promise<string>
}

/** How an app of a lab is run. */
export interface AppLabOptions {
  /** Who published it; `root` if absent. */
  readonly provider?: string
  /** In place of the endpoint's own host. */
  readonly host?: Partial<Host>
}

/** An app that runs at an endpoint. */
export interface LabApp extends AsyncDisposable {
  readonly running: RunningPackage
  /** Resolves at the next change of its state. */
  changed(): Promise<void>
  /** Ask it as the person there does. */
  ask(path: string, init?: { method?: string; body?: string; caller?: AppCaller }): Promise<LabAnswer>
}

/** What an app answered. */
export interface LabAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly text: string
}

/** Make a lab. */
export async function createAppLab(): Promise<AppLab> {
  const root = await mkdtemp(join(tmpdir(), 'ztm-apps-'))
  const jail = await findJail(process.execPath)
  const mesh = createTestMesh()
  const all = new AsyncDisposableStack()
  all.defer(() => rm(root, { recursive: true, force: true }))
  all.use(jail)
  let count = 0
  return {
    mesh,
    jail,
    async write(source, capabilities = {}) {
      const folder = join(root, `app-${++count}`)
      await mkdir(folder, { mode: 0o755 })
      await writeFile(join(folder, 'app.ts'), source)
      await writeFile(
        join(folder, 'app.json'),
        JSON.stringify({ name: 'probe', version: '1.0.0', capabilities }),
      )
      return folder
    },
    async start(folder, at, { provider = 'root', host } = {}) {
      const manifest = parseManifest(await readFile(join(folder, 'app.json')))
      const app: RunnableApp = {
        provider: parseUserName(provider),
        name: manifest.name,
        version: manifest.version,
        hash: '0'.repeat(64),
        folder,
        manifest,
        grants: manifest.capabilities,
      }
      const runner = createAppRunner({
        jail: async () => jail,
        program: findSandboxProgram(),
        dataFolder: join(root, at.name),
        clock: { now: () => ms(Date.now()) },
      })
      let change = Promise.withResolvers<void>()
      const own = at.host({ name: `${provider}/${manifest.name}`, api: {}, start: neverStarted })
      const running = await runner.start(app, {
        host: { ...own, endpoint: own.endpoint, ...host },
        onState: () => {
          change.resolve()
          change = Promise.withResolvers<void>()
        },
      })
      all.use(running)
      return {
        running,
        changed: () => change.promise,
        async ask(path, { method = 'GET', body = '', caller = PERSON } = {}) {
          const bytes = new TextEncoder().encode(body)
          const answer = await running.request({ method, path, headers: {}, body: bytes, caller })
          return { ...answer, text: new TextDecoder().decode(answer.body) }
        },
        [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
      }
    },
    async [Symbol.asyncDispose]() {
      await all.disposeAsync()
      await mesh[Symbol.asyncDispose]()
    },
  }
}

const PERSON: AppCaller = { source: 'user' }

async function neverStarted(): Promise<never> {
  throw new Error('its runner starts it')
}
