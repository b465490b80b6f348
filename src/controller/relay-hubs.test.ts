import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { suite, test } from 'node:test'
import type { RelayHubsPort } from '../core/api/controller.ts'
import { MAX_RELAY_HUBS } from '../core/api/hubs-api.ts'
import type { HubId } from '../core/model/ids.ts'
import { checkChain } from '../pki/check.ts'
import {
  type ControllerRig,
  createDevice,
  type Member,
  openControllerRig,
  STRANGER,
} from '../testing/controller-rig.ts'
import { createEdgeClient, dataOf } from '../testing/edge-client.ts'
import { assertRefused } from '../testing/refusal.ts'

const DAY = 86_400_000

function hubsOf(rig: ControllerRig): RelayHubsPort {
  const { relayHubs } = rig.controller
  assert.ok(relayHubs !== undefined)
  return relayHubs
}

/** What the hub's port would hand over. */
async function enrol(
  rig: ControllerRig,
  token: string,
  name: string,
  device?: Awaited<ReturnType<typeof createDevice>>,
) {
  const { request } = device ?? (await createDevice())
  const body = { request, token, names: [name], version: '0.1.0', timeMs: rig.clock.now() }
  const call = { body, params: undefined, query: undefined, caller: STRANGER }
  const answer = await hubsOf(rig).handlers.enrollHub(call)
  const identity = { kind: 'relay-hub', mesh: rig.authority.mesh, hub: answer.hub } as const
  return { ...answer, caller: { identity, address: '192.0.2.77:1', issuedAtMs: rig.clock.now() } }
}

async function letIn(rig: ControllerRig, admin: Member, name: string) {
  const { token } = await rig.ask('createHub', admin.caller, { body: {} })
  return enrol(rig, token, name)
}

function report(
  rig: ControllerRig,
  hub: Awaited<ReturnType<typeof enrol>>,
  opened: Member[],
  name = 'eu.example:1',
) {
  const links = opened.map(({ id, caller }) => ({
    endpoint: id,
    user: caller.identity?.kind === 'endpoint' ? caller.identity.user : ('' as never),
    issuedAtMs: caller.issuedAtMs ?? 0,
    address: '192.0.2.5:5',
  }))
  const status = { version: '1', startedAtMs: 5, linkCount: 1, relayCount: 2, relayedBytes: 3 }
  const body = { names: [name], ...status, isFirst: true, opened: links, closed: [] }
  return hubsOf(rig).handlers.reportHub({ body, params: undefined, query: undefined, caller: hub.caller })
}

