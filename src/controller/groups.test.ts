import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ControllerChange } from '../core/api/controller.ts'
import type { ServiceName } from '../core/model/names.ts'
import { formatSpiffeId } from '../core/model/spiffe-id.ts'
import { checkSessionTicket, MAX_TICKET_GROUPS } from '../pki/session-ticket.ts'
import {
  type ControllerRig,
  createDevice,
  type Member,
  openControllerRig,
  STRANGER,
} from '../testing/controller-rig.ts'
import { createEdgeClient } from '../testing/edge-client.ts'
import { assertRefused } from '../testing/refusal.ts'

const WEB = 'tcp/web' as ServiceName

async function openWithPeople(limits: Parameters<typeof openControllerRig>[0] = {}) {
  const rig = await openControllerRig(limits)
  const root = await rig.join({ name: 'home' })
  const [alice, bob, carol] = [
    await rig.joinAs('alice', 'one'),
    await rig.joinAs('bob', 'two'),
    await rig.joinAs('carol', 'three'),
  ]
  rig.changes.length = 0
  const create = (name: string, users: string[] = [], by: Member = root) =>
    rig.ask('createGroup', by.caller, { body: { name, users } })
  type Update = Record<'addUsers' | 'removeUsers' | 'addLabels' | 'removeLabels', string[]> & { name: string }
  const update = (group: string, body: Partial<Update>) =>
    rig.ask('updateGroup', root.caller, { params: { group }, body })
  return {
    rig,
    root,
    alice,
    bob,
    carol,
    create,
    update,
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  }
}

function groupsOf(rig: ControllerRig, by: Member, ticket: string) {
  const { identity } = by
  const check = { rootPem: rig.authority.rootCertificatePem, now: rig.clock.now(), service: WEB }
  return checkSessionTicket(ticket, { ...check, dialler: formatSpiffeId(identity) }).groups
}

const told = (changes: ControllerChange[]) =>
  changes.flatMap(one => (one.change === 'groups-changed' ? [one] : []))

