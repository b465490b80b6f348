// `node bench/network-throughput.ts [--rounds 3] [--seconds 10] [--only "1 % loss"] [--path relay --path direct]`: raw TCP
// (iperf3, the kernel's congestion control) beside a ztm tunnel over an emulated link, in turns; `--path nebula` is another mesh, where
// it is installed (figures P3, P7, P8). Needs root.
import { once } from 'node:events'
import { mkdir, mkdtempDisposable, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { LinkConditions } from '../src/testing/link-emulator-schedule.ts'
import { createNatMesh, type NatMesh } from '../src/testing/nat-lab-mesh.ts'
import { type NetHost, whyNoNetLab } from '../src/testing/net-lab.ts'
import { inboundPort } from '../src/testing/tunnel-lab.ts'
import { median } from './figures.ts'
import { NEBULA } from './peers/nebula.ts'
import type { Overlay } from './peers/overlay.ts'

interface Course {
  readonly name: string
  /** Each way, at the end of the one that sends; the other end is ideal. */
  readonly conditions: LinkConditions
}

const COURSES: readonly Course[] = [
  { name: '1 Gbit/s, 20 ms', conditions: { rateMbps: 1_000, delayMs: 10 } },
  { name: '1 Gbit/s, 20 ms, 1 % loss', conditions: { rateMbps: 1_000, delayMs: 10, lossPercent: 1 } },
  { name: 'P7: 200 Mbit/s, 100 ms', conditions: { rateMbps: 200, delayMs: 50 } },
  { name: 'P8: 200 Mbit/s, 40 ms, 1 % loss', conditions: { rateMbps: 200, delayMs: 20, lossPercent: 1 } },
  { name: 'P8: 200 Mbit/s, 100 ms, 3 % loss', conditions: { rateMbps: 200, delayMs: 50, lossPercent: 3 } },
]

const OVERLAYS = [NEBULA]

const { values: typed } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
    only: { type: 'string' },
    path: { type: 'string', multiple: true, default: ['relay', 'direct', 'punched'] },
  },
})
const why = whyNoNetLab()
if (why !== undefined) {
  console.error(`network-throughput: ${why}`)
  process.exit(1)
}
const congestion = (await readFile('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8')).trim()
const found = new Map<string, number[]>()
const courses = COURSES.filter(({ name }) => typed.only === undefined || name.includes(typed.only))
for (const course of courses) for (const path of typed.path) await attempt(course, path)
const report = formatReport()
console.log(`\n${report}`)
const out = join(import.meta.dirname, 'out')
await mkdir(out, { recursive: true })
await writeFile(join(out, 'network-throughput.md'), report)

async function attempt(course: Course, path: string): Promise<void> {
  try {
    await measurePath(course, path)
  } catch (error) {
    console.error(`network-throughput: ${path}: ${String(error).split('\n')[0]}`)
  }
}

/**
 * `work` sends to `home`; the link under test is work's. A mesh for each course: a punched path that had known a shorter
 * round trip would measure that change instead (docs/decisions/0017-udx-native.md).
 */
async function measurePath({ name, conditions }: Course, path: string): Promise<void> {
  const other = OVERLAYS.find(overlay => overlay.name === path)
  const whyNot = other?.whyNot()
  if (whyNot !== undefined) throw new Error(`takes no part: ${whyNot}`)
  // Without NAT: every kind of path is possible, and raw TCP beside it.
  await using mesh = await createNatMesh(
    { house: { hosts: ['home'] }, office: { hosts: ['work'], link: conditions } },
    { agentArgs: () => (other === undefined ? ['--path', path] : []) },
  )
  const [home, work] = [mesh.lab.host('home'), mesh.lab.host('work')]
  const raw = home.spawn('iperf3', ['-s', '-p', '5201', '--forceflush'])
  await once(raw.stdout as NonNullable<typeof raw.stdout>, 'data')
  await using folder = await mkdtempDisposable(join(tmpdir(), 'ztm-overlay-'))
  const to = (await other?.start(mesh, 5_201, folder.path)) ?? (await openTunnel(mesh))
  // Addresses of sites are in the order of sites.
  for (let round = 0; round < Number(typed.rounds); round += 1) {
    for (const direction of ['send', 'receive'] as const) {
      await note(`${name}|${direction}|raw`, () => iperf(work, ['-c', '198.18.1.2', '-p', '5201'], direction))
      await note(`${name}|${direction}|${path}`, async () => {
        const result = await iperf(work, ['-c', to.host, '-p', String(to.port)], direction)
        if (other === undefined) await checkPath(mesh, path)
        return result
      })
    }
  }
}

async function openTunnel(mesh: NatMesh): Promise<Overlay> {
  await mesh.run('home', 'tunnel', 'open', 'outbound', 'tcp/iperf', '--targets', '127.0.0.1:5201')
  await mesh.run('work', 'tunnel', 'open', 'inbound', 'tcp/iperf', '--listen', '127.0.0.1:0')
  return { host: '127.0.0.1', port: await inboundPort(mesh, 'work', 'tcp/iperf') }
}

async function checkPath(mesh: NatMesh, path: string): Promise<void> {
  const [best] = await mesh.paths('work', 'home')
  if (best?.path !== path) throw new Error(`the path was ${best?.path} (${best?.state}), not ${path}`)
}

async function note(what: string, measure: () => Promise<number>): Promise<void> {
  const value = await measure().catch(error => {
    console.error(`network-throughput: ${what}: ${String(error).split('\n')[0]}`)
    return Number.NaN
  })
  console.error(`network-throughput: ${what}: ${value.toFixed(1)} Mbit/s`)
  if (!Number.isNaN(value)) found.set(what, [...(found.get(what) ?? []), value])
}

/** @returns Mbit/s that the receiver got, without the first two seconds */
async function iperf(host: NetHost, args: readonly string[], direction: 'send' | 'receive'): Promise<number> {
  const seconds = Number(typed.seconds)
  const options = ['-t', String(seconds), '-O', '2', '-J', ...(direction === 'receive' ? ['-R'] : [])]
  const printed = await host.run('iperf3', [...args, ...options], { timeoutMs: (seconds + 20) * 1_000 })
  const { end, error } = JSON.parse(printed) as {
    error?: string
    end: { sum_received?: { bits_per_second: number } }
  }
  if (error !== undefined || end.sum_received === undefined) throw new Error(`iperf3: ${error}`)
  return end.sum_received.bits_per_second / 1e6
}

function formatReport(): string {
  const rows = COURSES.flatMap(({ name }) =>
    ['send', 'receive'].map(direction => {
      const at = (way: string) => found.get(`${name}|${direction}|${way}`)
      const raw = at('raw')
      if (raw === undefined) return undefined
      const cells = typed.path.map(path => {
        const values = at(path)
        return values === undefined
          ? '–'
          : `${median(values).toFixed(1)} (${(median(values) / median(raw)).toFixed(2)}×)`
      })
      return `| ${name}, ${direction} | ${median(raw).toFixed(1)} | ${cells.join(' | ')} |`
    }),
  ).filter(row => row !== undefined)
  return `Mbit/s of one stream for ${typed.seconds} s over an emulated link with a queue of 100 ms and an MTU of 1,500, median of
${typed.rounds} in turns; in brackets the ratio to raw TCP (${congestion}) over the same link.

| link | raw TCP | ${typed.path.join(' | ')} |
| --- | ---: |${' ---: |'.repeat(typed.path.length)}
${rows.join('\n')}
`
}
