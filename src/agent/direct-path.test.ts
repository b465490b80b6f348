import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { CONTROLLER_API, HUB_API } from '../core/api/hub-api.ts'
import { PEER_API } from '../core/api/peer-api.ts'
import { encodeRelayPreface } from '../core/codec/relay-preface.ts'
import { MeshError } from '../core/model/errors.ts'
import { MEETING_BURST } from '../core/path/meeting-limit.ts'
import { PATH_KINDS } from '../core/path/path-kind.ts'
import { echo, hostEcho } from '../testing/echo-service.ts'
import { openEvents, visitHub } from '../testing/hub-visit.ts'
import { createLocalMesh, type LocalAgent } from '../testing/local-mesh.ts'
import { until } from '../testing/until.ts'
import { viewPaths } from './views.ts'

const ALL = { paths: PATH_KINDS }

function pathsOf({ membership }: LocalAgent): string[] {
  return membership.peers.all.filter(({ isOpen }) => isOpen).map(({ path }) => path)
}

test('two agents on one computer talk directly, and the hub sees no byte of it', async () => {
  await using mesh = await createLocalMesh(ALL)
  const home = await mesh.join('home')
  const work = await mesh.join('work')
  const { service } = await hostEcho(home, 'tcp/echo')
  assert.equal(await echo(work, service, 'first'), 'first')
  await until(() => pathsOf(work).includes('direct'), 'the direct path is up')
  const before = mesh.hub.describe().relayedBytes
  assert.equal(await echo(work, service, 'x'.repeat(200_000)), 'x'.repeat(200_000))
  assert.ok(mesh.hub.describe().relayedBytes - before < 10_000)
})

test('a pinned direct path is used alone, and nothing is relayed', async () => {
  await using mesh = await createLocalMesh({ paths: ['direct'] })
  const home = await mesh.join('home')
  const work = await mesh.join('work')
  const { service } = await hostEcho(home, 'tcp/echo')
  assert.equal(await echo(work, service, 'pinned'), 'pinned')
  assert.deepEqual(pathsOf(work), ['direct'])
  assert.equal(mesh.hub.describe().relayedBytes, 0)
})

test('a peer that nobody can connect to connects itself', async () => {
  await using mesh = await createLocalMesh({ paths: ['direct'] })
  const home = await mesh.join('home')
  const work = await mesh.join('work')
  const { service } = await hostEcho(home, 'tcp/echo')
  // As behind a firewall that lets nothing in: what it offers leads nowhere.
  await home.membership.link.call(HUB_API.offerCandidates, { body: { tcp: ['127.0.0.1:1'] } })
  assert.equal(await echo(work, service, 'turned round'), 'turned round')
  await work.membership.link.call(HUB_API.offerCandidates, { body: { tcp: [] } })
})

test('without an address to try, bytes are relayed and nobody waits', async () => {
  await using mesh = await createLocalMesh(ALL)
  const home = await mesh.join('home')
  const work = await mesh.join('work')
  for (const { membership } of [home, work])
    await membership.link.call(HUB_API.offerCandidates, { body: { tcp: [] } })
  const { service } = await hostEcho(home, 'tcp/echo')
  assert.equal(await echo(work, service, 'relayed'), 'relayed')
  assert.deepEqual(pathsOf(work), ['relay'])
})

test('streams go directly when the direct path comes up after the relay', async () => {
  await using mesh = await createLocalMesh(ALL)
  const home = await mesh.join('home')
  const work = await mesh.join('work')
  const { service } = await hostEcho(home, 'tcp/echo')
  for (const { membership } of [home, work])
    await membership.link.call(HUB_API.offerCandidates, { body: { tcp: [] } })
  assert.equal(await echo(work, service, 'relayed'), 'relayed')
  await until(
    () => !work.membership.peers.others.some(({ error }) => error === undefined),
    'nothing is tried any more',
  )
  // A new network: it is looked for again at once.
  for (const { membership } of [home, work]) membership.networkChanged({ gone: new Set() })
  await until(() => pathsOf(work).includes('direct'), 'the direct path is up')
  assert.equal(await echo(work, service, 'direct'), 'direct')
  // The relay is given up once it is empty.
  await until(() => mesh.hub.describe().relayCount === 0, 'the empty relay is closed')
})

test('a session over a kind of path that is named goes that way, though another is better', async () => {
  await using mesh = await createLocalMesh(ALL)
  const home = await mesh.join('home')
  const work = await mesh.join('work')
  const { endpoint } = home.membership.self
  await work.membership.peers.session(endpoint)
  await until(() => pathsOf(work).includes('direct'), 'the direct path is up')
  for (const path of ['punched', 'relay-h2', 'relay', 'direct'] as const) {
    const session = await work.membership.peers.session(endpoint, path)
    await session.call(PEER_API.ping, {})
    assert.equal(session.path, path)
    assert.ok(session.sentBytes > 100 && session.receivedBytes > 100)
  }
  assert.equal((await work.membership.peers.session(endpoint)).path, 'direct')
})

test('an address that is somebody else is not believed', async () => {
  await using mesh = await createLocalMesh(ALL)
  const home = await mesh.join('home')
  const work = await mesh.join('work')
  const other = await mesh.join('other')
  const { service } = await hostEcho(home, 'tcp/echo')
  const port = portOf(other)
  await home.membership.link.call(HUB_API.offerCandidates, { body: { tcp: [`127.0.0.1:${port}`] } })
  await work.membership.link.call(HUB_API.offerCandidates, { body: { tcp: [] } })
  assert.equal(await echo(work, service, 'safe'), 'safe')
  assert.deepEqual(pathsOf(work), ['relay'])
})

