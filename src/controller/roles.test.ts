import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ServiceName } from '../core/model/names.ts'
import { type Member, openControllerRig } from '../testing/controller-rig.ts'
import { createEdgeClient } from '../testing/edge-client.ts'
import { assertRefused } from '../testing/refusal.ts'

async function openWithPeople(options: Parameters<typeof openControllerRig>[0] = {}) {
  const rig = await openControllerRig(options)
  const root = await rig.join({ name: 'home' })
  const [ann, bob] = [await rig.joinAs('ann', 'one'), await rig.joinAs('bob', 'two')]
  const setRole = (user: string, role: 'admin' | 'member', by: Member = root) =>
    rig.ask('updateUser', by.caller, { params: { user }, body: { role } })
  const evict = (user: string, by: Member = root) => rig.ask('evict', by.caller, { body: { user } })
  return { rig, root, ann, bob, setRole, evict, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() }
}

suite('administrators', () => {
  test('may do what root may, from the moment they are, and after a restart', async () => {
    await using mesh = await openWithPeople()
    const { rig, ann, setRole } = mesh
    const acts: (() => Promise<unknown>)[] = [
      () => rig.ask('invite', ann.caller, { body: { user: 'carol' } }),
      () => rig.ask('listInvitations', ann.caller),
      () => rig.ask('createGroup', ann.caller, { body: { name: 'ops' } }),
      () => rig.ask('evict', ann.caller, { body: { user: 'carol' } }),
      () => setRole('bob', 'admin', ann),
    ]
    for (const act of acts) await assertRefused(act(), 'denied', /ask an administrator/)
    assert.equal(rig.controller.mayAdminister(ann.identity).allow, false)
    const made = await setRole('ann', 'admin')
    assert.deepEqual([made.isAdmin, made.admin?.by], [true, 'root'])
    await rig.reopen()
    for (const act of acts) await act()
    assert.equal(rig.controller.mayAdminister(ann.identity).allow, true)
    const { users } = await rig.ask('listUsers', ann.caller)
    assert.deepEqual(
      users.filter(({ isAdmin }) => isAdmin).map(({ name }) => name),
      ['ann', 'bob', 'root'],
    )
    assert.deepEqual(
      rig.log.fieldsOf('role.changed').map(({ user, role, by }) => [user, role, by]),
      [
        ['ann', 'admin', 'root'],
        ['bob', 'admin', 'ann'],
      ],
    )
  })

  test('are no more so when they are made members, at once', async () => {
    await using mesh = await openWithPeople()
    const { rig, ann, setRole } = mesh
    await setRole('ann', 'admin')
    await setRole('bob', 'admin', ann)
    await setRole('ann', 'member', mesh.bob)
    await assertRefused(setRole('bob', 'member', ann), 'denied')
    assert.equal(rig.controller.mayAdminister(ann.identity).allow, false)
    await setRole('bob', 'member', mesh.bob)
    await assertRefused(setRole('bob', 'admin', mesh.bob), 'denied')
  })

  test('cannot touch root, nor become it', async () => {
    await using mesh = await openWithPeople()
    const { rig, root, ann, setRole, evict } = mesh
    await setRole('ann', 'admin')
    await assertRefused(setRole('root', 'member', ann), 'denied', /root always administers/)
    await assertRefused(setRole('root', 'member', root), 'denied')
    await assertRefused(evict('root', ann), 'denied')
    await assertRefused(rig.ask('invite', ann.caller, { body: { user: 'root' } }), 'denied', /only root may/)
    await rig.ask('invite', root.caller, { body: { user: 'root' } })
    assert.equal((await setRole('root', 'admin', ann)).isAdmin, true)
    assert.equal(rig.log.fieldsOf('role.changed').length, 1)
  })

  test('are none once they were evicted, also when that is undone or they are invited again', async () => {
    await using mesh = await openWithPeople()
    const { rig, root, ann, setRole, evict } = mesh
    await setRole('ann', 'admin')
    await rig.ask('createGroup', root.caller, { body: { name: 'ops', users: ['ann', 'bob'] } })
    const { id } = await evict('ann')
    assert.equal(rig.controller.mayAdminister(ann.identity).allow, false)
    await assertRefused(setRole('ann', 'admin'), 'denied', /evicted: invite them again/)
    await rig.ask('undoEviction', root.caller, { params: { eviction: id } })
    const shown = await rig.ask('showUser', root.caller, { params: { user: 'ann' } })
    assert.deepEqual([shown.isAdmin, shown.groups, shown.isEvicted], [false, [], false])
    await assertRefused(rig.ask('listInvitations', ann.caller), 'denied')
    await evict('ann')
    const again = await rig.joinAs('ann', 'three')
    await assertRefused(rig.ask('listInvitations', again.caller), 'denied')
    await setRole('ann', 'admin')
    assert.equal((await rig.ask('listInvitations', again.caller)).invitations.length > 0, true)
  })

  test('are users that are known, not identities, and not too many', async () => {
    await using mesh = await openWithPeople({ limits: { administrators: 1 } })
    const { rig, setRole } = mesh
    await assertRefused(setRole('nobody', 'admin'), 'not-found')
    const edge = await createEdgeClient(rig)
    const identity = await edge.create('identities', { name: 'worker', type: 'Device', isAdmin: false })
    await assertRefused(setRole(identity, 'admin'), 'denied', /update the identity/)
    await setRole('ann', 'admin')
    await setRole('ann', 'admin')
    await assertRefused(setRole('bob', 'admin'), 'too-many')
  })

  test('manage the Edge APIs, and dial what is declared: that ends with their role', async () => {
    await using mesh = await openWithPeople()
    const { rig, ann, bob, setRole } = mesh
    const edge = await createEdgeClient(rig)
    const service = await edge.create('services', { name: 'db', encryptionRequired: true })
    const base = { name: 'hosts', type: 'Bind', semantic: 'AnyOf', identityRoles: ['@bob'] }
    await edge.create('service-policies', { ...base, serviceRoles: [`@${service}`] })
    const params = { service: 'tcp/db' as ServiceName }
    await rig.ask('host', bob.caller, { params, body: { access: { policies: true } } })
    const dial = () => rig.ask('openSession', ann.caller, { body: params })
    const manage = async () => {
      const request = new Request('https://hub/edge/management/v1/identities')
      return (await rig.controller.edge(request, ann.caller)).response.status
    }
    await assertRefused(dial(), 'denied')
    assert.equal(await manage(), 401)
    await setRole('ann', 'admin')
    assert.equal((await dial()).service.hostings.length, 1)
    assert.equal(await manage(), 200)
    rig.changes.length = 0
    await setRole('ann', 'member')
    const revoked = rig.changes.flatMap(one => (one.change === 'access-revoked' ? [one] : []))
    assert.deepEqual(
      revoked.map(({ revocation: { user, endpoint, services }, hosts }) => [user, endpoint, services, hosts]),
      [['ann', ann.id, ['tcp/db'], [bob.id]]],
    )
    await assertRefused(dial(), 'denied')
    assert.equal(await manage(), 401)
  })

  test('of the Edge APIs alone, too, lose what is open by that when they are none', async () => {
    await using mesh = await openWithPeople()
    const { rig, bob } = mesh
    const edge = await createEdgeClient(rig)
    const serviceId = await edge.create('services', { name: 'db', encryptionRequired: true })
    const base = { name: 'hosts', type: 'Bind', semantic: 'AnyOf', identityRoles: ['@bob'] }
    await edge.create('service-policies', { ...base, serviceRoles: [`@${serviceId}`] })
    const params = { service: 'tcp/db' as ServiceName }
    await rig.ask('host', bob.caller, { params, body: { access: { policies: true } } })
    const { identityId, token } = await edge.logIn('operator', { isAdmin: true })
    const session = await edge.ask('POST', '/sessions', { token, body: { serviceId, type: 'Dial' } })
    assert.equal(session.status, 201)
    rig.changes.length = 0
    await edge.manage('PATCH', `/identities/${identityId}`, { isAdmin: false })
    assert.deepEqual(
      rig.changes.flatMap(one => (one.change === 'access-revoked' ? [one.revocation.user] : [])),
      [identityId],
    )
  })
})

