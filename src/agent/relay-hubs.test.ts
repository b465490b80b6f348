import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTROLLER_API, HUB_API } from '../core/api/hub-api.ts'
import { HUB_FEED_PATH, RELAY_HUB_API } from '../core/api/relay-hub-api.ts'
import { encodeRelayPreface } from '../core/codec/relay-preface.ts'
import { MeshError } from '../core/model/errors.ts'
import { parseServiceName, parseUserName } from '../core/model/names.ts'
import { parsePermit } from '../core/model/permit.ts'
import { startFalseHub } from '../testing/false-hub.ts'
import { openEvents, visitHub } from '../testing/hub-visit.ts'
import { createLocalMesh, type LocalAgent, type LocalMesh } from '../testing/local-mesh.ts'
import { assertRefused } from '../testing/refusal.ts'
import { type RelayHubRig, startRelayHub } from '../testing/relay-hub-rig.ts'
import { openStranger } from '../testing/stranger.ts'
import { until } from '../testing/until.ts'

// Hubs that only relay, honest ones and others, in one process over real sockets.

const ECHO = parseServiceName('tcp/echo')

async function untilLinked({ membership }: LocalAgent, hub: RelayHubRig): Promise<void> {
  await until(
    () => membership.hubs.hubs.some(({ id, isLinked }) => id === hub.id && isLinked),
    'there is a link to the hub that only relays',
  )
}

async function serveEcho({ host }: LocalAgent): Promise<void> {
  await host.serve(ECHO, {
    access: { users: [], entrances: [] },
    onStream: incoming => {
      const stream = incoming.accept()
      stream.on('error', () => {})
      stream.pipe(stream)
    },
  })
}

async function echo({ host }: LocalAgent, text: string): Promise<string> {
  const dialing = host.dial(ECHO)
  dialing.write(Buffer.from(text))
  const { stream } = await dialing.opened
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const back = String((await chunks.next()).value)
  stream.on('error', () => {})
  stream.destroy()
  return back
}

/** End an agent's sessions to peers, so that it has to meet them anew. */
function forgetPeers({ membership }: LocalAgent): void {
  membership.peers.drop(() => true, new MeshError('link-closed', 'Session ended: for a test'))
}

test('two meet at a hub that only relays, also when they have to do so anew while the controller is away', async () => {
  await using mesh = await createLocalMesh()
  const [home, work] = [await mesh.join('home'), await mesh.join('work')]
  await using relay = await startRelayHub(mesh, home)
  await serveEcho(home)
  for (const agent of [home, work]) await untilLinked(agent, relay)
  assert.equal(await echo(work, 'first'), 'first')
  await until(() => relay.hub.describe().linkCount === 2, 'both have links')
  await mesh.stopHub()
  forgetPeers(work)
  assert.equal(await echo(work, 'alone'), 'alone')
  assert.ok(relay.hub.describe().relayedBytes > 0, 'over the hub that only relays')
  // So that the mesh can be disposed as usual.
  await mesh.restartHub()
})

test('a new service cannot be dialled while the controller is away, and the message says so', async () => {
  await using mesh = await createLocalMesh()
  const [home, work] = [await mesh.join('home'), await mesh.join('work')]
  await using relay = await startRelayHub(mesh, home)
  await serveEcho(home)
  for (const agent of [home, work]) await untilLinked(agent, relay)
  await mesh.stopHub()
  await assertRefused(echo(work, 'x'), 'offline', /no link to a hub/)
  await mesh.restartHub()
})

test('a hub that only relays introduces nobody without a good pass for just these two', async () => {
  await using mesh = await createLocalMesh()
  const admin = await mesh.join('admin')
  await using relay = await startRelayHub(mesh, admin)
  const members = [await mesh.member(), await mesh.member(), await mesh.member()] as const
  using dialler = await visitHub(relay.address, members[0])
  using acceptor = await visitHub(relay.address, members[1])
  using other = await visitHub(relay.address, members[2])
  for (const visit of [dialler, acceptor, other]) await openEvents(visit)('hello')
  using controller = await visitHub(mesh.address, members[0])
  const { endpoint } = members[1].identity
  const { pass } = await controller.call(CONTROLLER_API.openMeeting, { body: { endpoint } })

  const { ticket } = await dialler.call(HUB_API.openRelay, { body: { endpoint, pass } })
  assert.match(ticket, /^[\w-]{43}$/)
  const third = members[2].identity.endpoint
  const calls = [
    () => dialler.call(HUB_API.openRelay, { body: { endpoint } }),
    () => dialler.call(HUB_API.introduce, { body: { endpoint } }),
    () => dialler.call(HUB_API.openRelay, { body: { endpoint, pass: `${pass.slice(0, -2)}AA` } }),
    () => other.call(HUB_API.openRelay, { body: { endpoint, pass } }),
    () => dialler.call(HUB_API.openRelay, { body: { endpoint: third, pass } }),
  ]
  for (const call of calls) await assertRefused(call, 'bad-ticket')
  // It is no controller, and no way to one.
  await assertRefused(dialler.call(CONTROLLER_API.listEndpoints, {}), 'unsupported')
  await assertRefused(dialler.call(CONTROLLER_API.openMeeting, { body: { endpoint } }), 'unsupported')
  await assertRefused(dialler.call(HUB_API.hubLog, {}), 'denied')
})

