import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTROLLER_API, HUB_API } from '../core/api/hub-api.ts'
import type { HubId } from '../core/model/ids.ts'
import { parseServiceName } from '../core/model/names.ts'
import { visitHub } from '../testing/hub-visit.ts'
import { createLocalMesh, type LocalAgent } from '../testing/local-mesh.ts'
import { assertRefused } from '../testing/refusal.ts'
import { type RelayHubRig, startRelayHub } from '../testing/relay-hub-rig.ts'
import { until } from '../testing/until.ts'

// Hubs that are drained: in one process, over real sockets.

const ECHO = parseServiceName('tcp/echo')

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

/** A stream to the echo that says one thing after the other. */
async function openEcho({ host }: LocalAgent) {
  const dialing = host.dial(ECHO)
  dialing.write(Buffer.from('0'))
  const { stream } = await dialing.opened
  stream.on('error', () => {})
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let back = String((await chunks.next()).value)
  return {
    /** @returns all that came back so far, this among it */
    async say(text: string): Promise<string> {
      stream.write(Buffer.from(text))
      while (!back.endsWith(text)) back += String((await chunks.next()).value)
      return back
    },
    [Symbol.dispose]: () => void stream.destroy(),
  }
}

function drain({ membership }: LocalAgent, hub: HubId, isDraining: boolean): Promise<unknown> {
  return membership.link.call(CONTROLLER_API.drainHub, { params: { hub }, body: { isDraining } })
}

function isLinked({ membership }: LocalAgent, { id }: RelayHubRig): boolean {
  return membership.hubs.hubs.some(hub => hub.id === id && hub.isLinked)
}

function viasOf({ membership }: LocalAgent): unknown[] {
  return membership.peers.all.map(({ via }) => via)
}

test('a hub that only relays is left when it is drained, without a loss, and used again when that is undone', {
  timeout: 120_000,
}, async () => {
  await using mesh = await createLocalMesh()
  const [home, work] = [await mesh.join('home'), await mesh.join('work')]
  await using relay = await startRelayHub(mesh, home)
  await serveEcho(home)
  for (const agent of [home, work])
    await until(() => isLinked(agent, relay), 'there is a link to the hub that only relays')
  await until(() => relay.isHeard, 'the hub hears the controller')
  // Which is nearer is luck on one computer: the other is asked last.
  work.membership.peers.leaveHub('controller', 0)
  using stream = await openEcho(work)
  assert.deepEqual(viasOf(work), [relay.id])

  await drain(home, relay.id, true)
  await until(() => viasOf(work).join() === 'controller', 'the session goes by the other hub')
  assert.equal(await stream.say('1'), '01')
  await until(() => relay.hub.describe().relayCount === 0, 'nothing is relayed')
  for (const agent of [home, work]) await until(() => !isLinked(agent, relay), 'agents have left it')
  await until(() => relay.hub.describe().linkCount === 0, 'it has no links')
  const { hubs } = await work.membership.link.call(HUB_API.listHubs, {})
  assert.deepEqual(
    hubs.map(({ isDraining = false }) => isDraining),
    [false, true],
  )
  // Whoever comes all the same, as an agent of before would, is sent on.
  const member = await mesh.member()
  using visit = await visitHub(relay.address, member)
  const answer = await visit.ask({ ':method': 'GET', ':path': '/api/events' })
  assert.match(String(answer), /being drained/)
  const meeting = { body: { endpoint: home.membership.self.endpoint } }
  await assertRefused(visit.call(HUB_API.openRelay, meeting), 'offline', /being drained/)

  await drain(home, relay.id, false)
  for (const agent of [home, work]) await until(() => isLinked(agent, relay), 'agents come back')
  assert.equal(await stream.say('2'), '012')
})

test('the hub with the controller is drained of what it relays, and keeps its links', {
  timeout: 120_000,
}, async () => {
  await using mesh = await createLocalMesh()
  const [home, work] = [await mesh.join('home'), await mesh.join('work')]
  await using relay = await startRelayHub(mesh, home)
  await serveEcho(home)
  for (const agent of [home, work])
    await until(() => isLinked(agent, relay), 'there is a link to the hub that only relays')
  await until(() => relay.isHeard, 'the hub hears the controller')
  work.membership.peers.leaveHub(relay.id, 0)
  using stream = await openEcho(work)
  assert.deepEqual(viasOf(work), ['controller'])

  const own = mesh.hub.describe().id
  await drain(home, own, true)
  await until(() => viasOf(work).join() === relay.id, 'the session goes by the other hub')
  assert.equal(await stream.say('1'), '01')
  await until(() => mesh.hub.describe().relayCount === 0, 'nothing is relayed')
  assert.equal(mesh.hub.describe().linkCount, 2)
  const meeting = { body: { endpoint: home.membership.self.endpoint } }
  await assertRefused(work.membership.link.call(HUB_API.openRelay, meeting), 'offline', /being drained/)
  await assertRefused(drain(home, relay.id, true), 'conflict')
  await drain(home, own, false)
  await work.membership.link.call(HUB_API.openRelay, meeting)
})
