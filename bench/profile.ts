// `node bench/profile.ts [--load send|receive|connections|echo|http] [--bytes N] [--streams N] [--at-once N] [--path KIND] [--seconds N] [--top N] [--flags='…']`
// Where hub and agents spend their processor time under one load: the top functions of each by self time.
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { execute, startNginx } from '../src/testing/programs.ts'
import { createTunnelLab, type TunnelLab } from '../src/testing/tunnel-lab.ts'
import { type CpuProfile, hotFunctions } from './cpu-profile.ts'
import { runLoad, startTarget } from './loads.ts'
import { cpuSeconds } from './processes.ts'

const { values: typed } = parseArgs({
  options: {
    load: { type: 'string', default: 'send' },
    bytes: { type: 'string', default: '1e9' },
    streams: { type: 'string', default: '1' },
    /** Connections at any time. */
    'at-once': { type: 'string', default: '50' },
    /** The kind of path between the agents. */
    path: { type: 'string', default: 'relay' },
    seconds: { type: 'string', default: '5' },
    top: { type: 'string', default: '20' },
    /** More flags of Node for hub and agents, such as `--max-semi-space-size=64`. */
    flags: { type: 'string', default: '' },
  },
})
const folder = join(import.meta.dirname, 'out', 'profile')
await mkdir(folder, { recursive: true })

const window = { fromUs: 0, toUs: 0 }
const usedSeconds = new Map<string, number>()
let outcome = ''
{
  await using lab = await createTunnelLab({
    nodeFlags: profileFlags,
    // What the hub copies shows in its own profile.
    hubArgs: ['--workers', '0'],
    agentArgs: ['--path', typed.path],
  })
  outcome = await load(lab)
}
console.log(`# Profile: ${typed.load}\n\n${outcome}`)
for (const [name, role] of [
  ['hub', 'hub'],
  ['work', 'inbound agent'],
  ['home', 'outbound agent'],
] as const) {
  const profile = JSON.parse(await readFile(fileOf(name), 'utf8')) as CpuProfile
  const hot = hotFunctions(profile, window)
  console.log(`\n## ${role}: ${usedSeconds.get(name)?.toFixed(2)} s of processor time, all threads\n`)
  console.log('| self | s | function | place |\n| ---: | ---: | --- | --- |')
  for (const { name: title, place, seconds, share } of hot.slice(0, Number(typed.top)))
    console.log(`| ${(share * 100).toFixed(1)} % | ${seconds.toFixed(2)} | ${title} | ${place} |`)
}
console.log(`\nThe whole profiles, for a browser's developer tools: ${folder}`)

function profileFlags(name: string): string[] {
  const more = typed.flags.split(' ').filter(flag => flag !== '')
  return [...more, '--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}.cpuprofile`]
}

function fileOf(name: string): string {
  return join(folder, `${name}.cpuprofile`)
}

/** Run the load, with a short one before it, so that the profile shows warm code and an open session. */
async function load(lab: TunnelLab): Promise<string> {
  await using target = await startTarget()
  await using nginx = await startNginx(join(lab.folder, 'nginx'))
  const port = await lab.tunnel('tcp/profile', `127.0.0.1:${target.port}`)
  const page = await lab.tunnel('tcp/page', `127.0.0.1:${nginx.port}`)
  await runLoad('bulk', { port, bytes: 1e8 })
  const before = readCpu(lab)
  window.fromUs = nowUs()
  const said = await runChosen(port, page)
  window.toUs = nowUs()
  for (const [name, seconds] of readCpu(lab)) usedSeconds.set(name, seconds - (before.get(name) ?? 0))
  return said
}

async function runChosen(port: number, page: number): Promise<string> {
  const [bytes, streamCount, maxSeconds] = [Number(typed.bytes), Number(typed.streams), Number(typed.seconds)]
  const count = 1_000_000
  if (typed.load === 'send' || typed.load === 'receive') {
    const { seconds } = await runLoad('bulk', { port, bytes, streamCount, direction: typed.load })
    return `${((bytes * 8) / 1e9 / seconds).toFixed(2)} Gbit/s over ${streamCount} stream(s), profiling included.`
  }
  if (typed.load === 'connections') {
    const atOnce = Number(typed['at-once'])
    const result = await runLoad('connections', { port, atOnce, count, maxSeconds })
    return `${result.perSecond.toFixed(0)} connections/s, ${atOnce} at once, profiling included.`
  }
  if (typed.load === 'echo') {
    const result = await runLoad('echoes', { port, count, maxSeconds })
    return `p50 ${result.p50Ms.toFixed(3)} ms, profiling included.`
  }
  if (typed.load === 'http') {
    const { stdout } = await execute('wrk', ['-t1', '-c50', `-d${maxSeconds}s`, `http://127.0.0.1:${page}/`])
    return stdout.trim()
  }
  throw new Error(`no load "${typed.load}": one of send, receive, connections, echo, http`)
}

function readCpu(lab: TunnelLab): Map<string, number> {
  return new Map([...lab.daemons].map(({ name, child }) => [name, cpuSeconds(child.pid ?? 0)]))
}

/** The clock of the profiles. */
function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}