test('a ticket of one hub is nothing at another', async () => {
  await using mesh = await createLocalMesh()
  const admin = await mesh.join('admin')
  await using relay = await startRelayHub(mesh, admin)
  const members = [await mesh.member(), await mesh.member()] as const
  using dialler = await visitHub(mesh.address, members[0])
  using acceptor = await visitHub(mesh.address, members[1])
  for (const visit of [dialler, acceptor]) await openEvents(visit)('hello')
  const { endpoint } = members[1].identity
  const { ticket } = await dialler.call(HUB_API.openRelay, { body: { endpoint } })
  const preface = encodeRelayPreface({ side: 'dial', ticket: Buffer.from(ticket, 'base64url') })
  const half = await openStranger(relay.address)
  half.socket.on('error', () => {})
  const closed = new Promise(resolve => half.socket.once('close', resolve))
  half.socket.write(preface)
  await closed
  assert.equal(relay.hub.describe().openTicketCount, 0)
})

test('a hub that only relays is nobody’s controller, and no false one is a hub that relays', async () => {
  await using mesh = await createLocalMesh()
  const admin = await mesh.join('admin')
  await using relay = await startRelayHub(mesh, admin)
  const { ca: rootPem } = parsePermit(mesh.permit)
  // Its certificate, shown where agents look for the controller.
  await using liar = await startFalseHub({ ...relay.credential, rootPem })
  await assertRefused(mesh.join('fooled', { permit: mesh.permitVia(liar.address) }), 'not-trusted')
  // Asked to lead on to the controller it plays it: nothing is said to it there.
  assert.deepEqual(liar.requests, ['CONNECT undefined'])
  // An endpoint, and another hub that only relays, where agents were told of this one.
  const member = await mesh.member()
  await using second = await startRelayHub(mesh, admin)
  await until(() => admin.membership.hubs.hubs.length === 2, 'the agent was told of both')
  for (const credential of [member, second.credential]) {
    await using impostor = await startFalseHub({ ...credential, rootPem })
    admin.membership.hubs.known([{ id: relay.id, names: [impostor.address] }])
    await until(() => impostor.connectionCount > 0, 'the agent came to it')
    await until(
      () => admin.membership.hubs.hubs[0]?.link?.state.state === 'waiting',
      'the agent has seen that it is not the one',
    )
    assert.deepEqual(impostor.requests, [])
  }
})

test('what hubs ask of the controller is for hubs of the mesh alone', async () => {
  await using mesh = await createLocalMesh()
  const admin = await mesh.join('admin')
  await using relay = await startRelayHub(mesh, admin)
  const report = {
    names: [relay.address],
    version: 'x',
    startedAtMs: 0,
    linkCount: 0,
    relayCount: 0,
    relayedBytes: 0,
    isFirst: true,
    opened: [],
    closed: [],
  }
  for (const credential of [await mesh.member(), undefined]) {
    using visit = await visitHub(mesh.address, credential)
    const answer = await visit.ask({ ':method': 'GET', ':path': HUB_FEED_PATH })
    assert.ok(answer instanceof MeshError && answer.code === 'not-trusted', String(answer))
    await assertRefused(visit.call(RELAY_HUB_API.reportHub, { body: report }), 'not-trusted')
  }
  // And what members ask is not for hubs.
  using asHub = await visitHub(mesh.address, relay.credential)
  await assertRefused(asHub.call(CONTROLLER_API.listEndpoints, {}), 'not-trusted')
  await assertRefused(asHub.call(CONTROLLER_API.createHub, { body: {} }), 'not-trusted')
  // Only administrators let hubs in.
  const guest = await mesh.join('guest', { permit: await mesh.invite('bob') })
  await assertRefused(guest.membership.link.call(CONTROLLER_API.createHub, { body: {} }), 'denied')
  const removal = { params: { hub: relay.id } }
  await assertRefused(guest.membership.link.call(CONTROLLER_API.removeHub, removal), 'denied')
})

