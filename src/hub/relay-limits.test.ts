import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { MeshError } from '../core/model/errors.ts'
import { openRelayScene } from '../testing/relay-scene.ts'

const RATE_BYTES_PER_SECOND = 2_000_000
/** What a rate lets through at once, and what one read may take too much: a quarter of a second, and a lease. */
const AHEAD_BYTES = RATE_BYTES_PER_SECOND * (0.25 + 0.05) + 65_536

/** Pass bytes and compare them. @returns how long it took, ms */
async function pass(from: Duplex, to: Duplex, bytes: Buffer): Promise<number> {
  const startMs = performance.now()
  const chunks: Buffer[] = []
  from.end(bytes)
  for await (const chunk of to.iterator({ destroyOnReturn: false })) chunks.push(chunk as Buffer)
  assert.ok(Buffer.concat(chunks).equals(bytes), 'other bytes arrived')
  return performance.now() - startMs
}

/** The least time in which so many bytes can pass. */
const leastMs = (byteCount: number) => ((byteCount - AHEAD_BYTES) * 1_000) / RATE_BYTES_PER_SECOND

for (const rates of [
  { userBytesPerSecond: RATE_BYTES_PER_SECOND },
  { hubBytesPerSecond: RATE_BYTES_PER_SECOND },
]) {
  test(`hub keeps relays together to ${Object.keys(rates)}, loses nothing, and counts the wait`, async () => {
    await using scene = await openRelayScene({ hubLimits: { relayRates: rates } })
    const pairs = [await scene.relay(), await scene.relay()]
    const bytes = randomBytes(1_000_000)
    const spans = await Promise.all(pairs.map(([dial, accept]) => pass(dial, accept, bytes)))
    assert.ok(Math.max(...spans) >= leastMs(2 * bytes.length), `${spans} ms`)
    assert.ok(scene.mesh.hub.describe().throttledMs > 0)
    // The other way: both directions of a relay count.
    const [dial, accept] = pairs[0] ?? assert.fail()
    assert.ok((await pass(accept, dial, bytes)) >= leastMs(bytes.length))
  })
}

test('hub keeps relays over a link to the same rate', async () => {
  await using scene = await openRelayScene({
    hubLimits: { relayRates: { userBytesPerSecond: RATE_BYTES_PER_SECOND } },
  })
  const ticket = await scene.ticket()
  const dial = scene.dialler.session.request({
    ':method': 'CONNECT',
    ':authority': 'dial',
    'ztm-ticket': ticket,
  })
  const accept = await scene.present(ticket, 'accept')
  await once(dial, 'response')
  const bytes = randomBytes(1_500_000)
  const spanMs = await pass(dial, accept, bytes)
  assert.ok(spanMs >= leastMs(bytes.length), `${spanMs} ms`)
  accept.end()
})

test('hub refuses relays over its limit, counts them, and takes them again when there is room', async () => {
  await using scene = await openRelayScene({ hubLimits: { registry: { maxRelays: 1 } } })
  const [late, early] = [await scene.ticket(), await scene.ticket()]
  const ends = [await scene.present(early, 'dial'), await scene.present(early, 'accept')]
  ends[0]?.write('x')
  await once(ends[1] ?? assert.fail(), 'readable')
  const error = await scene.ticket().catch((thrown: unknown) => thrown)
  assert.equal(error instanceof MeshError && error.code, 'too-many')
  // Asked for while there was room, presented when there was none.
  const refused = [await scene.present(late, 'dial'), await scene.present(late, 'accept')]
  await Promise.all(refused.map(socket => new Promise(resolve => socket.resume().once('close', resolve))))
  assert.equal(scene.mesh.hub.describe().refusedRelayCount, 2)
  ends[0]?.resetAndDestroy()
  await new Promise(resolve => ends[1]?.resume().once('close', resolve))
  const [dial, accept] = await scene.relay()
  await pass(dial, accept, randomBytes(100))
})
