// `node bench/connection-memory.ts [--connections 2000] [--top 20]`: what an idle tunnelled connection takes at each agent, by the difference of
// two heap snapshots, and which kinds of things it is made of.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createTunnelLab } from '../src/testing/tunnel-lab.ts'
import { printSizes, snapshotFlags, takeSizes } from './heap-snapshot.ts'
import { holdConnections, runLoad, startTarget } from './loads.ts'

const { values: typed } = parseArgs({
  options: { connections: { type: 'string', default: '2000' }, top: { type: 'string', default: '20' } },
})
const wanted = Number(typed.connections)
/** Sockets that were opened and closed before are collected meanwhile. */
const SETTLE_MS = 2_000
const AGENTS = { work: 'inbound agent', home: 'outbound agent' } as const
const folder = await mkdtemp(join(tmpdir(), 'ztm-heap-'))
try {
  const nodeFlags = () => snapshotFlags(folder)
  await using lab = await createTunnelLab({ nodeFlags, hubArgs: ['--workers', '0'] })
  await using target = await startTarget()
  const port = await lab.tunnel('tcp/memory', `127.0.0.1:${target.port}`)
  // So that code and tables have their size.
  await runLoad('connections', { port, atOnce: 50, count: 3_000, maxSeconds: 30 })
  await delay(SETTLE_MS)
  const pidOf = (name: string) => [...lab.daemons].find(daemon => daemon.name === name)?.child.pid ?? 0
  const before = {
    work: await takeSizes(pidOf('work'), folder),
    home: await takeSizes(pidOf('home'), folder),
  }
  const held = await holdConnections(port, wanted)
  await delay(SETTLE_MS)
  for (const name of ['work', 'home'] as const)
    printSizes(AGENTS[name], {
      before: before[name],
      after: await takeSizes(pidOf(name), folder),
      count: held.count,
      top: Number(typed.top),
    })
  await held.release()
} finally {
  await rm(folder, { recursive: true, force: true })
}