test('agents believe a hub that only relays nothing but introductions', async () => {
  await using mesh = await createLocalMesh()
  const [home, work] = [await mesh.join('home'), await mesh.join('work')]
  await using relay = await startRelayHub(mesh, home)
  await serveEcho(home)
  for (const agent of [home, work]) await untilLinked(agent, relay)
  const { ca: rootPem } = parsePermit(mesh.permit)
  await using liar = await startFalseHub({ ...relay.credential, rootPem })
  work.membership.hubs.known([{ id: relay.id, names: [liar.address] }])
  await until(() => liar.requests.length > 0, 'the agent asked for its events')
  const { user, endpoint, mesh: id } = home.membership.self
  const hello = { hub: relay.id, names: [], version: 'x', timeMs: Date.now(), address: '1.2.3.4:5' }
  const eviction = { id: 'e', user, beforeMs: Date.now() + 1e9, by: 'root' }
  const nowhere = [{ id: relay.id, names: ['127.0.0.1:9'] }]
  const lies = [
    { event: 'hello', mesh: id, ...hello, evictions: [eviction], hubs: nowhere },
    { event: 'evicted', eviction },
    { event: 'removed', endpoint },
    { event: 'hosting-ended', endpoint, service: ECHO },
    { event: 'hubs-changed', hubs: nowhere },
    {
      event: 'access-revoked',
      revocation: { services: [ECHO], user, beforeMs: 8e15, reason: { code: 'denied', message: 'x' } },
    },
  ]
  for (const lie of lies) liar.tell(`${JSON.stringify(lie)}\n`)
  await untilLinked(work, relay)
  assert.equal(await echo(work, 'all is well'), 'all is well')
  assert.deepEqual(
    work.membership.hubs.hubs.map(({ names }) => names),
    [[liar.address]],
  )
})

test('an eviction reaches a hub that only relays', async t => {
  await using mesh = await createLocalMesh()
  const admin = await mesh.join('admin')
  const guest = await mesh.join('guest', { permit: await mesh.invite('bob') })
  await using relay = await startRelayHub(mesh, admin)
  for (const agent of [admin, guest]) await untilLinked(agent, relay)
  const startedMs = performance.now()
  await admin.membership.link.call(CONTROLLER_API.evict, { body: { user: parseUserName('bob') } })
  await until(() => relay.hub.describe().linkCount === 1, 'the link of who was evicted is gone')
  t.diagnostic(`${Math.round(performance.now() - startedMs)} ms from the call to the end of the link`)
  await until(
    () => guest.membership.hubs.hubs.every(({ isLinked }) => !isLinked),
    'and the agent is let in no more',
  )
})

test('who was removed while a hub did not hear the controller is put out when it does again', async () => {
  await using mesh = await createLocalMesh()
  const admin = await mesh.join('admin')
  await using relay = await startRelayHub(mesh, admin)
  await until(() => relay.isHeard, 'the hub hears the controller')
  const member = await mesh.member()
  await admin.membership.link.call(CONTROLLER_API.removeEndpoint, {
    params: { endpoint: member.identity.endpoint },
  })
  // It comes after the removal, which the hub had no reason to remember: its certificate is good.
  using visit = await visitHub(relay.address, member)
  const closing = await openEvents(visit)('closing')
  assert.equal(closing.code, 'not-trusted')
})

test('a hub that was put out is left by all, and let in no more', async () => {
  await using mesh = await createLocalMesh()
  const [home, work] = [await mesh.join('home'), await mesh.join('work')]
  await using relay = await startRelayHub(mesh, home)
  await serveEcho(home)
  for (const agent of [home, work]) await untilLinked(agent, relay)
  await until(() => relay.isHeard, 'the hub hears the controller')
  const { peers } = work.membership
  // Which is nearer is luck on one computer: the other is asked last.
  peers.leaveHub('controller', 0)
  assert.equal(await echo(work, 'over it'), 'over it')
  assert.deepEqual(
    peers.all.map(({ via }) => via),
    [relay.id],
  )
  await home.membership.link.call(CONTROLLER_API.removeHub, { params: { hub: relay.id } })
  await until(() => peers.all.every(({ via }) => via !== relay.id), 'no session goes by it')
  for (const { membership } of [home, work])
    await until(() => membership.hubs.hubs.length === 0, 'agents have left it')
  await until(() => relay.hub.describe().linkCount === 0, 'nobody is there')
  await until(() => !relay.isHeard, 'it hears nothing any more')
  using visit = await visitHub(mesh.address, relay.credential)
  const answer = await visit.ask({ ':method': 'GET', ':path': HUB_FEED_PATH })
  assert.ok(answer instanceof MeshError && answer.code === 'not-trusted', String(answer))
  assert.equal(await echo(work, 'over the other'), 'over the other')
})

test('a token lets one hub in, once', async () => {
  await using mesh: LocalMesh = await createLocalMesh()
  const admin = await mesh.join('admin')
  const { token } = await admin.membership.link.call(CONTROLLER_API.createHub, { body: {} })
  const permit = JSON.stringify({ ...parsePermit(mesh.permit), agent: {}, token })
  await assertRefused(mesh.join('sneaky', { permit }), 'bad-permit')
  await using relay = await startRelayHub(mesh, admin)
  const { hubs } = await admin.membership.link.call(HUB_API.listHubs, {})
  assert.deepEqual(
    hubs.map(({ isRelay = false, id }) => [isRelay, id]),
    [
      [false, mesh.hub.describe().id],
      [true, relay.id],
    ],
  )
})
