import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/** What a process has taken. */
export interface ProcessUsage {
  /** Memory that is in use now: resident, its own. */
  readonly residentBytes: number
  /** Processor time since it began. */
  readonly cpuMs: number
}

/**
 * What a process and the processes below it have taken, as the operating system counts it.
 *
 * @returns undefined if it is gone, or this system cannot say
 */
export async function readProcessUsage(id: number): Promise<ProcessUsage | undefined> {
  try {
    if (process.platform === 'linux') return await readProc(id, 0)
    if (process.platform === 'win32') return undefined
    const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=,time=', '-p', String(id)])
    const [, kib = '0', hours = '0', minutes = '0', seconds = '0'] =
      /^\s*(\d+)\s+(?:(\d+):)?(\d+):([\d.]+)/.exec(stdout) ?? []
    const cpuMs = ((Number(hours || 0) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000
    return { residentBytes: Number(kib) * 1_024, cpuMs }
  } catch {
    return undefined
  }
}

async function readProc(id: number, depth: number): Promise<ProcessUsage> {
  const [status, stat, children] = await Promise.all([
    readFile(`/proc/${id}/status`, 'latin1'),
    readFile(`/proc/${id}/stat`, 'latin1'),
    readFile(`/proc/${id}/task/${id}/children`, 'latin1').catch(() => ''),
  ])
  const kib = Number(/^VmRSS:\s*(\d+)/m.exec(status)?.[1] ?? 0)
  // The name in parentheses may hold anything; user and system time are the 12th and 13th fields after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  let usage = {
    residentBytes: kib * 1_024,
    cpuMs: (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * TICK_MS,
  }
  if (depth >= MAX_DEPTH) return usage
  for (const child of children.split(' ').filter(text => text !== '')) {
    const more = await readProc(Number(child), depth + 1).catch(() => undefined)
    if (more === undefined) continue
    usage = { residentBytes: usage.residentBytes + more.residentBytes, cpuMs: usage.cpuMs + more.cpuMs }
  }
  return usage
}

/** What the kernel counts in, for programs: always a hundredth of a second. @see man 5 proc, "clock ticks" */
const TICK_MS = 10
const MAX_DEPTH = 4
