import { readFileSync } from 'node:fs'

/** A process and all its descendants that live now; empty if it is gone. */
export function processTree(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
    return [pid, ...children.flatMap(child => processTree(Number(child)))]
  } catch {
    return []
  }
}

/** Processor time a process and its descendants have used, seconds, to a hundredth. */
export function cpuSeconds(pid: number): number {
  const ticks = processTree(pid).map(each => {
    // The name, in brackets, may hold spaces: fields are counted after it. utime and stime are the 14th and 15th.
    const fields = readText(`/proc/${each}/stat`).split(') ')[1]?.split(' ') ?? []
    return Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
  })
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS_PER_SECOND
}

/** Memory a process and its descendants hold (VmRSS), MiB. Pages shared between them count twice. */
export function residentMib(pid: number): number {
  const sizes = processTree(pid).map(each => {
    const kib = /VmRSS:\s+(\d+)/.exec(readText(`/proc/${each}/status`))?.[1]
    return Number(kib ?? 0)
  })
  return sizes.reduce((sum, each) => sum + each, 0) / 1_024
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** USER_HZ, the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100