suite('a hub that only relays', () => {
  test('gets a certificate of its own kind by a token, once, also when the answer was lost', async () => {
    await using rig = await openControllerRig()
    const admin = await rig.join({ name: 'admin' })
    const { token, hub } = await rig.ask('createHub', admin.caller, { body: {} })
    const device = await createDevice()
    const first = await enrol(rig, token, 'eu.example:1', device)
    assert.equal(first.hub, hub)
    const { rootCertificatePem: rootPem } = rig.authority
    const { identity } = checkChain(first.chain, { rootPem, now: rig.clock.now() })
    assert.deepEqual(identity, first.caller.identity)
    // It could say that it is reached at the controller's host: its certificate is good for no host name.
    assert.doesNotMatch(new X509Certificate(first.chain).subjectAltName ?? '', /DNS:|IP Address:/)
    assert.equal((await enrol(rig, token, 'eu.example:1', device)).hub, hub)
    await assertRefused(enrol(rig, token, 'eu.example:1'), 'permit-used')
    await assertRefused(
      enrol(rig, `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`, 'x:1'),
      'bad-permit',
    )
    await assertRefused(enrol(rig, token, 'no-port', device), 'bad-input')
  })

  test('is not let in by a token that has ended, and no more of them than there may be', async () => {
    await using rig = await openControllerRig()
    const admin = await rig.join({ name: 'admin' })
    const { token } = await rig.ask('createHub', admin.caller, { body: {} })
    for (let i = 1; i < MAX_RELAY_HUBS; i++) await rig.ask('createHub', admin.caller, { body: {} })
    await assertRefused(rig.ask('createHub', admin.caller, { body: {} }), 'too-many')
    rig.clock.advance(DAY)
    await assertRefused(enrol(rig, token, 'eu.example:1'), 'permit-expired')
    // Those that nobody used make room.
    await rig.ask('createHub', admin.caller, { body: {} })
  })

  test('is told to all with where it is reached, stays over a restart, and is gone when it was put out', async () => {
    await using rig = await openControllerRig()
    const admin = await rig.join({ name: 'admin' })
    const hub = await letIn(rig, admin, 'eu.example:1')
    await rig.reopen()
    await report(rig, hub, [], 'eu.example:2')
    const changes = rig.changes.flatMap(change => (change.change === 'hubs-changed' ? [change.hubs] : []))
    const at = (name: string) => [{ id: hub.hub, names: [name] }]
    assert.deepEqual(changes, [at('eu.example:1'), at('eu.example:2')])
    assert.deepEqual(hubsOf(rig).known(), at('eu.example:2'))
    await rig.ask('removeHub', admin.caller, { params: { hub: hub.hub } })
    assert.deepEqual(hubsOf(rig).known(), [])
    await assertRefused(report(rig, hub, []), 'not-trusted')
    await assertRefused(rig.ask('removeHub', admin.caller, { params: { hub: hub.hub } }), 'not-found')
    await assertRefused(rig.ask('removeHub', admin.caller, { params: { hub: rig.hub } }), 'denied')
  })

  test('is drained and used again by administrators, as long as another hub is there to take over', async () => {
    await using rig = await openControllerRig()
    const admin = await rig.join({ name: 'admin' })
    const guest = await rig.joinAs('bob', 'guest')
    const own = { params: { hub: rig.hub }, body: { isDraining: true } }
    await assertRefused(rig.ask('drainHub', admin.caller, own), 'conflict', /no other hub/)
    const hub = await letIn(rig, admin, 'eu.example:1')
    const drain = (isDraining: boolean) => ({ params: { hub: hub.hub }, body: { isDraining } })
    await assertRefused(rig.ask('drainHub', guest.caller, drain(true)), 'denied')
    await assertRefused(rig.ask('drainHub', hub.caller, drain(true)), 'not-trusted')
    const nobody = { ...drain(true), params: { hub: '00000000-0000-4000-8000-000000000000' as HubId } }
    await assertRefused(rig.ask('drainHub', admin.caller, nobody), 'not-found')

    const changes: unknown[] = []
    rig.controller.onChange(change => void changes.push(change))
    await rig.ask('drainHub', admin.caller, drain(true))
    const drained = [{ id: hub.hub, names: ['eu.example:1'], isDraining: true }]
    assert.deepEqual(changes, [{ change: 'hubs-changed', hubs: drained }])
    assert.deepEqual(hubsOf(rig).known(), drained)
    assert.equal(hubsOf(rig).list()[0]?.isDraining, true)
    // It would be the last.
    hubsOf(rig).connected(hub.hub)
    await assertRefused(rig.ask('drainHub', admin.caller, own), 'conflict')
    await rig.ask('drainHub', admin.caller, drain(false))
    assert.deepEqual(hubsOf(rig).known(), [{ id: hub.hub, names: ['eu.example:1'] }])
    await rig.ask('drainHub', admin.caller, own)
    assert.equal(rig.controller.isDraining(), true)
    await assertRefused(rig.ask('drainHub', admin.caller, drain(true)), 'conflict')
    await rig.ask('drainHub', admin.caller, { ...own, body: { isDraining: false } })
    assert.equal(rig.controller.isDraining(), false)
  })

  test('is told whose links it must end, and a pass says at which hubs a peer is', async () => {
    await using rig = await openControllerRig()
    const admin = await rig.join({ name: 'admin' })
    const [laptop, evicted] = [await rig.join({ name: 'laptop' }), await rig.joinAs('bob', 'phone')]
    const hub = await letIn(rig, admin, 'eu.example:1')
    const gone = hubsOf(rig).connected(hub.hub)
    await rig.ask('evict', admin.caller, { body: { user: 'bob' as never } })
    const { refused } = await report(rig, hub, [laptop, evicted])
    assert.deepEqual(
      refused.map(({ endpoint, error }) => [endpoint, error.code]),
      [[evicted.id, 'evicted']],
    )
    const hubsWith = async () =>
      (await rig.ask('openMeeting', admin.caller, { body: { endpoint: laptop.id } })).hubs
    assert.deepEqual(await hubsWith(), [hub.hub])
    gone()
    assert.deepEqual(await hubsWith(), [], 'nothing is known of a hub that is not heard of')
  })

  test('no pass is given to meet somebody whom the asker may not', async () => {
    await using rig = await openControllerRig()
    await rig.join({ name: 'admin' })
    const [ann, bob] = [await rig.joinAs('ann', 'pc'), await rig.joinAs('bob', 'phone')]
    await assertRefused(rig.ask('openMeeting', ann.caller, { body: { endpoint: bob.id } }), 'denied')
  })
})

interface Router {
  readonly id: HubId
  readonly isOnline: boolean
  readonly supportedProtocols: Record<string, string>
}

test('every hub is an edge router, and sessions list first those at which the two may meet near by', async () => {
  await using rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  const [near, far] = [
    await letIn(rig, edge.root, 'eu.example:1'),
    await letIn(rig, edge.root, 'us.example:1'),
  ]
  const server = await rig.joinAs('bob', 'server')
  const alice = await rig.joinAs('alice', 'laptop')
  const serviceId = await edge.create('services', { name: 'db', encryptionRequired: true })
  const policy = { semantic: 'AnyOf', serviceRoles: ['@db'] }
  await edge.create('service-policies', { ...policy, name: 'd', type: 'Dial', identityRoles: ['@alice'] })
  await edge.create('service-policies', { ...policy, name: 'b', type: 'Bind', identityRoles: ['@bob'] })
  await rig.ask('host', server.caller, {
    params: { service: 'tcp/db' as never },
    body: { access: { users: [], entrances: [], policies: true } },
  } as never)
  const routersNow = async () => {
    const answer = await edge.ask('POST', '/sessions', { caller: alice.caller, body: { serviceId } })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    return dataOf<{ edgeRouters: Router[] }>(answer).edgeRouters
  }
  hubsOf(rig).connected(near.hub)
  hubsOf(rig).connected(far.hub)
  await report(rig, far, [server], 'us.example:1')
  await report(rig, near, [server, alice], 'eu.example:1')
  const routers = await routersNow()
  assert.deepEqual(
    routers.map(({ id, isOnline }) => [id, isOnline]),
    [
      [near.hub, true],
      [rig.hub, true],
      [far.hub, true],
    ],
  )
  assert.deepEqual(routers[0]?.supportedProtocols, { 'ztm-relay': 'ztm-relay://eu.example:1' })
  await report(rig, near, [alice], 'eu.example:1')
  assert.deepEqual(
    (await routersNow()).map(({ id }) => id),
    [rig.hub, far.hub, near.hub],
  )
  await rig.ask('removeHub', edge.root.caller, { params: { hub: near.hub } })
  const left = dataOf<Router[]>(await edge.manage('GET', '/edge-routers'))
  assert.deepEqual(left.map(({ id }) => id).sort(), [rig.hub, far.hub].sort())
})
