import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { isAbsolute, join, relative, sep } from 'node:path'
import { type Capabilities, capabilitiesShape } from '../../core/app/capabilities.ts'
import { parseAppName } from '../../core/app/manifest.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import type { Json } from '../../core/model/store.ts'
import type { Clock } from '../../core/model/time.ts'
import { fromNodeError } from '../../net/node-error.ts'
import type { Host, RunningScript, Script, ScriptEnd } from '../../sdk/app.ts'
import { createOperations } from './app-operations.ts'
import type { Jail } from './jail.ts'
import { type Sandbox, startSandbox } from './sandbox.ts'
import type { SandboxProgram } from './sandbox-program.ts'

/** What scripts are run with. */
export interface ScriptRunnerOptions {
  readonly jail: () => Promise<Jail>
  readonly program: SandboxProgram
  /** Where each has its folder while it runs; what lies there from before is removed. */
  readonly folder: string
  /** What no script gets at, whatever is granted: the agent's state. */
  readonly closedFolders: readonly string[]
  readonly clock: Clock
}

/** Runs scripts for the apps of an agent. */
export interface ScriptRunner {
  /** @param host  what the grants are used by. @throws MeshError as `Host.runScript` */
  run(host: Host, script: Script): Promise<RunningScript>
}

/** Make a runner of scripts, each in a sandboxed process of its own. */
export function createScriptRunner(options: ScriptRunnerOptions): ScriptRunner {
  const { folder, closedFolders } = options
  let cleared: Promise<void> | undefined
  return {
    async run(host, script) {
      const jail = await options.jail()
      if (script.needsKernelWalls && jail.walls !== 'kernel') {
        const why = `only Node's own walls hold there, which is too little for others than its owner`
        throw new MeshError('unsupported', `Cannot run script: ${why}: ${jail.reason ?? ''}`)
      }
      const grants = parseGrants(script)
      const resolve = (paths: readonly string[]) =>
        Promise.all(paths.map(path => openPath(path, host.disk.home, closedFolders)))
      const [readable, writable] = await Promise.all([
        resolve(grants.files.read),
        resolve(grants.files.write),
      ])
      cleared ??= rm(folder, { recursive: true, force: true })
      await cleared
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const place = await mkdtemp(join(folder, 'run-'))
      try {
        return await start({ ...options, jail, host, script, grants, place, readable, writable })
      } catch (error) {
        await rm(place, { recursive: true, force: true })
        throw error
      }
    },
  }
}

interface Start extends Omit<ScriptRunnerOptions, 'jail'> {
  readonly jail: Jail
  readonly host: Host
  readonly script: Script
  readonly grants: Capabilities
  /** Its own folder, which goes with it. */
  readonly place: string
  readonly readable: readonly string[]
  readonly writable: readonly string[]
}

async function start(options: Start): Promise<RunningScript> {
  const { jail, program, clock, host, script, grants, place } = options
  const [code, work] = [join(place, 'code'), join(place, 'work')]
  // Whoever runs it may be nobody.
  await mkdir(code, { mode: 0o755 })
  await mkdir(work, { mode: 0o700 })
  const entry = join(code, `script.${script.language}`)
  await writeFile(entry, script.source, { mode: 0o644 })
  const { isNeverRoot } = script
  const { id, name, user } = host.endpoint
  const app = { provider: user, name: parseAppName('script'), grants }
  let sandbox: Sandbox | undefined
  const operations = createOperations({
    app,
    host: { ...host, runProgram: one => host.runProgram({ ...one, isNeverRoot }) },
    storage: host.storage,
    settings: async () => ({}),
    bridge: () => {
      if (sandbox === undefined) throw new MeshError('offline', 'Cannot use script: it does not run')
      return sandbox.bridge
    },
  })
  try {
    sandbox = await startSandbox({
      ...{ jail, program, clock, role: 'script', entry, args: script.args },
      readable: [code, ...options.readable],
      writable: [work, ...options.writable],
      folder: work,
      limits: { memoryMb: script.memoryMb, runMs: script.timeoutMs },
      facts: {
        mesh: host.mesh,
        app: { provider: user, name: 'script', version: '0.0.0' },
        endpoint: { id, name, user },
      },
      onCall: async (op, args) => {
        if (mayCall(op, args)) return operations.call(op, args)
        throw new MeshError('denied', `Cannot do ${quote(op)}: scripts cannot`)
      },
      onTell: () => {},
    })
  } catch (error) {
    await operations[Symbol.asyncDispose]()
    throw error
  }
  return toRunning(sandbox, async () => {
    try {
      await operations[Symbol.asyncDispose]()
      await rm(place, { recursive: true, force: true })
    } catch (error) {
      host.log.warn('script.left-behind', { reason: String(error) })
    }
  })
}

function toRunning(sandbox: Sandbox, clear: () => Promise<void>): RunningScript {
  const { input, output, errors, walls } = sandbox
  const ended: Promise<ScriptEnd> = sandbox.ended.then(async end => {
    await clear()
    return 'killed' in end ? { killed: end.says } : end
  })
  return { input, output, errors, walls, ended, kill: why => sandbox.kill('told', why) }
}

/** Endpoints are reached by services: a script has no counterpart elsewhere. */
function mayCall(op: string, args: Json): boolean {
  if (op !== 'dial') return op === 'connect' || op === 'fetch' || op === 'run'
  return /^(?:tcp|udp)\//.test(String((args as { to?: unknown } | null)?.to))
}

/** @throws MeshError `bad-input` */
function parseGrants({ grants: { network, read, write, run, dial }, memoryMb }: Script): Capabilities {
  const parsed = capabilitiesShape.safeParse({ network, files: { read, write }, run, dial, memoryMb })
  if (parsed.success) return parsed.data
  const why = parsed.error.issues[0]?.message ?? 'its grants are wrong'
  throw new MeshError('bad-input', `Cannot run script: ${why}`)
}

/** @throws MeshError `not-found`, `denied` for the agent's state or what it lies in */
async function openPath(path: string, home: string, closedFolders: readonly string[]): Promise<string> {
  const real = await realpath(path.replace(/^~(?=$|\/)/, home)).catch((error: unknown) => {
    throw fromNodeError(error, `Cannot grant ${quote(path)}`)
  })
  for (const folder of closedFolders) {
    const closed = await realpath(folder).catch(() => folder)
    if (!isBelow(real, closed) && !isBelow(closed, real)) continue
    const why = 'the keys of the agent are there: name folders beside its state folder'
    throw new MeshError('denied', `Cannot grant ${quote(path)}: ${why}`)
  }
  return real
}

function isBelow(path: string, outer: string): boolean {
  const way = relative(outer, path)
  return way === '' || !(way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way))
}
