import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What a command printed and how it ended. */
export interface CommandResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** How a command is run. */
export interface CommandOptions {
  /** State folder, instead of the one of that name in the mesh's folder. */
  readonly data?: string
  readonly input?: string
  readonly env?: Record<string, string>
  /** Default 60 s. */
  readonly timeoutMs?: number
  /** Working directory. */
  readonly cwd?: string
}

/** A daemon that was started. */
export interface Daemon {
  readonly role: 'hub' | 'agent' | 'gateway'
  readonly name: string
  readonly data: string
  readonly child: ChildProcess
  /** Everything it has printed so far. */
  output(): string
  /** End it by a signal and wait until it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

/**
 * A mesh of real processes on loopback, with all its state in one temporary folder. Disposing it ends every process
 * and removes the folder.
 */
export interface ProcessMesh extends AsyncDisposable {
  readonly folder: string
  /** Path of the permit that the first hub wrote. */
  readonly permit: string
  /** Those that run now. */
  readonly daemons: ReadonlySet<Daemon>
  /** A hub that listens on a free port, or on that of its last run. */
  startHub(options?: {
    name?: string
    args?: readonly string[]
    env?: Record<string, string>
  }): Promise<Daemon & { address: string }>
  startAgent(
    name: string,
    options?: { args?: readonly string[]; env?: Record<string, string>; isWaiting?: boolean },
  ): Promise<Daemon>
  /** Start a gateway with the text of its `gateway.yaml`, which is written to `name.yaml` in the folder. */
  startGateway(name: string, config: string, args?: readonly string[]): Promise<Daemon>
  /** Start an agent and join the mesh as `name`. */
  join(name: string, options?: { mesh?: string; permit?: string; args?: readonly string[] }): Promise<Daemon>
  /** The words that run `ztm …` on a state folder, for who starts it in another way. */
  commandLine(data: string, ...args: string[]): readonly string[]
  /** Run `ztm …` to its end. */
  ztm(data: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>
  /** Run `ztm …`, which must succeed. @returns what it printed */
  run(data: string, ...args: string[]): Promise<string>
  /** Run `ztm … -o json`, which must succeed. */
  json(data: string, ...args: string[]): Promise<unknown>
}

/** How the processes of a mesh are run. */
export interface ProcessMeshOptions {
  /** What runs `ztm`; from source, on this Node, if absent. */
  readonly program?: readonly [string, ...string[]]
  /** More flags of Node for the daemon of this name, such as `--cpu-prof`, when it is run from source. */
  readonly nodeFlags?: (name: string) => readonly string[]
  /** What to put before the command of the daemon of this name, to run it on a computer of a network lab. */
  readonly within?: (name: string) => readonly string[]
  /** Environment of every process, besides that of the test. */
  readonly env?: Readonly<Record<string, string>>
}

/** Make the folder; nothing is started yet. */
export async function createProcessMesh({
  program,
  nodeFlags = () => [],
  within = () => [],
  env: ownEnv = {},
}: ProcessMeshOptions = {}): Promise<ProcessMesh> {
  const environment = { ...process.env, ...ownEnv }
  const commandOf = (name?: string): readonly [string, ...string[]] =>
    program ?? [process.execPath, ...NODE_ARGS, ...(name === undefined ? [] : nodeFlags(name)), MAIN]
  const folder = await mkdtemp(join(tmpdir(), 'ztm-'))
  const daemons = new Set<Daemon>()
  const ports = new Map<string, number>()
  const permit = join(folder, 'root.json')

  async function launch(
    role: Daemon['role'],
    name: string,
    args: readonly string[],
    env: Record<string, string>,
  ): Promise<Daemon> {
    const data = join(folder, name)
    await mkdir(data, { recursive: true, mode: 0o700 })
    const [command = '', ...commandArgs] = [...within(name), ...commandOf(name)]
    const child = spawn(command, [...commandArgs, 'run', role, '--data', data, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...environment, ...env },
    })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        text = (text + chunk).slice(-1_000_000)
      })
    }
    const gone = new Promise<void>(resolve => child.once('close', () => resolve()))
    const daemon: Daemon = {
      role,
      name,
      data,
      child,
      output: () => text,
      async stop(signal = 'SIGTERM') {
        daemons.delete(daemon)
        if (child.exitCode === null && child.signalCode === null) child.kill(signal)
        const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
        await gone
        clearTimeout(late)
      },
    }
    daemons.add(daemon)
    return daemon
  }

  async function untilUp(daemon: Daemon): Promise<void> {
    const { child } = daemon
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string) =>
        reject(new Error(`${daemon.role} ${daemon.name} ${why}:\n${daemon.output()}`))
      const timer = setTimeout(() => fail('is not up in time'), START_TIMEOUT_MS)
      const look = () => {
        if (!daemon.output().includes(`ztm: ${daemon.role} is up`)) return
        clearTimeout(timer)
        resolve()
      }
      child.stderr?.on('data', look)
      child.once('close', code => {
        clearTimeout(timer)
        fail(`ended with ${code}`)
      })
      look()
    })
  }

  const mesh: ProcessMesh = {
    folder,
    permit,
    daemons,
    async startHub({ name = 'hub', args = [], env = {} } = {}) {
      const port = ports.get(name) ?? (await freePort())
      ports.set(name, port)
      const address = `127.0.0.1:${port}`
      const words = { '--listen': address, '--names': address, '--permit': permit }
      const own = Object.entries(words).flatMap(pair => (args.includes(pair[0]) ? [] : pair))
      const daemon = await launch('hub', name, [...own, ...args], env)
      await untilUp(daemon)
      return Object.assign(daemon, { address })
    },
    async startAgent(name, { args = [], env = {}, isWaiting = true } = {}) {
      const daemon = await launch(
        'agent',
        name,
        [...(args.includes('--listen') ? [] : ['--listen', 'off']), ...args],
        env,
      )
      if (isWaiting) await untilUp(daemon)
      return daemon
    },
    async startGateway(name, config, args = []) {
      const file = join(folder, `${name}.yaml`)
      await writeFile(file, config)
      const daemon = await launch('gateway', name, ['--config', file, ...args], {})
      await untilUp(daemon)
      return daemon
    },
    async join(name, options = {}) {
      const daemon = await mesh.startAgent(name)
      const how = ['--as', name, '--permit', options.permit ?? permit, ...(options.args ?? [])]
      await mesh.run(name, 'join', options.mesh ?? 'home', ...how)
      return daemon
    },
    commandLine: (data, ...args) => [...commandOf(), '--data', join(folder, data), ...args],
    ztm: (data, args, options = {}) =>
      runCommand([...commandOf(), ...args], {
        ...options,
        env: { ...environment, ZTM_DATA: options.data ?? join(folder, data), ...options.env },
      }),
    async run(data, ...args) {
      const result = await mesh.ztm(data, args)
      if (result.code === 0) return result.stdout
      throw new Error(`ztm ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}`)
    },
    json: async (data, ...args) => JSON.parse(await mesh.run(data, ...args, '-o', 'json')),
    async [Symbol.asyncDispose]() {
      await Promise.all([...daemons].map(daemon => daemon.stop()))
      await rm(folder, { recursive: true, force: true })
    },
  }
  return mesh
}

function runCommand(
  [command, ...args]: readonly [string, ...string[]],
  options: Omit<CommandOptions, 'env'> & { env: NodeJS.ProcessEnv },
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: options.env,
      ...(options.cwd && { cwd: options.cwd }),
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', chunk => {
      stdout += chunk
    })
    child.stderr.setEncoding('utf8').on('data', chunk => {
      stderr += chunk
    })
    child.once('error', reject)
    child.once('close', code => resolve({ code, stdout, stderr }))
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
  })
}

/** A TCP port that is free now. Another program may take it first: rare, and then loud. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })
}

/** Text of a file of the mesh. */
export function readText(path: string): Promise<string> {
  return readFile(path, 'utf8')
}

/** The launcher at the root of the checkout: what a person types as `./ztm`. */
export const LAUNCHER = join(dirname(fileURLToPath(import.meta.url)), '../../ztm')

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..')
const MAIN = join(ROOT, 'src/bin/ztm.ts')
const NODE_ARGS = ['--disable-warning=ExperimentalWarning']
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 30_000
