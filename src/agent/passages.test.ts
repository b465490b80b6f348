import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { PASSAGE_AUTHORITY, PASSAGE_HEADER } from '../core/api/passage.ts'
import { MeshError } from '../core/model/errors.ts'
import { parsePermit } from '../core/model/permit.ts'
import { startFalseHub } from '../testing/false-hub.ts'
import { type HubVisit, openEvents, visitHub } from '../testing/hub-visit.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'
import { assertRefused } from '../testing/refusal.ts'
import { startRelayHub } from '../testing/relay-hub-rig.ts'
import { openStranger } from '../testing/stranger.ts'
import { until } from '../testing/until.ts'

// Passages through one hub to another, in one process over real sockets. Whole networks: src/e2e/hub-passages.test.ts.

const passage = (hub: string) => ({
  ':method': 'CONNECT',
  ':authority': PASSAGE_AUTHORITY,
  [PASSAGE_HEADER]: hub,
})

/** Open one and leave it open. @returns its status */
async function hold({ session }: HubVisit, hub: string): Promise<number> {
  const stream = session.request(passage(hub))
  stream.on('error', () => {})
  const [headers] = await once(stream, 'response')
  return Number(headers[':status'])
}

test('a permit names all hubs, and an agent joins through one that only relays', async () => {
  await using mesh = await createLocalMesh()
  const admin = await mesh.join('admin')
  await using relay = await startRelayHub(mesh, admin)
  await until(() => relay.isHeard, 'the hub hears the controller')
  const permit = await mesh.controller.rootPermit()
  assert.deepEqual(permit.bootstraps.slice(-1), [relay.address])
  const home = await mesh.join('home', { permit: mesh.permitVia(relay.address) })
  const { record } = home.membership
  assert.ok(!record.bootstraps.includes(relay.address), 'where the controller is was learned')
  assert.deepEqual(record.hubs, [{ id: relay.id, names: [relay.address] }])
})

test('through a hub that lies nobody joins, and it is told nothing', async () => {
  await using mesh = await createLocalMesh()
  const admin = await mesh.join('admin')
  await using relay = await startRelayHub(mesh, admin)
  const { ca: rootPem } = parsePermit(mesh.permit)
  await using liar = await startFalseHub({ ...relay.credential, rootPem })
  await assertRefused(mesh.join('fooled', { permit: mesh.permitVia(liar.address) }), 'not-trusted')
  assert.deepEqual(liar.requests, ['CONNECT undefined'])
})

test('a passage leads to hubs of the mesh and nowhere else', async () => {
  await using mesh = await createLocalMesh()
  const admin = await mesh.join('admin')
  await using relay = await startRelayHub(mesh, admin)
  await using second = await startRelayHub(mesh, admin)
  const member = await mesh.member()
  using visit = await visitHub(relay.address, member)
  using atController = await visitHub(mesh.address, member)
  for (const one of [visit, atController]) await openEvents(one)('hello')
  await until(async () => (await visit.ask(passage(second.id))) === 200, 'it was told of the other')
  assert.equal(await visit.ask(passage('controller')), 200)
  assert.equal(await atController.ask(passage(relay.id)), 200)
  const foreign = '00000000-0000-4000-8000-000000000000'
  const refused: [HubVisit, string, string][] = [
    [visit, foreign, 'not-found'],
    [visit, '127.0.0.1:22', 'bad-message'],
    [visit, '', 'bad-message'],
    [atController, 'controller', 'not-found'],
  ]
  for (const [who, where, code] of refused) {
    const answer = await who.ask(passage(where))
    assert.ok(answer instanceof MeshError && answer.code === code, `${where}: ${answer}`)
  }
  // Whoever was removed by its administrator is no place to lead to any more.
  await admin.membership.link.call(CONTROLLER_API.removeHub, { params: { hub: second.id } })
  await until(async () => (await visit.ask(passage(second.id))) instanceof MeshError, 'it is known no more')
})

test('strangers have few passages, and members not as many as they like', async () => {
  await using mesh = await createLocalMesh()
  const admin = await mesh.join('admin')
  await using relay = await startRelayHub(mesh, admin)
  using stranger = await visitHub(relay.address)
  const statuses: number[] = []
  for (let i = 0; i < 6; i += 1) statuses.push(await hold(stranger, 'controller'))
  assert.deepEqual(statuses, [200, 200, 200, 200, 429, 429])
  // Whoever has joined is not kept out by them.
  using member = await visitHub(relay.address, await mesh.member())
  assert.equal(await hold(member, 'controller'), 200)
  const held = await Promise.all(Array.from({ length: 200 }, () => hold(member, 'controller')))
  const openCount = held.filter(status => status === 200).length
  assert.ok(openCount > 20 && openCount < 128, `${openCount} of 200 were opened`)
  assert.ok(held.every(status => status === 200 || status === 429))
})

test('a connection that says twice that it was carried is no hub’s', async () => {
  await using mesh = await createLocalMesh()
  const stranger = await openStranger(mesh.address)
  stranger.socket.write('CC')
  await stranger.closedAfterMs
  const slow = await openStranger(mesh.address)
  slow.socket.write('C')
  slow.socket.write(Buffer.from([0x16, 0x03, 0x01]))
  slow.socket.end()
  await slow.closedAfterMs
})
