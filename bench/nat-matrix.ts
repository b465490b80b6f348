// `node bench/nat-matrix.ts [--only symmetric] [--wait 10] [--tries 20]`: which path two agents reach through every pair of NATs,
// and how long that takes (figure R3 with 20 tries). Needs root, for namespaces.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Site } from '../src/testing/nat-lab.ts'
import { createNatMesh, type ShownPath } from '../src/testing/nat-lab-mesh.ts'
import { NAT_KINDS } from '../src/testing/nat-lab-rules.ts'
import { whyNoNetLab } from '../src/testing/net-lab.ts'
import { percentile } from './figures.ts'

type Place = Omit<Site, 'hosts'>

const { values: typed } = parseArgs({
  options: {
    only: { type: 'string' },
    wait: { type: 'string', default: '10' },
    tries: { type: 'string', default: '1' },
  },
})
/** How long a better path than the relay is waited for. */
const waitMs = Number(typed.wait) * 1_000

const PLACES: Readonly<Record<string, Place>> = {
  none: {},
  ...Object.fromEntries(NAT_KINDS.map(kind => [kind, { nats: [kind] }])),
}
const OTHERS: Readonly<Record<string, readonly [Place, Place]>> = {
  'two layers (full-cone outside, port-restricted inside) × port-restricted': [
    { nats: ['full-cone', 'port-restricted'] },
    { nats: ['port-restricted'] },
  ],
  'two layers (port-restricted twice) × two layers': [
    { nats: ['port-restricted', 'port-restricted'] },
    { nats: ['port-restricted', 'port-restricted'] },
  ],
  'two layers (symmetric outside) × full-cone': [
    { nats: ['symmetric', 'port-restricted'] },
    { nats: ['full-cone'] },
  ],
  'IPv4 and IPv6 × IPv4 alone, both port-restricted': [
    { nats: ['port-restricted'], ip: 'both' },
    { nats: ['port-restricted'] },
  ],
  'IPv4 and IPv6 × the same, both symmetric': [
    { nats: ['symmetric'], ip: 'both' },
    { nats: ['symmetric'], ip: 'both' },
  ],
  'IPv6 alone × IPv4 alone': [{ ip: 'v6' }, {}],
}

const why = whyNoNetLab()
if (why !== undefined) {
  console.error(`nat-matrix: ${why}`)
  process.exit(1)
}
const names = Object.keys(PLACES)
const rows: string[] = [
  `| hosts ↓ dials → | ${names.join(' | ')} |`,
  `| --- |${' --- |'.repeat(names.length)}`,
]
for (const home of names) {
  const cells: string[] = []
  for (const work of names)
    cells.push(await tryPair(`${home} × ${work}`, PLACES[home] ?? {}, PLACES[work] ?? {}))
  rows.push(`| **${home}** | ${cells.join(' | ')} |`)
}
const others = ['| pair | path |', '| --- | --- |']
for (const [name, [home, work]] of Object.entries(OTHERS))
  others.push(`| ${name} | ${await tryPair(name, home, work)} |`)
others.push(`| behind one symmetric NAT | ${await tryShared('one NAT')} |`)

const report = `Path reached, time to reach it since the first one was open or had failed, and (in brackets) time to the first byte of
a new connection meanwhile.${Number(typed.tries) > 1 ? ` ${typed.tries} tries of each pair: how often each path, median and 95th percentile.` : ''}

${rows.join('\n')}

${others.join('\n')}
`
console.log(`\n${report}`)
const out = join(import.meta.dirname, 'out')
await mkdir(out, { recursive: true })
await writeFile(join(out, 'nat-matrix.md'), report)

function tryPair(name: string, home: Place, work: Place): Promise<string> {
  return trySites(name, { home: { ...home, hosts: ['home'] }, work: { ...work, hosts: ['work'] } })
}

function tryShared(name: string): Promise<string> {
  return trySites(name, { office: { nats: ['symmetric'], hosts: ['home', 'work'] } })
}

/** One pair's failure is a finding, not the end of the run. */
async function trySites(name: string, sites: Readonly<Record<string, Site>>): Promise<string> {
  if (typed.only !== undefined && !name.includes(typed.only)) return '–'
  const tries: Try[] = []
  const failures: string[] = []
  for (let left = Number(typed.tries); left > 0; left -= 1)
    await measure(sites).then(
      one => tries.push(one),
      error => failures.push(String(error).split('\n')[0]?.slice(0, 80) ?? ''),
    )
  const cell = [...formatTries(tries), ...failures.map(failure => `failed: ${failure}`)].join(', ')
  console.error(`nat-matrix: ${name}: ${cell}`)
  return cell
}

/** What one try of a pair came to. */
interface Try {
  readonly path: string
  /** From the first path's beginning to that of this one. */
  readonly seconds: number
  readonly firstByteMs: number
}

/** One by one in words if it is one; of several for each path how many, and the median and the 95th percentile of each time. */
function formatTries(tries: readonly Try[]): string[] {
  const [first, second] = tries
  if (first !== undefined && second === undefined)
    return [`${first.path} ${first.seconds.toFixed(2)} s (${first.firstByteMs.toFixed(0)} ms)`]
  return [...new Set(tries.map(({ path }) => path))].map(path => {
    const those = tries.filter(one => one.path === path)
    const both = (of: (one: Try) => number, digits: number) =>
      [0.5, 0.95].map(share => percentile(those.map(of), share).toFixed(digits)).join('/')
    const times = `${both(({ seconds }) => seconds, 2)} s (${both(({ firstByteMs }) => firstByteMs, 0)} ms)`
    return `${those.length}× ${path} ${times}`
  })
}

async function measure(sites: Readonly<Record<string, Site>>): Promise<Try> {
  await using mesh = await createNatMesh(sites)
  const talk = await mesh.talk('work', await mesh.echoTunnel('work', 'home'))
  const endsMs = Date.now() + waitMs
  let startedMs = Number.POSITIVE_INFINITY
  let best: ShownPath | undefined
  do {
    const paths = await mesh.paths('work', 'home')
    startedMs = Math.min(startedMs, ...paths.map(({ sinceMs }) => sinceMs))
    best = paths[0]
  } while (best?.path.startsWith('relay') && Date.now() < endsMs)
  await talk.untilAnswered()
  const { firstByteMs } = await talk.finish()
  const seconds = ((best?.sinceMs ?? Number.NaN) - startedMs) / 1_000
  return { path: best?.path ?? 'none', seconds, firstByteMs }
}
