// `node bench/hub-kills.ts [--rounds N] [--streams N]`: two hubs in one mesh, real processes on loopback, one of them killed (SIGKILL) in each round, in
// turn, while numbers run through a tunnel and back. The pause is the longest time in which one of the streams got nothing, until each has had 200 kB
// more. Every byte is compared; a stream that ends, or has a wrong byte, is a fault.
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { runNumberedStreams } from '../src/testing/numbered-streams.ts'
import { createProcessMesh } from '../src/testing/process-mesh.ts'
import {
  killDaemon,
  listenEcho,
  RELAY_ROLE,
  startTwoHubs,
  untilAttached,
} from '../src/testing/two-hub-mesh.ts'

const { values: typed } = parseArgs({
  options: { rounds: { type: 'string', default: '20' }, streams: { type: 'string', default: '4' } },
})
const rounds = Number(typed.rounds)
const pauses: Record<'hub' | 'second', number[]> = { hub: [], second: [] }

await using mesh = await createProcessMesh()
await using target = await listenEcho()
const port = await startTwoHubs(mesh, target.at)
await using streams = await runNumberedStreams(port, Number(typed.streams))
await streams.untilMore(100_000)
console.log(`${rounds} rounds, ${typed.streams} streams; load ${loadavg()[0]?.toFixed(1)}`)

// One round more, so that the streams are at the hub that is killed first.
for (let round = 0; round <= rounds; round++) {
  const name = round % 2 === 0 ? 'second' : 'hub'
  streams.takeLongestPause()
  await killDaemon(mesh, name)
  await streams.untilMore(200_000)
  if (round > 0) pauses[name].push(streams.takeLongestPause())
  await mesh.startHub(name === 'hub' ? {} : { name, args: RELAY_ROLE })
  await untilAttached(mesh)
}

report('hub with the controller killed', pauses.hub)
report('hub that only relays killed', pauses.second)
report('all', [...pauses.hub, ...pauses.second])
console.log(
  `${(streams.byteCount / 1e6).toFixed(0)} MB there and back, faults: ${streams.faults.join('; ') || 'none'}`,
)

function report(what: string, times: readonly number[]): void {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]?.toFixed(0)
  console.log(`${what}: pause p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms (n = ${sorted.length})`)
}