suite('groups', () => {
  test('are made, listed, changed and deleted, and outlive a restart', async () => {
    await using mesh = await openWithPeople()
    const { rig, root, create, update } = mesh
    const made = await create('ops', ['carol', 'bob', 'bob'])
    assert.deepEqual([made.name, made.users], ['ops', ['bob', 'carol']])
    await create('sales')
    await update('ops', { name: 'operators', addUsers: ['alice'], removeUsers: ['carol'] })
    await rig.reopen()
    const list = async (user?: string) => {
      const { groups } = await rig.ask('listGroups', root.caller, { query: user ? { user } : {} })
      return groups.map(({ name, users }) => [name, users])
    }
    assert.deepEqual(await list(), [
      ['operators', ['alice', 'bob']],
      ['sales', []],
    ])
    assert.deepEqual(await list('bob'), [['operators', ['alice', 'bob']]])
    await assertRefused(rig.ask('showGroup', root.caller, { params: { group: 'ops' } }), 'not-found')
    await rig.ask('deleteGroup', root.caller, { params: { group: 'sales' } })
    assert.equal((await list()).length, 1)
    assert.deepEqual(
      ['group.made', 'group.changed', 'group.deleted'].map(event => rig.log.fieldsOf(event).length),
      [2, 1, 1],
    )
  })

  test('are changed by administrators alone, and seen by members alone', async () => {
    await using mesh = await openWithPeople()
    const { rig, bob, create } = mesh
    await create('ops', ['bob'])
    await assertRefused(create('mine', ['bob'], bob), 'denied', /ask an administrator/)
    const params = { group: 'ops' }
    await assertRefused(
      rig.ask('updateGroup', bob.caller, { params, body: { addUsers: ['alice'] } }),
      'denied',
    )
    await assertRefused(rig.ask('deleteGroup', bob.caller, { params }), 'denied')
    assert.deepEqual((await rig.ask('showGroup', bob.caller, { params })).users, ['bob'])
    await assertRefused(rig.ask('listGroups', STRANGER), 'not-trusted')
  })

  test('take no users that nobody knows, no name that reads like another, no change that says two things', async () => {
    await using mesh = await openWithPeople()
    const { create, update } = mesh
    await create('ops', ['bob'])
    await assertRefused(create('others', ['nobody']), 'not-found', /no user "nobody": invite them first/)
    await assertRefused(create('OPS'), 'name-taken', /there is a group "ops"/)
    await create('sales')
    await assertRefused(update('sales', { name: 'Ops' }), 'name-taken')
    assert.equal((await update('sales', { name: 'Sales' })).name, 'Sales')
    await assertRefused(update('ops', { removeUsers: ['alice'] }), 'not-found', /alice is not in it/)
    await assertRefused(update('ops', { addUsers: ['bob'], removeUsers: ['bob'] }), 'bad-input')
    await assertRefused(update('gone', {}), 'not-found')
  })

  test('answer too-many over each limit', async () => {
    const limits = { groups: MAX_TICKET_GROUPS + 2, usersPerGroup: 2, groupMembers: MAX_TICKET_GROUPS + 2 }
    await using mesh = await openWithPeople({ limits })
    const { create, update } = mesh
    await assertRefused(create('big', ['alice', 'bob', 'carol']), 'too-many', /at most 2 users in a group/)
    for (let i = 0; i < MAX_TICKET_GROUPS; i++) await create(`g${i}`, ['bob'])
    await assertRefused(create('more', ['bob']), 'too-many', /at most 32 groups of bob/)
    await create('more', ['alice', 'carol'])
    await assertRefused(update('g1', { addUsers: ['alice'] }), 'too-many', /users in all groups/)
    await create('last')
    await assertRefused(create('over'), 'too-many', /at most 34 groups/)
  })

  test('have names that fit a session ticket together', async () => {
    await using mesh = await openWithPeople()
    const { create, update } = mesh
    const long = (i: number) => `${'\u6f22'.repeat(60)}${i}`
    for (let i = 0; i < 11; i++) await create(long(i), ['bob'])
    await assertRefused(create(long(11), ['bob']), 'too-many', /at most 2048 bytes of names/)
    await create('short', ['bob'])
    await assertRefused(update('short', { name: long(12) }), 'too-many')
  })

  test('let in who is in one of them, and nobody by one that is empty or gone', async () => {
    await using mesh = await openWithPeople()
    const { rig, root, alice, bob, carol, create, update } = mesh
    await create('ops', ['bob'])
    await rig.ask('host', alice.caller, {
      params: { service: WEB },
      body: { access: { groups: ['ops', 'ops', 'gone'] } },
    })
    const dial = (by: Member) => rig.ask('openSession', by.caller, { body: { service: WEB } })
    assert.deepEqual(groupsOf(rig, bob, (await dial(bob)).ticket), ['ops'])
    assert.equal(rig.controller.mayMeet(bob.identity, alice.id).allow, true)
    assert.equal((await rig.ask('listServices', bob.caller)).services.length, 1)
    await assertRefused(dial(carol), 'denied')
    await update('ops', { addUsers: ['carol'], removeUsers: ['bob'] })
    await assertRefused(dial(bob), 'denied')
    assert.equal(rig.controller.mayMeet(bob.identity, alice.id).allow, false)
    assert.deepEqual(groupsOf(rig, carol, (await dial(carol)).ticket), ['ops'])
    await update('ops', { name: 'operators' })
    await assertRefused(dial(carol), 'denied')
    await rig.ask('deleteGroup', root.caller, { params: { group: 'operators' } })
    const { services } = await rig.ask('listServices', alice.caller)
    assert.deepEqual(services[0]?.hostings[0]?.access, { users: [], groups: ['gone', 'ops'], entrances: [] })
  })

  test('have endpoints by labels that an administrator gave, and by no others', async () => {
    await using mesh = await openWithPeople()
    const { rig, root, alice, bob, create, update } = mesh
    const label = (by: Member, labels: string[]) =>
      rig.ask('labelEndpoint', by.caller, { params: { endpoint: bob.id }, body: { labels } })
    await create('kiosks')
    await update('kiosks', { addLabels: ['kiosk'] })
    const body = { access: { groups: ['kiosks'] } }
    await rig.ask('host', alice.caller, { params: { service: WEB }, body })
    const dial = () => rig.ask('openSession', bob.caller, { body: { service: WEB } })
    await label(bob, ['kiosk'])
    await assertRefused(dial(), 'denied')
    await label(bob, [])
    rig.changes.length = 0
    await label(root, ['kiosk'])
    const beforeMs = rig.clock.now()
    assert.deepEqual(told(rig.changes), [
      {
        change: 'groups-changed',
        groups: { endpoints: [bob.id], left: [], joined: ['kiosks'], beforeMs },
        concerned: [bob.id, alice.id],
      },
    ])
    assert.deepEqual(groupsOf(rig, bob, (await dial()).ticket), ['kiosks'])
    // Another endpoint of the same user is not in it.
    const phone = await rig.joinAs('bob', 'phone')
    await assertRefused(rig.ask('openSession', phone.caller, { body: { service: WEB } }), 'denied')
    const review = (endpoints: string[]) => rig.ask('reviewGroups', alice.caller, { body: { endpoints } })
    const unknown = '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11'
    assert.deepEqual((await review([phone.id, bob.id, unknown])).groups, [[], ['kiosks'], []])
    // Both ways into a group: one of them is enough, and leaving by one is no change.
    await update('kiosks', { addUsers: ['bob'] })
    rig.changes.length = 0
    await update('kiosks', { removeLabels: ['kiosk'] })
    assert.deepEqual(told(rig.changes), [])
    await update('kiosks', { removeUsers: ['bob'] })
    assert.deepEqual(
      told(rig.changes).map(({ groups }) => [groups.endpoints, groups.left]),
      [[[bob.id, phone.id], ['kiosks']]],
    )
    await assertRefused(dial(), 'denied')
    await rig.reopen()
    await update('kiosks', { addLabels: ['kiosk'] })
    await dial()
  })

  test('have identities of the controller by their UUIDs, and not by their role attributes', async () => {
    await using mesh = await openWithPeople()
    const { rig, create, update } = mesh
    const edge = await createEdgeClient(rig)
    const program = await edge.logIn('kiosk', { roleAttributes: ['kiosk'] })
    const { request } = await createDevice()
    const made = await edge.ask('POST', '/current-api-session/certificates', {
      token: program.token,
      body: { csr: request },
    })
    assert.equal(made.status, 201)
    await create('kiosks')
    await update('kiosks', { addLabels: ['kiosk'] })
    const groupsNow = async () =>
      (await rig.ask('reviewGroups', mesh.root.caller, { body: { endpoints: [program.sessionId] } })).groups
    assert.deepEqual(await groupsNow(), [[]])
    rig.changes.length = 0
    await update('kiosks', { addUsers: [program.identityId] })
    assert.deepEqual(await groupsNow(), [['kiosks']])
    assert.deepEqual(
      told(rig.changes).map(({ groups }) => groups.endpoints),
      [[program.sessionId]],
    )
  })

  test('of an endpoint fit its ticket, by whatever it comes into them', async () => {
    await using mesh = await openWithPeople()
    const { rig, root, bob, create, update } = mesh
    for (let i = 0; i < MAX_TICKET_GROUPS; i++) await create(`g${i}`, ['bob'])
    await create('kiosks')
    await update('kiosks', { addLabels: ['kiosk'] })
    const params = { endpoint: bob.id }
    const label = (labels: string[]) => rig.ask('labelEndpoint', root.caller, { params, body: { labels } })
    await assertRefused(label(['kiosk']), 'too-many', /at most 32 groups of endpoint two/)
    await label(['lab'])
    await assertRefused(update('kiosks', { addLabels: ['lab'] }), 'too-many', /endpoint two/)
  })

  test('tell the endpoints of who came and went, and all who host for others', async () => {
    await using mesh = await openWithPeople()
    const { rig, root, alice, bob, carol, create, update } = mesh
    await rig.ask('host', alice.caller, { params: { service: WEB }, body: { access: { users: ['*'] } } })
    const own = { params: { service: 'tcp/.own.root' as ServiceName }, body: { access: {} } }
    await rig.ask('host', mesh.root.caller, own)
    rig.changes.length = 0
    await create('ops', ['bob', 'carol'])
    const beforeMs = rig.clock.now()
    assert.deepEqual(told(rig.changes), [
      {
        change: 'groups-changed',
        groups: { endpoints: [bob.id, carol.id], left: [], joined: ['ops'], beforeMs },
        concerned: [bob.id, carol.id, alice.id],
      },
    ])
    rig.changes.length = 0
    await update('ops', { removeUsers: ['bob'], addUsers: ['alice'] })
    await update('ops', { name: 'operators' })
    await rig.ask('deleteGroup', root.caller, { params: { group: 'operators' } })
    assert.deepEqual(
      told(rig.changes).map(({ groups: { endpoints, left, joined } }) => [endpoints, left, joined]),
      [
        [[alice.id], [], ['ops']],
        [[bob.id], ['ops'], []],
        [[alice.id, carol.id], ['ops'], ['operators']],
        [[alice.id, carol.id], ['operators'], []],
      ],
    )
  })
})
