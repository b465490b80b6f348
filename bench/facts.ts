import { cpus, loadavg, release, totalmem } from 'node:os'
import { execute } from '../src/testing/programs.ts'

/** What the figures depend on, one line each. */
export async function machineFacts(): Promise<string[]> {
  const [first] = cpus()
  const versions = await Promise.all([
    wordOf('git', ['rev-parse', '--short', 'HEAD']),
    wordOf('ssh', ['-V']),
    wordOf('stunnel4', ['-version'], /^stunnel/),
    wordOf('/usr/sbin/nginx', ['-v']),
  ])
  const [commit, ...programs] = versions
  const gib = Math.round(totalmem() / 2 ** 30)
  return [
    `machine: ${cpus().length} cores (${first?.model.trim()}), ${gib} GiB, Linux ${release()}`,
    `ztm: commit ${commit}, Node ${process.version}`,
    `beside it: ${programs.join('; ')}`,
    `load average of the last minute at the start: ${loadavg()[0]?.toFixed(2)}`,
  ]
}

/** The first line like `wanted` that a program says of itself, wherever it says it. */
async function wordOf(program: string, args: readonly string[], wanted = /\S/): Promise<string> {
  const said = await execute(program, [...args]).catch(() => ({ stdout: '', stderr: '' }))
  const text = `${said.stdout}\n${said.stderr}`.replaceAll(/\[[.:]\] ?/g, '')
  return (
    text
      .split('\n')
      .find(line => wanted.test(line))
      ?.trim() ?? `no ${program}`
  )
}
