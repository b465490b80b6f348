import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { execute } from '../src/testing/programs.ts'
import type { Contestant, Started } from './contestant.ts'
import type { Sample } from './figures.ts'
import { holdConnections, runLoad } from './loads.ts'
import { cpuSeconds, residentMib } from './processes.ts'

/** How much of everything. */
export interface Effort {
  readonly bulkBytes: number
  /** Time for each kind of short connection and echo. */
  readonly seconds: number
  readonly wrkSeconds: number
  readonly heldCount: number
  /** Time for a process to give memory back. */
  readonly settleMs: number
}

/** One contestant that runs, and where its figures go. */
export interface Running {
  readonly contestant: Contestant
  readonly started: Started
  readonly targetPid: number
  readonly effort: Effort
  note(measure: string, value: number, role?: string): void
}

/** One kind of measurement; all contestants do one before any does the next. */
export type Step = (running: Running) => Promise<void>

/** In the order they are taken: memory first, while the processes are fresh. */
export const STEPS: readonly Step[] = [
  measureMemory,
  measureEcho,
  running => measureConnections(running, 1),
  running => measureConnections(running, 50),
  running => measureBulk(running, 1, 'send'),
  running => measureBulk(running, 1, 'receive'),
  running => measureBulk(running, 8, 'send'),
  running => measureBulk(running, 8, 'receive'),
  measureHttp,
  async running => noteMemory(running, 'rss-end'),
]

/** Take the figures a contestant had at its start. */
export function noteStart({ started, note }: Running): void {
  if (started.usableMs !== undefined) note('usable', started.usableMs)
  if (started.commandsMs !== undefined) note('usable-commands', started.commandsMs)
}

async function measureMemory(running: Running): Promise<void> {
  const { effort, note } = running
  noteMemory(running, 'rss-idle')
  const held = await holdConnections(portTo(running, 0), effort.heldCount)
  noteMemory(running, 'rss-held')
  note('failures', effort.heldCount - held.count)
  await held.release()
  await new Promise(resolve => setTimeout(resolve, effort.settleMs))
  noteMemory(running, 'rss-closed')
}

function noteMemory({ contestant, note }: Running, measure: string): void {
  for (const [role, pid] of Object.entries(contestant.pids())) note(measure, residentMib(pid), role)
}

async function measureEcho(running: Running): Promise<void> {
  const result = await runLoad('echoes', {
    port: portTo(running, 0),
    maxSeconds: running.effort.seconds,
  })
  running.note('echo-p50', result.p50Ms)
  running.note('echo-p99', result.p99Ms)
}

async function measureConnections(running: Running, atOnce: number): Promise<void> {
  const { effort, note } = running
  const result = await runLoad('connections', {
    port: portTo(running, 0),
    atOnce,
    maxSeconds: effort.seconds,
  })
  note(`new-${atOnce}`, result.perSecond)
  note(`new-${atOnce}-p50`, result.wholeP50Ms)
  note(`new-${atOnce}-p99`, result.wholeP99Ms)
  note('failures', result.failureCount)
  if (atOnce > 1) return
  note('first-byte-p50', result.firstByteP50Ms)
  note('first-byte-p99', result.firstByteP99Ms)
}

async function measureBulk(
  running: Running,
  streamCount: number,
  direction: 'send' | 'receive',
): Promise<void> {
  const { contestant, effort, note, targetPid } = running
  const roles = { ...contestant.pids(), target: targetPid }
  const used = () => Object.entries(roles).map(([role, pid]) => ({ role, seconds: cpuSeconds(pid) }))
  const before = used()
  const port = portTo(running, 0)
  const result = await runLoad('bulk', { port, bytes: effort.bulkBytes, streamCount, direction })
  const name = `${direction}-${streamCount}`
  const gigabytes = result.bytes / 1e9
  note(name, (gigabytes * 8) / result.seconds)
  for (const [index, { role, seconds }] of used().entries())
    note(`cpu-${name}`, (seconds - (before[index]?.seconds ?? 0)) / gigabytes, role)
  note(`cpu-${name}`, result.cpuSeconds / gigabytes, 'generator')
}

async function measureHttp(running: Running): Promise<void> {
  const { effort, note } = running
  const url = `http://127.0.0.1:${portTo(running, 1)}/`
  const { stdout } = await execute('wrk', ['-t1', '-c50', `-d${effort.wrkSeconds}s`, '--latency', url])
  const parsed = parseWrk(stdout)
  note('wrk', parsed.perSecond)
  note('wrk-p50', parsed.p50Ms)
  note('wrk-p99', parsed.p99Ms)
  note('failures', parsed.failureCount)
}

/** Figures of what `wrk --latency` prints. */
export function parseWrk(text: string): {
  perSecond: number
  p50Ms: number
  p99Ms: number
  failureCount: number
} {
  const errors = /Socket errors: (.*)/.exec(text)?.[1]?.match(/\d+/g) ?? []
  const refused = /Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? '0'
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1] ?? Number.NaN),
    p50Ms: latencyMs(text, '50'),
    p99Ms: latencyMs(text, '99'),
    failureCount: [...errors, refused].reduce((sum, each) => sum + Number(each), 0),
  }
}

function latencyMs(text: string, share: string): number {
  const [, value, unit = ''] = new RegExp(`^\\s+${share}%\\s+([\\d.]+)(us|ms|s)\\s*$`, 'm').exec(text) ?? []
  if (unit === 'us') return Number(value) / 1_000
  return unit === 's' ? Number(value) * 1_000 : Number(value)
}

/** Processor time of `ztm --version` as a user calls it, if there is a bundle. */
export async function measureVersion(round: number): Promise<Sample[]> {
  const root = join(import.meta.dirname, '..')
  if (!existsSync(join(root, 'dist/ztm.mjs'))) return []
  const { stdout } = await execute('/bin/sh', ['-c', `"${join(root, 'ztm')}" --version >/dev/null; times`])
  const children = [...(stdout.split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)]
  const seconds = children.reduce((sum, [, minutes, rest]) => sum + Number(minutes) * 60 + Number(rest), 0)
  return [{ contestant: 'ztm', round, measure: 'version-cpu', value: seconds * 1_000 }]
}

/** @throws Error if the contestant leads nowhere */
function portTo({ contestant, started }: Running, target: number): number {
  const port = started.ports[target]
  if (port === undefined) throw new Error(`${contestant.name} has no port for target ${target}`)
  return port
}
