import assert from 'node:assert/strict'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { CONTROLLER_API, HUB_API } from '../core/api/hub-api.ts'
import { parseServiceName, parseUserName } from '../core/model/names.ts'
import { formatPermit, parsePermit } from '../core/model/permit.ts'
import { PATH_KINDS } from '../core/path/path-kind.ts'
import { createLocalMesh, type LocalAgent } from '../testing/local-mesh.ts'
import { type SeededRandom, withSeed } from '../testing/seeded-random.ts'
import { transfer } from '../testing/two-way-transfer.ts'
import { until } from '../testing/until.ts'
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

for (const first of ['near', 'far'] as const) {
  test(`a stream that the ${first} side has half closed goes on the other way over the next path`, async () => {
    await withSeed(async random => {
      await using mesh = await createLocalMesh()
      const [host, guest] = [await mesh.join('host'), await mesh.join('guest')]
      const pair = await openPair(host, guest)
      const second = first === 'near' ? 'far' : 'near'
      const ended = new Promise(resolve => pair[second].once('end', resolve))
      const [early, late] = [transfer(pair[first], random), transfer(pair[second], random)]
      early.stop()
      killSessions(guest, random)
      await ended
      killSessions(guest, random)
      await until(() => late.sentBytes > 200_000, 'more was sent the other way')
      killSessions(guest, random)
      const [earlyHashes, lateHashes] = await Promise.all([early.finish(), late.finish()])
      assert.deepEqual([earlyHashes.received, lateHashes.received], [lateHashes.sent, earlyHashes.sent])
    })
  })
}

test('a path that dies around the end of a stream leaves it whole and in order on both sides', async () => {
  await withSeed(async random => {
    await using mesh = await createLocalMesh()
    const [host, guest] = [await mesh.join('host'), await mesh.join('guest')]
    const arrivals: ((stream: Duplex) => void)[] = []
    const errors: Error[] = []
    await host.host.serve(SERVICE, {
      access: { users: [], entrances: [] },
      onStream: incoming => arrivals.shift()?.(incoming.accept()),
    })
    for (let round = 0; round < 12; round += 1) {
      const arrived = new Promise<Duplex>(resolve => arrivals.push(resolve))
      const { stream: near } = await guest.host.dial(SERVICE).opened
      const far = await arrived
      const sides = [transfer(near, random), transfer(far, random)] as const
      // The host may wait for the last word of a dialler that has nothing to come back for; it breaks nothing then.
      far.on('error', error => errors.push(error))
      const closed = untilClosed(near)
      // Between the end, which is told at once, and its acknowledgement, which is told within 100 ms; and a bit before and after.
      const [first, second] = random() < 0.5 ? sides : [sides[1], sides[0]]
      first.stop()
      await pause(random, 5)
      second.stop()
      await pause(random, 30)
      killSessions(guest, random)
      const [nearHashes, farHashes] = await Promise.all([sides[0].finish(), sides[1].finish()])
      assert.deepEqual([nearHashes.received, farHashes.received], [farHashes.sent, nearHashes.sent])
      await closed
    }
    assert.deepEqual(errors, [])
  })
})

test('a relayed stream moves to a direct path that comes up half-way, every byte of both directions', async () => {
  await withSeed(async random => {
    await using mesh = await createLocalMesh({ paths: PATH_KINDS })
    const [host, guest] = [await mesh.join('host'), await mesh.join('guest')]
    for (const { membership } of [host, guest])
      await membership.link.call(HUB_API.offerCandidates, { body: { tcp: [] } })
    const { near, far } = await openPair(host, guest)
    const [nearSide, farSide] = [transfer(near, random), transfer(far, random)]
    const sessionOver = (path: string) => guest.membership.peers.all.find(session => session.path === path)
    await until(() => nearSide.receivedBytes > 1_000_000, 'bytes are relayed')
    assert.equal(sessionOver('relay')?.streamCount, 1)
    const isTrying = () => guest.membership.peers.others.some(({ error }) => error === undefined)
    await until(() => !isTrying(), 'no other path is tried any more')
    for (const { membership } of [host, guest]) membership.networkChanged({ gone: new Set() })
    await until(() => sessionOver('direct')?.streamCount === 1, 'the stream is on the direct path')
    const soFar = nearSide.receivedBytes
    await until(() => nearSide.receivedBytes > soFar + 1_000_000, 'bytes go directly')
    const [nearHashes, farHashes] = await Promise.all([nearSide.finish(), farSide.finish()])
    assert.deepEqual([nearHashes.received, farHashes.received], [farHashes.sent, nearHashes.sent])
  })
})

test('who is evicted while there is no path is out at once', async () => {
  await using mesh = await createLocalMesh()
  await using wire = await layWire(mesh.address)
  const host = await mesh.join('host')
  const permit = formatPermit({ ...parsePermit(await mesh.invite('bob')), bootstraps: [wire.address] })
  const guest = await mesh.join('guest', { permit })
  const { near, far } = await openPair(host, guest, ['bob'])
  far.on('error', () => {})
  near.on('error', () => {})
  // The guest is cut off, and stays so.
  wire.freeze()
  wire.cut()
  await mesh.logged('streams.lost', 'guest')
  assert.equal(far.destroyed, false)
  const closed = new Promise(resolve => far.once('close', resolve))
  await host.membership.link.call(CONTROLLER_API.evict, { body: { user: parseUserName('bob') } })
  await closed
  // When it is back it hears so, and gives its side up as well.
  const closedNear = new Promise(resolve => near.once('close', resolve))
  wire.thaw()
  wire.cut()
  await closedNear
})

test('a host that was restarted breaks the stream at the dialler, and does not let it wait', async () => {
  await using mesh = await createLocalMesh()
  const [host, guest] = [await mesh.join('host'), await mesh.join('guest')]
  const { near } = await openPair(host, guest)
  const closed = new Promise<Error | undefined>(resolve => {
    near.once('error', resolve)
    near.once('close', resolve)
  })
  await mesh.restart(host)
  await closed
  assert.equal(near.readableEnded, false)
})

test('what the app breaks while there is no path stays broken, and nothing is tried for it', async () => {
  await withSeed(async random => {
    await using mesh = await createLocalMesh()
    const [host, guest] = [await mesh.join('host'), await mesh.join('guest')]
    const { near } = await openPair(host, guest)
    near.on('error', () => {})
    killSessions(guest, random)
    await mesh.logged('streams.lost', 'guest')
    near.destroy()
    await mesh.logged('streams.resumed', 'guest')
    assert.equal(near.destroyed, true)
  })
})

/** A stream, as the dialling and the hosting app have it. */
async function openPair(
  host: LocalAgent,
  guest: LocalAgent,
  users: readonly string[] = [],
): Promise<{ near: Duplex; far: Duplex }> {
  const arrived = Promise.withResolvers<Duplex>()
  await host.host.serve(SERVICE, {
    access: { users: users.map(parseUserName), entrances: [] },
    onStream: incoming => arrived.resolve(incoming.accept()),
  })
  const { stream: near } = await guest.host.dial(SERVICE).opened
  return { near, far: await arrived.promise }
}

/** @throws if it broke */
async function untilClosed(stream: Duplex): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.once('error', reject)
    stream.once('close', resolve)
  })
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