suite('users', () => {
  test('are shown with groups, role and when they were seen; invitations to administrators alone', async () => {
    await using mesh = await openWithPeople()
    const { rig, root, ann } = mesh
    await rig.invite('ann')
    await rig.ask('createGroup', root.caller, { body: { name: 'ops', users: ['ann'] } })
    const show = (by: Member, user = 'ann') => rig.ask('showUser', by.caller, { params: { user } })
    const never = await show(root)
    assert.deepEqual(
      [never.groups, never.isAdmin, never.lastSeenMs, never.endpointCount, never.invitations?.length],
      [['ops'], false, undefined, 1, 1],
    )
    assert.equal((await show(ann)).invitations, undefined)
    rig.controller.connected(ann.id, '192.0.2.1:1', rig.clock.now())
    rig.clock.advance(5_000)
    const seenMs = rig.clock.now()
    rig.controller.disconnected(ann.id, seenMs)
    rig.clock.advance(60_000)
    const { users } = await rig.ask('listUsers', mesh.bob.caller)
    assert.deepEqual(
      users.map(({ name, lastSeenMs, onlineCount }) => [name, lastSeenMs, onlineCount]),
      [
        ['ann', seenMs, 0],
        ['bob', undefined, 0],
        ['root', undefined, 0],
      ],
    )
    await assertRefused(show(root, 'nobody'), 'not-found')
  })

  test('are identities to service policies, with their groups as attributes, and so are their endpoints', async () => {
    await using mesh = await openWithPeople()
    const { rig, root, ann, bob } = mesh
    const edge = await createEdgeClient(rig)
    const service = await edge.create('services', { name: 'db', encryptionRequired: true })
    const policy = (name: string, type: string, role: string) =>
      edge.create('service-policies', {
        name,
        type,
        semantic: 'AnyOf',
        identityRoles: [role],
        serviceRoles: [`@${service}`],
      })
    await policy('hosts', 'Bind', '@bob')
    await policy('ops', 'Dial', '#ops')
    const params = { service: 'tcp/db' as ServiceName }
    await rig.ask('host', bob.caller, { params, body: { access: { policies: true } } })
    const dial = () => rig.ask('openSession', ann.caller, { body: params })
    await assertRefused(dial(), 'denied')
    await rig.ask('createGroup', root.caller, { body: { name: 'ops', users: ['ann'] } })
    await dial()
    const { body } = await edge.manage('GET', '/identities/ann')
    const { data } = body as { data: { roleAttributes: string[]; isAdmin: boolean } }
    assert.deepEqual([data.roleAttributes, data.isAdmin], [['ops'], false])
    rig.changes.length = 0
    await rig.ask('deleteGroup', root.caller, { params: { group: 'ops' } })
    assert.deepEqual(
      rig.changes.map(({ change }) => change),
      ['groups-changed', 'access-revoked'],
    )
    await assertRefused(dial(), 'denied')
  })
})
