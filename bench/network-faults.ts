// `node bench/network-faults.ts [--only sleep] [--tries 20 --only uplink]`: what happens to an open tunnelled connection when the network under it
// fails, changes or gets bad (figures R4 and R5). `--tries` is for the switches of uplink alone. Needs root.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DEGRADATION_LADDER } from '../src/testing/link-emulator-ladder.ts'
import {
  BREAKING_FAULTS,
  FAULT_SITES,
  PASSING_FAULTS,
  SLEEP,
  switchUplink,
  type Uplink,
} from '../src/testing/nat-lab-faults.ts'
import { createNatMesh, type NatMesh } from '../src/testing/nat-lab-mesh.ts'
import { whyNoNetLab } from '../src/testing/net-lab.ts'
import { percentile } from './figures.ts'

const { values: typed } = parseArgs({
  options: { only: { type: 'string' }, tries: { type: 'string', default: '1' } },
})
const why = whyNoNetLab()
if (why !== undefined) {
  console.error(`network-faults: ${why}`)
  process.exit(1)
}
/** How long a new connection is tried for. */
const NEW_CONNECTION_MS = 30_000
const UPLINKS: readonly Uplink[] = ['v4', 'v6', 'both']
const rows: string[] = []
/** Of all switches of uplink: the longest pause in the open connection, or undefined where it broke. */
const pauses: (number | undefined)[] = []

for (const { name, happen } of [...PASSING_FAULTS, ...BREAKING_FAULTS, SLEEP])
  await attempt(name, async () => {
    await using mesh = await createNatMesh(FAULT_SITES)
    return await disturb(mesh, () => happen(mesh))
  })
for (const name of ['home', 'work'])
  for (const from of UPLINKS)
    for (const to of UPLINKS)
      for (let left = Number(typed.tries); left > 0; left -= 1)
        await attempt(`uplink of ${name} from ${from} to ${to}`, () => moveUplink(name, from, to))
for (const { name, conditions } of DEGRADATION_LADDER)
  for (const site of ['house', 'office'] as const)
    await attempt(`${name} at the ${site}`, async () => {
      await using mesh = await createNatMesh(FAULT_SITES)
      const port = await mesh.echoTunnel('work', 'home')
      await mesh.lab.links.get(site)?.set(conditions)
      const talk = await mesh.talk('work', port)
      await talk.untilAnswered()
      const { firstByteMs, longestPauseMs } = talk.report
      const path = await bestPath(mesh)
      await mesh.lab.links.get(site)?.set({})
      await talk.finish()
      return `goes on | ${longestPauseMs.toFixed(0)} | ${firstByteMs.toFixed(0)} | ${path}`
    })

const report = `What happens to a tunnelled connection that is open, all bytes compared; the longest pause in it; then the time to the
first byte of a new one (for the ladder: of the same), and the path.

| fault | open connection | pause, ms | new: first byte, ms | path |
| --- | --- | ---: | ---: | --- |
${rows.join('\n')}
${formatPauses()}`
console.log(`\n${report}`)
const out = join(import.meta.dirname, 'out')
await mkdir(out, { recursive: true })
await writeFile(join(out, 'network-faults.md'), report)

/** A fault that breaks the connection is a finding, not the end of the run. */
async function attempt(name: string, act: () => Promise<string>): Promise<void> {
  if (typed.only !== undefined && !name.includes(typed.only)) return
  const result = await act().catch(
    error => `not tried: ${String(error).replaceAll('\n', ' ').slice(0, 300)} | – | – | –`,
  )
  rows.push(`| ${name} | ${result} |`)
  console.error(`network-faults: ${name}: ${result}`)
}

async function moveUplink(name: string, from: Uplink, to: Uplink): Promise<string> {
  await using mesh = await createNatMesh({
    house: { hosts: ['home'], ip: 'both' },
    office: { hosts: ['work'], ip: 'both' },
  })
  const subnet = name === 'home' ? 1 : 2
  const port = await mesh.echoTunnel('work', 'home')
  await switchUplink(mesh.lab.host(name), { subnet, number: 66, ip: from })
  await newConnection(mesh, port)
  const move = () => switchUplink(mesh.lab.host(name), { subnet, number: 77, ip: to })
  return await disturb(mesh, move, pauseMs => pauses.push(pauseMs))
}

/** R4: the same connection goes on, 95 of 100 within 5 s. */
function formatPauses(): string {
  if (pauses.length === 0) return ''
  // One that broke paused for ever.
  const all = pauses.map(pauseMs => pauseMs ?? Number.POSITIVE_INFINITY)
  const [p50, p95, longest] = [0.5, 0.95, 1].map(share => percentile(all, share).toFixed(0))
  const brokenCount = pauses.filter(pauseMs => pauseMs === undefined).length
  return `
${all.length} switches of uplink (mark R4: the connection goes on, p95 at most 5,000 ms): pause p50 ${p50}, p95 ${p95}, longest ${longest} ms; ${brokenCount} broke.
`
}

/** @param note  told the longest pause of the open connection, undefined if it broke */
async function disturb(
  mesh: NatMesh,
  happen: () => Promise<void>,
  note: (pauseMs: number | undefined) => void = () => {},
): Promise<string> {
  const port = await mesh.echoTunnel('work', 'home')
  const open = await mesh.talk('work', port)
  const before = await bestPath(mesh)
  await happen()
  const went = await open
    .untilAnswered()
    .then(() => open.finish())
    .then(
      ({ longestPauseMs }) => {
        note(longestPauseMs)
        return `goes on | ${longestPauseMs.toFixed(0)}`
      },
      error => {
        note(undefined)
        return `breaks: ${String(error).split(': ').at(-1)?.slice(0, 60)} | –`
      },
    )
  const fresh = await newConnection(mesh, port)
  return `${went} | ${fresh} | ${before}, then ${await bestPath(mesh)}`
}

/** @returns ms until a connection gets through, tried again when one fails */
async function newConnection(mesh: NatMesh, port: number): Promise<string> {
  const startedMs = performance.now()
  while (performance.now() < startedMs + NEW_CONNECTION_MS) {
    try {
      await (await mesh.talk('work', port)).finish()
      return (performance.now() - startedMs).toFixed(0)
    } catch {
      await new Promise(resolve => setTimeout(resolve, 200))
    }
  }
  return `none in ${NEW_CONNECTION_MS / 1_000} s`
}

async function bestPath(mesh: NatMesh): Promise<string> {
  const [best] = await mesh.paths('work', 'home').catch(() => [])
  return best?.state === 'open' ? best.path : 'none'
}
