import type { ChildProcess, StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { PATH_KINDS, type PathKind } from '../core/path/path-kind.ts'
import { createNatLab, HUB_ADDRESS_V6, HUB_ADDRESSES, type NatLab, type Site } from './nat-lab.ts'
import type { TalkReport } from './nat-lab-talker.ts'
import { createProcessMesh, type ProcessMesh, type ProcessMeshOptions } from './process-mesh.ts'
import { inboundPort } from './tunnel-lab.ts'

/** A real hub and agents on the computers of a network lab; each agent has the name of its computer. */
export interface NatMesh extends ProcessMesh, LabTalks {
  readonly lab: NatLab
  /** Start the hub that was stopped. */
  restartHub(): Promise<void>
}

/** What can be done with tunnels between the computers of a lab. */
export interface LabTalks {
  /** Open a tunnel to an echo at `host`. @returns the port on loopback at `guest` */
  echoTunnel(guest: string, host: string): Promise<number>
  /** Open a connection at `guest` and keep it busy. */
  talk(guest: string, port: number): Promise<Talk>
  /** The paths that `guest` has or tried to `peer`: open ones first, and of those the best. */
  paths(guest: string, peer: string): Promise<readonly ShownPath[]>
}

/** A path as `ztm describe ep -o json` has it. */
export interface ShownPath {
  readonly path: PathKind
  readonly state: 'open' | 'opening' | 'failed'
  /** Since when, ms since the epoch. */
  readonly sinceMs: number
  readonly error?: string
}

/** A connection through a tunnel over which bytes go back and forth. */
export interface Talk {
  /** What was said last. @throws Error when the connection has failed */
  readonly report: TalkReport
  /** Resolves when a byte that is sent from now on came back. */
  untilAnswered(timeoutMs?: number): Promise<void>
  /** Stop sending, end the connection, compare all. */
  finish(): Promise<TalkReport>
}

/** Build the lab, start the hub and an agent on each computer of a site; all join. */
export async function createNatMesh(
  sites: Readonly<Record<string, Site>>,
  options: ProcessMeshOptions & {
    readonly agentArgs?: (name: string) => readonly string[]
    /** What to do with the lab before anything runs in it. */
    readonly prepare?: (lab: NatLab) => Promise<void>
  } = {},
): Promise<NatMesh> {
  await using building = new AsyncDisposableStack()
  const lab = building.use(await createNatLab(sites))
  await options.prepare?.(lab)
  const mesh = building.use(await createProcessMesh({ ...options, within: name => lab.host(name).prefix }))
  const listen = ['--listen', `[::]:${HUB_PORT}`]
  const names = ['--names', `${HUB_ADDRESSES[0]}:${HUB_PORT}`, `[${HUB_ADDRESS_V6}]:${HUB_PORT}`]
  const startHub = () => mesh.startHub({ args: [...listen, ...names] })
  await startHub()
  const agents = Object.values(sites).flatMap(({ hosts }) => hosts)
  await Promise.all(
    agents.map(async name => {
      await mesh.startAgent(name, { args: options.agentArgs?.(name) ?? [] })
      await mesh.run(name, 'join', 'home', '--as', name, '--permit', mesh.permit)
    }),
  )
  const done = building.move()
  return {
    ...mesh,
    ...createLabTalks(mesh, lab),
    lab,
    async restartHub() {
      await startHub()
    },
    [Symbol.asyncDispose]: () => done.disposeAsync(),
  }
}

/** Tunnels between computers of a lab, and what goes through them. */
export function createLabTalks(mesh: ProcessMesh, lab: NatLab): LabTalks {
  let tunnelCount = 0
  return {
    async echoTunnel(guest, host) {
      const echo = lab.host(host).spawn(process.execPath, [TALKER, 'echo'], { stdio: TALKER_STDIO })
      const ended = once(echo, 'exit').then(([code]) =>
        Promise.reject(new Error(`the echo ended with ${code}`)),
      )
      ended.catch(() => {})
      const [port] = (await Promise.race([once(echo, 'message'), ended])) as [number]
      tunnelCount += 1
      const name = `tcp/echo-${tunnelCount}`
      await mesh.run(host, 'tunnel', 'open', 'outbound', name, '--targets', `127.0.0.1:${port}`)
      await mesh.run(guest, 'tunnel', 'open', 'inbound', name, '--listen', '127.0.0.1:0')
      return inboundPort(mesh, guest, name)
    },
    async talk(guest, port) {
      const args = [TALKER, 'talk', String(port)]
      return followTalk(lab.host(guest).spawn(process.execPath, args, { stdio: TALKER_STDIO }))
    },
    async paths(guest, peer) {
      const { paths } = (await mesh.json(guest, 'describe', 'ep', peer)) as { paths: ShownPath[] }
      const rank = ({ path, state }: ShownPath) =>
        PATH_KINDS.indexOf(path) + (state === 'open' ? 0 : PATH_KINDS.length)
      return paths.sort((a, b) => rank(a) - rank(b))
    },
  }
}

/** Resolves when the first byte has come back. */
async function followTalk(child: ChildProcess): Promise<Talk> {
  let last: TalkReport | undefined
  const checked = (): TalkReport => {
    if (last?.error !== undefined) throw new Error(`the tunnelled connection failed: ${last.error}`)
    if (last === undefined) throw new Error('the talker has ended before it said anything')
    return last
  }
  let wake = Promise.withResolvers<void>()
  const news = (message?: unknown) => {
    if (message !== undefined) last = message as TalkReport
    wake.resolve()
    wake = Promise.withResolvers()
  }
  child.on('message', news)
  child.once('disconnect', () => news())
  const until = async (isSo: (report: TalkReport) => boolean, timeoutMs: number): Promise<TalkReport> => {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => late.reject(new Error(`no answer within ${timeoutMs} ms: ${JSON.stringify(last)}`)),
      timeoutMs,
    )
    try {
      while (last === undefined || !isSo(checked())) {
        if (!child.connected) return checked()
        await Promise.race([wake.promise, late.promise])
      }
      return checked()
    } finally {
      clearTimeout(timer)
    }
  }
  await until(({ receivedBytes }) => receivedBytes > 0, ANSWER_MS)
  return {
    get report() {
      return checked()
    },
    async untilAnswered(timeoutMs = ANSWER_MS) {
      // The next report, so that it was sent after now.
      const before = last
      const { sentBytes } = await until(report => report !== before, timeoutMs)
      await until(({ receivedBytes }) => receivedBytes > sentBytes, timeoutMs)
    },
    async finish() {
      child.send('finish')
      return until(({ isFinished }) => isFinished, ANSWER_MS)
    },
  }
}

/** In a namespace of its own no other program can have it. */
const HUB_PORT = 8_888
const ANSWER_MS = 30_000
const TALKER = join(import.meta.dirname, 'nat-lab-talker.ts')
const TALKER_STDIO = ['ignore', 'inherit', 'inherit', 'ipc'] satisfies StdioOptions
