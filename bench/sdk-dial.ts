// `node bench/sdk-dial.ts [--rounds N] [--path direct|relay]`: how long a program of the SDK takes from a dial to the first byte of an answer, one byte
// that goes with the request. Hub, host and guest are this process, over loopback. Cold: a new context, from createContext() on: it logs in, makes a key,
// has its certificate made, opens its link and a session to the host. Known: a context at work dials a service for the first time. Warm: it did so before.
import { once } from 'node:events'
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import type { PathKind } from '../src/core/path/path-kind.ts'
import type { Context } from '../src/sdk/context.ts'
import { createSdkLab } from '../src/testing/sdk-lab.ts'

const { values: typed } = parseArgs({
  options: { rounds: { type: 'string', default: '30' }, path: { type: 'string', default: 'relay' } },
})
const rounds = Number(typed.rounds)
const paths: readonly PathKind[] = typed.path === 'direct' ? ['direct', 'relay'] : ['relay']

await using lab = await createSdkLab()
const host = lab.context(await lab.identity('host', 'host'), { paths })
for (let index = 0; index < rounds; index++) await echo(`known-${index}`)
await echo('warm')
const identity = await lab.identity('guest', 'dialler')
console.log(`${rounds} rounds, path ${typed.path}; load ${loadavg()[0]?.toFixed(1)}`)

await measure('cold: new context', async () => {
  const started = performance.now()
  const context = lab.context(identity, { paths })
  await firstByte(context, 'warm')
  const took = performance.now() - started
  await context.close()
  return took
})
const guest = lab.context(identity, { paths })
await firstByte(guest, 'warm')
// Time for a better path to come up.
await new Promise(resolve => setTimeout(resolve, 1_000))
await measure('known: first dial of a service', index => timed(() => firstByte(guest, `known-${index}`)))
await measure('warm', () => timed(() => firstByte(guest, 'warm')))

async function echo(name: string): Promise<void> {
  await lab.service(name)
  const listener = await host.listen(name)
  listener.onConnection(connection => connection.pipe(connection))
}

async function firstByte(context: Context, name: string): Promise<void> {
  const connection = context.connect(name)
  connection.write('x')
  await once(connection, 'data')
  connection.destroy()
}

async function timed(run: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await run()
  return performance.now() - started
}

async function measure(what: string, run: (index: number) => Promise<number>): Promise<void> {
  const times: number[] = []
  for (let index = 0; index < rounds; index++) times.push(await run(index))
  times.sort((a, b) => a - b)
  const at = (share: number) => `${(times[Math.floor(share * (times.length - 1))] ?? 0).toFixed(1)} ms`
  console.log(`${what.padEnd(32)} p50 ${at(0.5).padStart(9)}  p99 ${at(0.99).padStart(9)}`)
}
