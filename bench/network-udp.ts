// `node bench/network-udp.ts [--rounds 3] [--seconds 10] [--rate 30000] [--bytes 1200] [--flows 5000] [--path punched …]`: figure P9. A UDP
// service between two computers of a network lab, without an emulated link: loss and jitter of one fast flow beside raw UDP, and what many flows
// take. Needs root.
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { createNatMesh, type NatMesh } from '../src/testing/nat-lab-mesh.ts'
import { type NetHost, whyNoNetLab } from '../src/testing/net-lab.ts'
import type { FlowsOpened, Sent, Sunk } from './datagrams.ts'
import { median } from './figures.ts'
import { cpuSeconds, residentMib } from './processes.ts'
import { Notes, publish } from './running.ts'

const { values: typed } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
    rate: { type: 'string', default: '30000' },
    bytes: { type: 'string', default: '1200' },
    flows: { type: 'string', default: '5000' },
    path: { type: 'string', multiple: true, default: ['punched', 'direct', 'relay'] },
  },
})
const PORT = '5303'
const PROGRAM = join(import.meta.dirname, 'datagrams.ts')
/** What is under way when the sender has ended. */
const LAST_WAIT_MS = 1_500

interface Flow {
  readonly sent: Sent
  readonly sunk: Sunk
  /** Of both agents and the hub together, for each million datagrams. */
  readonly cpuSeconds: number
}

interface Many {
  readonly opened: FlowsOpened
  /** What each agent grew by, KiB a flow. */
  readonly kibibytes: readonly [work: number, home: number]
}

const why = whyNoNetLab()
if (why !== undefined) {
  console.error(`network-udp: ${why}`)
  process.exit(1)
}
const fast = new Notes<Flow>()
const many = new Notes<Many>()
for (const path of typed.path) await measurePath(path)
await publish(
  'network-udp',
  `One flow of ${typed.rate} datagrams a second of ${typed.bytes} bytes for ${typed.seconds} s, median of ${typed.rounds} rounds in turns with raw UDP.
Marks (P9): at most 0.1 % lost, jitter p99 at most 5 ms.

| way | sent a second | lost, % | delay p50, ms | p99, ms | jitter p99, ms | CPU s a million |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
${['raw UDP', ...typed.path].map(fastRow).join('\n')}

${typed.flows} flows, each with a datagram there and back, all held at once.

| way | answered | in, s | KiB a flow at the dialling agent | at the hosting one |
| --- | ---: | ---: | ---: | ---: |
${typed.path.map(manyRow).join('\n')}`,
)

async function measurePath(path: string): Promise<void> {
  await using mesh = await createNatMesh(
    { house: { hosts: ['home'] }, office: { hosts: ['work'] } },
    { agentArgs: () => ['--path', path] },
  )
  const [home, work] = [mesh.lab.host('home'), mesh.lab.host('work')]
  const sink = home.spawn(process.execPath, [PROGRAM, 'sink', PORT], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: sink.stdout as NonNullable<typeof sink.stdout> })[
    Symbol.asyncIterator
  ]()
  await lines.next()
  const report = async (): Promise<Sunk> => {
    sink.stdin?.write('report\n')
    return JSON.parse((await lines.next()).value as string) as Sunk
  }
  await mesh.run('home', 'tunnel', 'open', 'outbound', 'udp/sink', '--targets', `127.0.0.1:${PORT}`)
  await mesh.run('work', 'tunnel', 'open', 'inbound', 'udp/sink', '--listen', `127.0.0.1:${PORT}`)
  for (let round = 0; round < Number(typed.rounds); round += 1)
    // Addresses of sites are in the order of sites.
    for (const [way, to] of [
      ['raw UDP', '198.18.1.2'],
      [path, '127.0.0.1'],
    ] as const)
      await fast.take(way, () => oneFlow(mesh, { work, to, report }))
  await many.take(path, () => manyFlows(mesh, work))
  const [best] = await mesh.paths('work', 'home')
  if (best?.path !== path)
    console.error(`network-udp: the path was ${best?.path} (${best?.state}), not ${path}`)
  sink.stdin?.end()
}

async function oneFlow(
  mesh: NatMesh,
  { work, to, report }: { work: NetHost; to: string; report: () => Promise<Sunk> },
): Promise<Flow> {
  await report()
  const before = usedSeconds(mesh)
  const args = [PROGRAM, 'send', to, PORT, typed.rate, typed.bytes, typed.seconds]
  const printed = await work.run(process.execPath, args, {
    timeoutMs: (Number(typed.seconds) * 3 + 30) * 1_000,
  })
  await new Promise(resolve => setTimeout(resolve, LAST_WAIT_MS))
  const sent = JSON.parse(printed) as Sent
  const cpu = ((usedSeconds(mesh) - before) / sent.count) * 1e6
  return { sent, sunk: await report(), cpuSeconds: cpu }
}

async function manyFlows(mesh: NatMesh, work: NetHost): Promise<Many> {
  const memories = () => ['work', 'home'].map(name => residentMib(pidOf(mesh, name)))
  const before = memories()
  const child = work.spawn(process.execPath, [PROGRAM, 'flows', '127.0.0.1', PORT, typed.flows], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const gone = once(child, 'close')
  const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> })
  const line = await Promise.race([once(lines, 'line'), gone.then(() => [''])])
  if (line[0] === '') throw new Error('the flows ended without a word')
  const opened = JSON.parse(line[0] as string) as FlowsOpened
  const grown = memories().map((mib, i) => ((mib - (before[i] ?? 0)) * 1_024) / opened.count)
  child.stdin?.end()
  await gone
  return { opened, kibibytes: [grown[0] ?? Number.NaN, grown[1] ?? Number.NaN] }
}

function usedSeconds({ daemons }: NatMesh): number {
  return [...daemons].reduce((sum, { child }) => sum + cpuSeconds(child.pid ?? 0), 0)
}

function pidOf({ daemons }: NatMesh, wanted: string): number {
  return [...daemons].find(({ name }) => name === wanted)?.child.pid ?? 0
}

function fastRow(way: string): string {
  const flows = fast.of(way)
  const cell = (of: (flow: Flow) => number, digits: number) => median(flows.map(of)).toFixed(digits)
  const cells = [
    cell(({ sent }) => sent.count / sent.seconds, 0),
    cell(({ sent, sunk }) => (100 * (sent.count - sunk.count)) / sent.count, 3),
    cell(({ sunk }) => sunk.delayP50Ms, 2),
    cell(({ sunk }) => sunk.delayP99Ms, 2),
    cell(({ sunk }) => sunk.jitterP99Ms, 2),
    way === 'raw UDP' ? '–' : cell(({ cpuSeconds: used }) => used, 1),
  ]
  return `| ${way} | ${cells.join(' | ')} |`
}

function manyRow(way: string): string {
  const [found] = many.of(way)
  if (found === undefined) return `| ${way} | – | – | – | – |`
  const { opened, kibibytes } = found
  return `| ${way} | ${opened.answeredCount} of ${opened.count} | ${opened.seconds.toFixed(1)} | ${kibibytes.map(each => each.toFixed(1)).join(' | ')} |`
}
