// `node bench/keystrokes.ts [--rounds 3] [--seconds 5] [--only 'plain,ztm,ssh -L'] [--where loopback --where link] [--mbps 1000] [--path relay …]`:
// figure P6. How long a keystroke takes there and back while 8 streams of the same tunnel carry all they can: on loopback beside
// others, and over an emulated link with a round trip of 50 ms beside raw TCP (needs root).
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createNatMesh } from '../src/testing/nat-lab-mesh.ts'
import { whyNoNetLab } from '../src/testing/net-lab.ts'
import { inboundPort } from '../src/testing/tunnel-lab.ts'
import { median } from './figures.ts'
import { type KeystrokesResult, runLoad, startTarget } from './loads.ts'
import { Notes, publish, withRivals } from './running.ts'

const { values: typed } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    streams: { type: 'string', default: '8' },
    only: { type: 'string' },
    where: { type: 'string', multiple: true, default: ['loopback', 'link'] },
    /** Rate of the emulated link; its queue is 100 ms. */
    mbps: { type: 'string', default: '1000' },
    path: { type: 'string', multiple: true, default: ['relay', 'direct', 'punched'] },
  },
})
const DIRECTIONS = ['send', 'receive'] as const
const LINK = 'link of 50 ms'
/** The bulk has found its speed by then. */
const HEAD_START_SECONDS = 1.5
const streamCount = Number(typed.streams)
const seconds = Number(typed.seconds)
const notes = new Notes<KeystrokesResult>()
const ways: [where: string, name: string][] = []

if (typed.where.includes('loopback'))
  await withRivals(typed.only, async rivals => {
    for (const { name } of rivals) ways.push(['loopback', name])
    for (let round = 0; round < Number(typed.rounds); round += 1)
      for (const { name, port, echoPort } of rivals)
        await takeAll(`loopback|${name}`, { bulkPort: port, echoPort })
  })
const why = whyNoNetLab()
if (typed.where.includes('link') && why !== undefined) console.error(`bench: no link: ${why}`)
else if (typed.where.includes('link')) for (const path of typed.path) await overLink(path)
await publish(
  'keystrokes',
  `A byte there and back, every 20 ms for ${typed.seconds} s, while ${typed.streams} streams carry all they can the same way; ${typed.rounds} rounds in
turns; p50 and p99 are medians of the rounds. The link has ${typed.mbps} Mbit/s. Marks (P6): p99 at most 20 ms on loopback, 80 ms over the link.

| where | way | bulk | p50, ms | p99, ms | longest, ms |
| --- | --- | --- | ---: | ---: | ---: |
${ways.flatMap(([where, name]) => DIRECTIONS.map(direction => rowOf(where, name, direction))).join('\n')}`,
)

/** `work` is at the link; raw TCP goes over the same one, each connection by itself. */
async function overLink(path: string): Promise<void> {
  const link = { rateMbps: Number(typed.mbps), delayMs: 25 }
  await using mesh = await createNatMesh(
    { house: { hosts: ['home'] }, office: { hosts: ['work'], link } },
    { agentArgs: () => ['--path', path] },
  )
  const { prefix } = mesh.lab.host('work')
  await using bulk = await startTarget(mesh.lab.host('home').prefix)
  await using echo = await startTarget(mesh.lab.host('home').prefix)
  const tunnelTo = async (name: string, port: number) => {
    await mesh.run('home', 'tunnel', 'open', 'outbound', name, '--targets', `127.0.0.1:${port}`)
    await mesh.run('work', 'tunnel', 'open', 'inbound', name, '--listen', '127.0.0.1:0')
    return inboundPort(mesh, 'work', name)
  }
  const bulkPort = await tunnelTo('tcp/bulk', bulk.port)
  const echoPort = await tunnelTo('tcp/echo', echo.port)
  const raw = `raw TCP (beside ${path})`
  ways.push([LINK, raw], [LINK, path])
  for (let round = 0; round < Number(typed.rounds); round += 1) {
    const direct = { bulkPort: bulk.port, echoPort: echo.port, host: '198.18.1.2' }
    await takeAll(`${LINK}|${raw}`, direct, prefix)
    await takeAll(`${LINK}|${path}`, { bulkPort, echoPort }, prefix)
  }
}

/** Terminal and bulk are processes of their own at both ends: what one does must not delay the other there. */
async function takeAll(
  what: string,
  { bulkPort, echoPort, ...at }: { bulkPort: number; echoPort: number; host?: string },
  prefix: readonly string[] = [],
): Promise<void> {
  for (const direction of DIRECTIONS)
    await notes.take(`${what}|${direction}`, async () => {
      const bulkSeconds = seconds + HEAD_START_SECONDS + 1
      const bulk = runLoad(
        'fair',
        { ...at, port: bulkPort, direction, streamCount, maxSeconds: bulkSeconds },
        prefix,
      )
      bulk.catch(() => {})
      await delay(HEAD_START_SECONDS * 1_000)
      const result = await runLoad('keystrokes', { ...at, port: echoPort, maxSeconds: seconds }, prefix)
      await bulk
      return result
    })
}

function rowOf(where: string, name: string, direction: string): string {
  const results = notes.of(`${where}|${name}|${direction}`)
  const cells = [
    median(results.map(({ p50Ms }) => p50Ms)).toFixed(2),
    median(results.map(({ p99Ms }) => p99Ms)).toFixed(2),
    Math.max(...results.map(({ longestMs }) => longestMs)).toFixed(1),
  ]
  return `| ${where} | ${name} | ${direction} | ${cells.join(' | ')} |`
}
