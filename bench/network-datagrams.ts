// `node bench/network-datagrams.ts [--rounds 3] [--seconds 10] [--mbps 5] [--bytes 1200] [--path punched --path relay]`: UDP
// (iperf3 -u, and a telephone call) as it is beside a ztm tunnel, over an emulated link with 50 ms and 1 % loss, in turns. Needs root.
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { LinkConditions } from '../src/testing/link-emulator-schedule.ts'
import { createNatMesh, type NatMesh } from '../src/testing/nat-lab-mesh.ts'
import { type NetHost, whyNoNetLab } from '../src/testing/net-lab.ts'
import { median } from './figures.ts'

interface Flow {
  readonly lostPercent: number
  /** Of a hundred that came, those that came after a later one. */
  readonly reorderedPercent: number
  /** RFC 3550, of each second. */
  readonly medianJitterMs: number
  readonly maxJitterMs: number
}

/** Of the datagrams of a call that came back, how long they took there and back. */
interface Call {
  readonly lostPercent: number
  readonly medianMs: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

type Measured = Flow & { readonly call: Call }

/** Each way, at the end of the one that sends; the other end is ideal. */
const LINK: LinkConditions = { rateMbps: 100, delayMs: 25, lossPercent: 1 }
/** A number of its own for TCP and UDP alike: iperf3 speaks both at one. */
const PORT = '5301'
const VOICE_PORT = '5302'
const VOICE = join(import.meta.dirname, 'voice.ts')

const { values: typed } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
    mbps: { type: 'string', default: '5' },
    bytes: { type: 'string', default: '1200' },
    path: { type: 'string', multiple: true, default: ['punched', 'direct', 'relay'] },
  },
})
const why = whyNoNetLab()
if (why !== undefined) {
  console.error(`network-datagrams: ${why}`)
  process.exit(1)
}
const found = new Map<string, Measured[]>()
for (const path of typed.path) await measurePath(path)
const report = formatReport()
console.log(`\n${report}`)
const out = join(import.meta.dirname, 'out')
await mkdir(out, { recursive: true })
await writeFile(join(out, 'network-datagrams.md'), report)

/** `work` receives from `home`: who receives has the figures of each second. The link under test is work's. */
async function measurePath(path: string): Promise<void> {
  await using mesh = await createNatMesh(
    { house: { hosts: ['home'] }, office: { hosts: ['work'], link: LINK } },
    { agentArgs: () => ['--path', path] },
  )
  const [home, work] = [mesh.lab.host('home'), mesh.lab.host('work')]
  const server = home.spawn('iperf3', ['-s', '-p', PORT, '--forceflush'])
  await once(server.stdout as NonNullable<typeof server.stdout>, 'data')
  for (const protocol of ['tcp', 'udp']) {
    const name = `${protocol}/iperf`
    await mesh.run('home', 'tunnel', 'open', 'outbound', name, '--targets', `127.0.0.1:${PORT}`)
    await mesh.run('work', 'tunnel', 'open', 'inbound', name, '--listen', `127.0.0.1:${PORT}`)
  }
  const echo = home.spawn(process.execPath, [VOICE, 'echo', VOICE_PORT])
  await once(echo.stdout as NonNullable<typeof echo.stdout>, 'data')
  await mesh.run('home', 'tunnel', 'open', 'outbound', 'udp/voice', '--targets', `127.0.0.1:${VOICE_PORT}`)
  await mesh.run('work', 'tunnel', 'open', 'inbound', 'udp/voice', '--listen', `127.0.0.1:${VOICE_PORT}`)
  for (let round = 0; round < Number(typed.rounds); round += 1) {
    // Addresses of sites are in the order of sites.
    await note('raw UDP', async () => ({
      ...(await iperf(work, '198.18.1.2')),
      call: await callUp(work, '198.18.1.2'),
    }))
    await note(path, async () => {
      const flow = { ...(await iperf(work, '127.0.0.1')), call: await callUp(work, '127.0.0.1') }
      await checkPath(mesh, path)
      return flow
    })
  }
}