test('the port for peers says nothing to a stranger', async () => {
  await using mesh = await createLocalMesh(ALL)
  const home = await mesh.join('home')
  const preface = encodeRelayPreface({ side: 'dial', ticket: new Uint8Array(32).fill(7) })
  for (const bytes of [preface, Buffer.from([0x16, 3, 1, 0, 5]), Buffer.from('GET / HTTP/1.1\r\n\r\n')]) {
    const socket = net.connect(portOf(home), '127.0.0.1')
    let heard = 0
    socket.on('data', chunk => {
      heard += chunk.length
    })
    socket.on('error', () => {})
    socket.write(bytes)
    await new Promise<unknown>(resolve => socket.once('close', resolve))
    assert.equal(heard, 0)
  }
})

test('an agent that may only be relayed to is not met', async () => {
  await using mesh = await createLocalMesh({ paths: ['relay'] })
  const home = await mesh.join('home')
  const work = await mesh.join('work')
  const { candidates } = await work.membership.link.call(HUB_API.introduce, {
    body: { endpoint: home.membership.self.endpoint },
  })
  assert.deepEqual(candidates.tcp, [])
})

test('a policy that forbids direct paths leaves the relay, introduces nobody, and says so', async () => {
  await using mesh = await createLocalMesh({ ...ALL, isDirectForbidden: true })
  const home = await mesh.join('home')
  const work = await mesh.join('work')
  const { endpoint } = home.membership.self
  const { service } = await hostEcho(home, 'tcp/echo')
  assert.equal(await echo(work, service, 'relayed'), 'relayed')
  assert.deepEqual(pathsOf(work), ['relay'])
  const why = `Cannot meet endpoint ${endpoint} without a hub: denied by policy "no direct paths in this mesh"`
  const failed = () =>
    viewPaths(work.membership).flatMap(({ path, state, error }) =>
      state === 'failed' ? [{ path, error }] : [],
    )
  // Both share one question to the hub.
  await until(() => failed().length === 2, 'both ways without a hub have failed')
  assert.deepEqual(
    failed().sort((a, b) => (a.path < b.path ? -1 : 1)),
    [
      { path: 'direct', error: why },
      { path: 'punched', error: why },
    ],
  )
  for (const path of ['direct', 'punched'] as const)
    await assert.rejects(
      work.membership.peers.session(endpoint, path),
      error => error instanceof MeshError && error.code === 'denied' && error.message === why,
    )
  assert.ok(!mesh.events.some(({ event }) => event === 'peer.not-met' || event === 'peer.not-reached'))
  // Nor does the hub tell anybody how its NAT shows it.
  using visit = await visitHub(mesh.address, await mesh.member())
  const hello = await openEvents(visit)('hello')
  assert.ok(!('udp' in hello))
})

for (const how of ['removed', 'evicted'] as const) {
  test(`an endpoint that is ${how} loses its direct connections at once`, async () => {
    await using mesh = await createLocalMesh({ paths: ['direct', 'punched'] })
    const home = await mesh.join('home')
    const work = await mesh.join('work')
    const { link } = (await mesh.join('third')).membership
    const { service } = await hostEcho(home, 'tcp/echo')
    const { stream } = await work.host.dial(service).opened
    stream.on('error', () => {})
    const closed = new Promise<unknown>(resolve => stream.once('close', resolve))
    const { endpoint } = work.membership.self
    if (how === 'removed') await link.call(CONTROLLER_API.removeEndpoint, { params: { endpoint } })
    else await link.call(CONTROLLER_API.evict, { body: { endpoint } })
    await closed
    await until(() => home.membership.server.all.length === 0, 'the session is over')
  })
}

test('introductions are for endpoints that are there, and others', async () => {
  await using mesh = await createLocalMesh(ALL)
  const { membership } = await mesh.join('work')
  for (const [endpoint, code] of [
    [membership.self.endpoint, 'bad-input'],
    ['0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11', 'denied'],
  ] as const) {
    await assert.rejects(
      membership.link.call(HUB_API.introduce, { body: { endpoint } }),
      error => error instanceof MeshError && error.code === code,
    )
  }
})

function portOf({ reach }: LocalAgent): number {
  return reach.listener?.port ?? 0
}

test('a peer that has itself introduced again and again is met a few times, no more', async () => {
  await using mesh = await createLocalMesh({ paths: ['direct'] })
  const home = await mesh.join('home')
  const bare = await mesh.join('work')
  // Somebody who lets connections come, and counts them.
  let comeCount = 0
  const server = net.createServer(socket => {
    comeCount += 1
    socket.on('error', () => {}).resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const { link } = bare.membership
  await link.call(HUB_API.offerCandidates, { body: { tcp: [`127.0.0.1:${port}`] } })
  const { endpoint } = home.membership.self
  for (let i = 0; i < 40; i += 1) await link.call(HUB_API.introduce, { body: { endpoint } })
  await until(() => comeCount >= MEETING_BURST, 'it was met as often as may be')
  // The answer to this comes after all of the introductions have.
  await home.membership.link.call(HUB_API.listHubs, {})
  assert.ok(comeCount <= MEETING_BURST + 2, `${comeCount} connections came`)
  server.close()
})
