import assert from 'node:assert/strict'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { parseServiceName } from '../core/model/names.ts'
import { createLocalMesh, type LocalAgent } from '../testing/local-mesh.ts'
import { type SeededRandom, withSeed } from '../testing/seeded-random.ts'
import { transfer } from '../testing/two-way-transfer.ts'
import { layWire } from '../testing/wire.ts'

// Streams that outlive their paths, between real agents.

const DEATHS = 200
const SERVICE = parseServiceName('tcp/resumable')

test('a stream survives its path dying 200 times at random moments, every byte of both directions', async t => {
  await withSeed(async random => {
    await using mesh = await createLocalMesh()
    await using wire = await layWire(mesh.address)
    const permit = mesh.permitVia(wire.address)
    const [host, guest] = [await mesh.join('host', { permit }), await mesh.join('guest', { permit })]
    const { near, far } = await openPair(host, guest)
    const [nearSide, farSide] = [transfer(near, random), transfer(far, random)]
    for (let death = 0; death < DEATHS; death += 1) {
      await pause(random, 120)
      // One in ten takes the links along.
      if (random() < 0.1) wire.cut()
      else killSessions(guest, random)
    }
    const finished = [nearSide.finish(), farSide.finish()] as const
    const [nearHashes, farHashes] = await Promise.all(finished)
    t.diagnostic(`${nearSide.sentBytes} bytes there and ${farSide.sentBytes} back`)
    assert.deepEqual(
      [nearHashes.received, farHashes.received, nearSide.receivedBytes, farSide.receivedBytes],
      [farHashes.sent, nearHashes.sent, farSide.sentBytes, nearSide.sentBytes],
    )
  })
})

/** A stream, as the dialling and the hosting app have it. */
async function openPair(host: LocalAgent, guest: LocalAgent): Promise<{ near: Duplex; far: Duplex }> {
  const arrived = Promise.withResolvers<Duplex>()
  await host.host.serve(SERVICE, {
    access: { users: [], entrances: [] },
    onStream: incoming => arrived.resolve(incoming.accept()),
  })
  const { stream: near } = await guest.host.dial(SERVICE).opened
  return { near, far: await arrived.promise }
}

function killSessions({ membership }: LocalAgent, random: SeededRandom): void {
  for (const { session } of membership.peers.all) {
    if (random() < 0.5) session.destroy()
    else session.destroy(new Error('killed by the test'))
  }
}

function pause(random: SeededRandom, atMostMs: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, random() * atMostMs))
}