async function checkPath(mesh: NatMesh, path: string): Promise<void> {
  const [best] = await mesh.paths('work', 'home')
  if (best?.path !== path) throw new Error(`the path was ${best?.path} (${best?.state}), not ${path}`)
}

async function note(what: string, measure: () => Promise<Measured>): Promise<void> {
  try {
    const flow = await measure()
    console.error(`network-datagrams: ${what}: ${JSON.stringify(flow)}`)
    found.set(what, [...(found.get(what) ?? []), flow])
  } catch (error) {
    console.error(`network-datagrams: ${what}: ${String(error).split('\n')[0]}`)
  }
}

/** What iperf3 prints, as much of it as is looked at. */
interface Printed {
  readonly error?: string
  readonly intervals: readonly { readonly sum: { readonly jitter_ms: number } }[]
  readonly end: {
    readonly streams: readonly {
      readonly udp: { readonly out_of_order: number; readonly packets: number; readonly lost_packets: number }
    }[]
  }
}

async function iperf(host: NetHost, to: string): Promise<Flow> {
  const seconds = Number(typed.seconds)
  const load = ['-u', '-R', '-b', `${typed.mbps}M`, '-l', typed.bytes, '-t', String(seconds), '-J']
  const printed = await host.run('iperf3', ['-c', to, '-p', PORT, ...load], {
    timeoutMs: (seconds + 20) * 1_000,
  })
  const { end, error, intervals } = JSON.parse(printed) as Printed
  const udp = end?.streams[0]?.udp
  if (error !== undefined || udp === undefined || udp.packets === 0) throw new Error(`iperf3: ${error}`)
  const jitters = intervals.map(({ sum }) => sum.jitter_ms)
  return {
    lostPercent: (100 * udp.lost_packets) / udp.packets,
    reorderedPercent: (100 * udp.out_of_order) / udp.packets,
    medianJitterMs: median(jitters),
    maxJitterMs: Math.max(...jitters),
  }
}

async function callUp(host: NetHost, to: string): Promise<Call> {
  const seconds = Number(typed.seconds)
  const options = { timeoutMs: (seconds + 20) * 1_000 }
  const printed = await host.run(process.execPath, [VOICE, 'call', to, VOICE_PORT, typed.seconds], options)
  const { sentCount, delaysMs } = JSON.parse(printed) as { sentCount: number; delaysMs: number[] }
  const sorted = delaysMs.toSorted((a, b) => a - b)
  return {
    lostPercent: (100 * (sentCount - sorted.length)) / sentCount,
    medianMs: median(sorted),
    p95Ms: sorted[Math.floor(sorted.length * 0.95)] ?? Number.NaN,
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
    maxMs: sorted.at(-1) ?? Number.NaN,
  }
}

function formatReport(): string {
  const rows = [...found].map(([way, flows]) => {
    const cell = (of: (flow: Measured) => number) => median(flows.map(of)).toFixed(2)
    const cells = [
      cell(flow => flow.lostPercent),
      cell(flow => flow.reorderedPercent),
      cell(flow => flow.medianJitterMs),
      cell(flow => flow.maxJitterMs),
      cell(({ call }) => call.lostPercent),
      cell(({ call }) => call.medianMs),
      cell(({ call }) => call.p95Ms),
      cell(({ call }) => call.p99Ms),
      cell(({ call }) => call.maxMs),
    ]
    return `| ${way} | ${cells.join(' | ')} |`
  })
  return `UDP of ${typed.mbps} Mbit/s in datagrams of ${typed.bytes} bytes for ${typed.seconds} s over an emulated link of 100 Mbit/s with a round trip of
50 ms and 1 % loss each way, median of ${typed.rounds} runs. On the punched path datagrams go as they are, on the others in a stream. A call is
172 bytes there and back, 100 times a second.

| way | lost % | out of order % | jitter ms, half of the seconds | jitter ms, worst second | call: lost % | median ms | p95 ms | p99 ms | longest ms |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${rows.join('\n')}
`
}
