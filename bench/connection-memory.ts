// `node bench/connection-memory.ts [--connections 2000] [--top 20]`: what an idle tunnelled connection takes at each agent, by the difference of
// two heap snapshots, and which kinds of things it is made of.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createTunnelLab } from '../src/testing/tunnel-lab.ts'
import { holdConnections, runLoad, startTarget } from './loads.ts'

/** As much of a heap snapshot as is looked at: `nodes` has as many numbers for each thing as `node_fields` has names. */
interface Snapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[]
      readonly node_types: readonly [readonly string[]]
    }
  }
  readonly nodes: readonly number[]
  readonly strings: readonly string[]
}

const { values: typed } = parseArgs({
  options: { connections: { type: 'string', default: '2000' }, top: { type: 'string', default: '20' } },
})
const wanted = Number(typed.connections)
/** Sockets that were opened and closed before are collected meanwhile. */
const SETTLE_MS = 2_000
const AGENTS = { work: 'inbound agent', home: 'outbound agent' } as const
const folder = await mkdtemp(join(tmpdir(), 'ztm-heap-'))
try {
  const nodeFlags = () => ['--heapsnapshot-signal=SIGUSR2', `--diagnostic-dir=${folder}`]
  await using lab = await createTunnelLab({ nodeFlags, hubArgs: ['--workers', '0'] })
  await using target = await startTarget()
  const port = await lab.tunnel('tcp/memory', `127.0.0.1:${target.port}`)
  // So that code and tables have their size.
  await runLoad('connections', { port, atOnce: 50, count: 3_000, maxSeconds: 30 })
  await delay(SETTLE_MS)
  const pidOf = (name: string) => [...lab.daemons].find(daemon => daemon.name === name)?.child.pid ?? 0
  const before = { work: await takeSizes(pidOf('work')), home: await takeSizes(pidOf('home')) }
  const held = await holdConnections(port, wanted)
  await delay(SETTLE_MS)
  for (const name of ['work', 'home'] as const)
    print(AGENTS[name], before[name], await takeSizes(pidOf(name)), held.count)
  await held.release()
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** Have a process write a snapshot, which collects garbage first. @returns bytes of each kind of thing */
async function takeSizes(pid: number): Promise<Map<string, number>> {
  process.kill(pid, 'SIGUSR2')
  for (;;) {
    await delay(500)
    const [file] = await readdir(folder)
    if (file === undefined) continue
    try {
      const snapshot = JSON.parse(await readFile(join(folder, file), 'utf8')) as Snapshot
      await rm(join(folder, file))
      return sizesIn(snapshot)
    } catch (error) {
      // It is not whole yet.
      if (!(error instanceof SyntaxError)) throw error
    }
  }
}

function sizesIn({ snapshot: { meta }, nodes, strings }: Snapshot): Map<string, number> {
  const [type, name, size] = ['type', 'name', 'self_size'].map(field => meta.node_fields.indexOf(field))
  const [types] = meta.node_types
  const sizes = new Map<string, number>()
  for (let at = 0; at < nodes.length; at += meta.node_fields.length) {
    const kind = types[nodes[at + (type ?? 0)] ?? 0] ?? ''
    const isText = kind.includes('string') || kind === 'number'
    const title = isText ? kind : `${kind} ${strings[nodes[at + (name ?? 0)] ?? 0]}`
    sizes.set(title, (sizes.get(title) ?? 0) + (nodes[at + (size ?? 0)] ?? 0))
  }
  return sizes
}

function print(role: string, before: Map<string, number>, after: Map<string, number>, count: number): void {
  const sum = (sizes: Map<string, number>) => [...sizes.values()].reduce((total, each) => total + each, 0)
  console.log(`\n## ${role}: ${((sum(after) - sum(before)) / count).toFixed(0)} bytes a connection\n`)
  console.log('| bytes | kind |\n| ---: | --- |')
  const grown = [...after].map(
    ([title, bytes]) => [(bytes - (before.get(title) ?? 0)) / count, title] as const,
  )
  for (const [bytes, title] of grown.toSorted(([a], [b]) => b - a).slice(0, Number(typed.top)))
    console.log(`| ${bytes.toFixed(0)} | ${title.slice(0, 80)} |`)
}
