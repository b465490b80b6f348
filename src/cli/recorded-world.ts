import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import type { Ms } from '../core/model/time.ts'
import type { Machine } from './daemon/machine.ts'
import type { RunTool } from './daemon/run-tool.ts'
import { runCli } from './main.ts'
import type { RunAgentOptions, RunGatewayOptions, RunHubOptions } from './run-options.ts'
import type { World } from './world.ts'

/** What a command line did. */
export interface RecordedRun {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A world for tests of the command line: it keeps what is printed and runs no daemon. */
export interface RecordedWorld {
  readonly world: World
  /** Run one command line in it. */
  ztm(...words: string[]): Promise<RecordedRun>
  readonly hubRuns: readonly RunHubOptions[]
  readonly agentRuns: readonly RunAgentOptions[]
  readonly gatewayRuns: readonly RunGatewayOptions[]
  /** Ctrl-C. */
  interrupt(): void
}

/** What may be different from an empty world with state in `folder`. */
export interface RecordedWorldOptions {
  readonly folder: string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly isTerminal?: boolean
  readonly stdin?: string
  /** Where its clock stands; default: the computer's clock. */
  readonly nowMs?: number
  readonly system?: Partial<World['system']>
}

/** Make a world whose state folder is `folder/data`, and where relative paths begin at `folder`. */
export function createRecordedWorld(options: RecordedWorldOptions): RecordedWorld {
  const { folder, env = {}, isTerminal = false, stdin = '', nowMs } = options
  let [stdout, stderr] = ['', '']
  let interrupts = new AbortController()
  const hubRuns: RunHubOptions[] = []
  const agentRuns: RunAgentOptions[] = []
  const gatewayRuns: RunGatewayOptions[] = []
  const startedAtMs = performance.now()
  const world: World = {
    env: { ZTM_DATA: `${folder}/data`, ...env },
    homeFolder: folder,
    workFolder: folder,
    platform: 'linux',
    stdout: {
      isTerminal,
      write: text => {
        stdout += text
      },
    },
    stderr: {
      isTerminal,
      write: text => {
        stderr += text
      },
    },
    // It goes on from where it was set: what waits for it must not wait forever.
    clock: { now: () => (nowMs === undefined ? Date.now() : nowMs + performance.now() - startedAtMs) as Ms },
    readStdin: async () => stdin,
    console: () => ({
      input: Readable.from([stdin]),
      output: sink(text => {
        stdout += text
      }),
      errors: sink(text => {
        stderr += text
      }),
      isTerminal,
      size: () => ({ columns: 80, rows: 24 }),
      setRaw: () => {},
      onResize: () => () => {},
    }),
    catchInterrupt: () => interrupts.signal,
    program: ['/opt/ztm/node', '/opt/ztm/ztm.mjs'],
    system: { machine: async () => bareMachine(folder), run: noTool, root: folder, ...options.system },
    async runHub(given) {
      hubRuns.push(given)
      return 0
    },
    async runAgent(given) {
      agentRuns.push(given)
      return 0
    },
    async runGateway(given) {
      gatewayRuns.push(given)
      return 0
    },
    async inspectGateway(configFile) {
      const folder = dirname(configFile)
      return { needsLowPorts: true, readableFolders: [folder], writableFolders: [], needsEnvironment: false }
    },
  }
  return {
    world,
    hubRuns,
    agentRuns,
    gatewayRuns,
    interrupt: () => interrupts.abort(),
    async ztm(...words) {
      ;[stdout, stderr] = ['', '']
      interrupts = new AbortController()
      const code = await runCli(words, world)
      return { code, stdout, stderr }
    },
  }
}

/** The part of a test's context that is needed here. */
interface Ending {
  after(end: () => unknown): void
}

/**
 * A world in a temporary folder whose state folder is served by daemons; all of it ends with the test.
 *
 * @param serve  starts them on the state folder
 */
export async function openLab<D extends AsyncDisposable>(
  test: Ending,
  serve: (dataFolder: string) => Promise<D>,
  options: Partial<RecordedWorldOptions> = {},
) {
  const path = mkdtempSync(join(tmpdir(), 'ztm-test-'))
  test.after(() => rmSync(path, { recursive: true, force: true }))
  mkdirSync(join(path, 'data'), { mode: 0o700 })
  const daemons = await serve(join(path, 'data'))
  test.after(() => daemons[Symbol.asyncDispose]())
  const folder = { path, file: (name: string) => join(path, name) }
  return { folder, daemons, ...createRecordedWorld({ folder: path, ...options }) }
}

/** A Linux computer without systemd. */
function bareMachine(homeFolder: string): Machine {
  const user = { name: 'ann', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, homeFolder }
  return { platform: 'linux', isAdministrator: false, user, env: {}, exists: () => false }
}

const noTool: RunTool = async command => ({ status: 127, output: `${command}: no such command` })

function sink(take: (text: string) => void): Writable {
  return new Writable({
    write(chunk, _, done) {
      take(String(chunk))
      done()
    },
  })
}
