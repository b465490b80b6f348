import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { connectThroughLink, type EmulatedLink } from './link-emulator.ts'
import type { LinkConditions } from './link-emulator-schedule.ts'
import { canHaveNetLab, createNetLab, type NetHost, type NetLab } from './net-lab.ts'

// Does the emulated link do what it is told, as ping and iperf3 see it?

test('delay is seen by ping, both ways', async t => {
  await using pair = await build(t, { delayMs: 40 })
  if (pair === undefined) return
  const { medianMs } = await ping(pair.a, 20)
  t.diagnostic(`median round trip over twice 40 ms: ${medianMs} ms`)
  assert.ok(medianMs >= 79 && medianMs < 120, `${medianMs} ms`)
})

test('loss is as large as wanted, and a cut link is silent until it is mended', async t => {
  await using pair = await build(t, {})
  if (pair === undefined) return
  await pair.link.set({ aToB: { lossPercent: 20 }, bToA: {} })
  const { receivedCount } = await ping(pair.a, 300)
  assert.ok(receivedCount > 200 && receivedCount < 275, `${receivedCount} of 300 came back`)
  await pair.link.set({ lossPercent: 100 })
  assert.equal((await ping(pair.a, 3)).receivedCount, 0)
  await pair.link.set({})
  assert.equal((await ping(pair.a, 3)).receivedCount, 3)
})

test('TCP reaches the rate of the link and not more, with and without loss', async t => {
  await using pair = await build(t, { rateMbps: 200, delayMs: 10 })
  if (pair === undefined) return
  const clean = await iperf(pair, [])
  await pair.link.set({ rateMbps: 200, delayMs: 10, lossPercent: 1 })
  const lossy = await iperf(pair, [])
  const report = await pair.link.report()
  t.diagnostic(
    `200 Mbit/s: ${clean} Mbit/s clean, ${lossy} Mbit/s with 1 % loss: ${JSON.stringify(report.aToB)}`,
  )
  assert.ok(clean > 60 && clean < 210, `${clean} Mbit/s`)
  assert.ok(lossy > 10 && lossy < 210, `${lossy} Mbit/s with loss`)
  assert.ok(report.aToB.lostCount > 0)
})

test('datagrams of 1,200 bytes arrive as they were, whichever IP', async t => {
  await using pair = await build(t, { delayMs: 5 })
  if (pair === undefined) return
  const received = await iperf(pair, ['-u', '-b', '20M', '-l', '1200', '--version6'])
  assert.ok(received > 15, `${received} Mbit/s`)
  assert.ok((await iperf(pair, ['-b', '100M', '--version6'])) > 50)
})

interface Pair extends NetLab {
  readonly a: NetHost
  readonly b: NetHost
  readonly link: EmulatedLink
}

async function build(t: TestContext, conditions: LinkConditions): Promise<Pair | undefined> {
  if (!canHaveNetLab(t)) return undefined
  await using building = new AsyncDisposableStack()
  const lab = building.use(await createNetLab())
  const [a, b] = [await lab.addHost('a'), await lab.addHost('b')]
  const plug = (host: NetHost, number: number) => ({
    host,
    device: 'eth0',
    addresses: [`198.18.0.${number}/24`, `2001:db8::${number}/64`],
  })
  const link = await connectThroughLink(lab, { a: plug(a, 1), b: plug(b, 2) }, conditions)
  const done = building.move()
  return { ...lab, a, b, link, [Symbol.asyncDispose]: () => done.disposeAsync() }
}

async function ping(from: NetHost, count: number): Promise<{ receivedCount: number; medianMs: number }> {
  const args = ['-n', '-c', String(count), '-i', '0.01', '-W', '1', '198.18.0.2']
  const printed = await from.run('/bin/sh', ['-c', `ping ${args.join(' ')} || test $? = 1`])
  const times = [...printed.matchAll(/time=([\d.]+)/g)].map(([, ms]) => Number(ms)).sort((x, y) => x - y)
  return { receivedCount: times.length, medianMs: times[times.length >> 1] ?? Number.NaN }
}

/** @returns Mbit/s that arrived */
async function iperf({ a, b }: Pair, args: readonly string[]): Promise<number> {
  const server = b.spawn('iperf3', ['-s', '-1', '--forceflush'])
  const closed = once(server, 'close')
  await once(server.stdout as NonNullable<typeof server.stdout>, 'data')
  const address = args.includes('--version6') ? '2001:db8::2' : '198.18.0.2'
  const printed = await a.run('iperf3', ['-c', address, '-t', '2', '-J', ...args])
  const { end, error } = JSON.parse(printed) as IperfResult
  // It ends with 0 also then, and the server goes on waiting.
  if (error !== undefined) throw new Error(`iperf3: ${error}`)
  await closed
  return Math.round((end.sum_received ?? end.sum ?? { bits_per_second: 0 }).bits_per_second / 1e6)
}

interface IperfResult {
  readonly error?: string
  readonly end: Readonly<Record<string, { readonly bits_per_second: number }>>
}
