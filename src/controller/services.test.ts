import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite, test } from 'node:test'
import type { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { Answer } from '../core/api/route.ts'
import { appServiceOf } from '../core/model/app-service.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { ServiceName, UserName } from '../core/model/names.ts'
import type { Json } from '../core/model/store.ts'
import type { Rule } from '../core/policy/rule.ts'
import { type ControllerRig, type Member, openControllerRig, STRANGER } from '../testing/controller-rig.ts'
import { assertRefused } from '../testing/refusal.ts'
import { hostingId } from './records.ts'

type Access = { users?: string[]; entrances?: string[] }
type Health = 'up' | 'partly' | 'down' | 'unknown'

function host(rig: ControllerRig, by: Member, service: string, access: Access = {}, health: Health = 'up') {
  return rig.ask('host', by.caller, { params: { service }, body: { access, health } })
}

function unhost(rig: ControllerRig, by: Member, service: string) {
  return rig.ask('unhost', by.caller, { params: { service } })
}

async function listOf(
  rig: ControllerRig,
  by: Member,
): Promise<Answer<typeof CONTROLLER_API.listServices>['services']> {
  return (await rig.ask('listServices', by.caller)).services
}

const namesFor = async (rig: ControllerRig, by: Member) =>
  (await listOf(rig, by)).map(({ name }) => name).sort()

suite('host()', () => {
  test('gives a name to the user who hosts it first, at any of their endpoints', async () => {
    await using rig = await openControllerRig()
    const [one, two] = [await rig.joinAs('alice', 'one'), await rig.joinAs('alice', 'two')]
    await host(rig, one, 'tcp/web')
    rig.controller.connected(two.id, '192.0.2.2:5', rig.clock.now())
    const info = await host(rig, two, 'tcp/web', { users: ['bob', 'bob'] }, 'partly')
    const hosting = (member: Member, rest: object) => ({ endpoint: member.id, name: member.name, ...rest })
    assert.deepEqual(info, {
      name: 'tcp/web',
      owner: 'alice',
      hostings: [
        hosting(one, { isOnline: false, health: 'up', access: { users: [], entrances: [] } }),
        hosting(two, { isOnline: true, health: 'partly', access: { users: ['bob'], entrances: [] } }),
      ],
    })
  })

  test('refuses the hidden services of another user, also before that user has any, be it the administrator who asks', async () => {
    await using rig = await openControllerRig()
    const [alice, bob, root] = [
      await rig.joinAs('alice', 'one'),
      await rig.joinAs('bob', 'two'),
      await rig.join({ name: 'home' }),
    ]
    const hash = (text: string) => createHash('sha256').update(text).digest('hex')
    const app = appServiceOf('app', 'alice/notes', bob.user, hash)
    const given = appServiceOf('package', 'a'.repeat(64), bob.user, hash)
    const names = ['tcp/.terminal.bob', 'udp/.terminal.bob', 'tcp/.files.bob', app, given]
    for (const name of names) {
      for (const thief of [alice, root]) await assertRefused(host(rig, thief, name), 'denied', /of apps/)
      assert.equal((await host(rig, bob, name)).owner, 'bob')
    }
    for (const name of ['tcp/.own', 'tcp/.x.terminal.bob', 'tcp/.terminal.Bob', 'tcp/.app.bob'])
      for (const member of [alice, bob]) await assertRefused(host(rig, member, name), 'denied')
  })

  test('forgets at its start who took the hidden service of another user', async () => {
    await using rig = await openControllerRig()
    const [alice, bob] = [await rig.joinAs('alice', 'one'), await rig.joinAs('bob', 'two')]
    await host(rig, alice, 'tcp/.files.alice')
    const [row] = await rig.store.list('hosting/')
    assert.ok(row !== undefined)
    const id = `hosting/${hostingId(alice.id, 'tcp/.files.bob' as ServiceName)}`
    const stolen = { ...(row.value as object), service: 'tcp/.files.bob' }
    await rig.store.put(id, stolen as Json)
    await rig.reopen()
    assert.equal((await host(rig, bob, 'tcp/.files.bob')).owner, 'bob')
  })

  test('refuses a name of another user, be he root, and names like it', async () => {
    await using rig = await openControllerRig()
    const [alice, bob, root] = [
      await rig.joinAs('alice', 'one'),
      await rig.joinAs('bob', 'two'),
      await rig.join({ name: 'home' }),
    ]
    await host(rig, alice, 'tcp/Web')
    await assertRefused(host(rig, bob, 'tcp/Web'), 'name-taken', /alice owns the name "tcp\/Web": choose/)
    await assertRefused(host(rig, root, 'tcp/Web'), 'name-taken')
    await assertRefused(host(rig, bob, 'tcp/wEB'), 'name-taken')
    await assertRefused(host(rig, alice, 'tcp/web'), 'name-taken', /reads like your "tcp\/Web"/)
    assert.equal((await host(rig, bob, 'udp/Web')).owner, 'bob')
  })

  test('lets one of two users have a name that both want at once', async () => {
    await using rig = await openControllerRig()
    const [alice, bob] = [await rig.joinAs('alice', 'one'), await rig.joinAs('bob', 'two')]
    const results = await Promise.allSettled([host(rig, alice, 'tcp/web'), host(rig, bob, 'tcp/web')])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    )
    const [info] = await listOf(rig, alice)
    assert.equal(info?.owner, 'alice')
    assert.equal(info?.hostings.length, 1)
  })

  test('tells of changes, and of nothing else', async () => {
    await using rig = await openControllerRig()
    const alice = await rig.joinAs('alice', 'one')
    const changesOf = async (call: Promise<unknown>) => {
      rig.changes.length = 0
      await call
      return rig.changes.map(change => (change.change === 'services-changed' ? change.services : change))
    }
    assert.deepEqual(await changesOf(host(rig, alice, 'tcp/web')), [['tcp/web']])
    assert.deepEqual(await changesOf(host(rig, alice, 'tcp/web')), [])
    assert.deepEqual(await changesOf(host(rig, alice, 'tcp/web', {}, 'down')), [['tcp/web']])
    assert.deepEqual(await changesOf(host(rig, alice, 'tcp/web', { users: ['*'] }, 'down')), [['tcp/web']])
    assert.deepEqual(await changesOf(unhost(rig, alice, 'tcp/web')), [['tcp/web']])
  })

  test('writes nothing where an agent says what is known, as all do after a restart', async () => {
    await using rig = await openControllerRig()
    const alice = await rig.joinAs('alice', 'one')
    await host(rig, alice, 'tcp/web', { users: ['bob', 'carol'] })
    const before = await rig.store.list('')
    await host(rig, alice, 'tcp/web', { users: ['carol', 'bob'] }, 'down')
    assert.deepEqual(await rig.store.list(''), before)
  })

  test('answers too-many over each limit', async () => {
    await using rig = await openControllerRig({
      limits: {
        servicesPerUser: 2,
        services: 3,
        hostingsPerService: 1,
        hostingsPerUser: 2,
        accessEntriesPerUser: 3,
      },
    })
    const [one, two, bob] = [
      await rig.joinAs('alice', 'one'),
      await rig.joinAs('alice', 'two'),
      await rig.joinAs('bob', 'three'),
    ]
    await host(rig, one, 'tcp/a', { users: ['x', 'y'] })
    await assertRefused(host(rig, two, 'tcp/a'), 'too-many', /1 hostings of this service/)
    await assertRefused(host(rig, one, 'tcp/b', { users: ['x', 'y'] }), 'too-many', /access lists of alice/)
    await assertRefused(host(rig, one, 'tcp/a', { users: ['x', 'y', 'z', 'v'] }), 'too-many', /access lists/)
    await host(rig, one, 'tcp/b', { users: ['x'] })
    await assertRefused(host(rig, one, 'tcp/c'), 'too-many', /2 services of alice/)
    await host(rig, bob, 'tcp/c')
    await assertRefused(host(rig, bob, 'tcp/d'), 'too-many', /3 services in this mesh/)
    await host(rig, one, 'tcp/a', { users: ['x'] })
    await unhost(rig, one, 'tcp/b')
    await host(rig, bob, 'tcp/d')
  })

  test('refuses strangers, and endpoints that pose as members', async () => {
    await using rig = await openControllerRig()
    const alice = await rig.joinAs('alice', 'one')
    const posing = {
      ...alice,
      caller: { ...alice.caller, identity: { ...alice.identity, user: 'bob' as never } },
    }
    await assertRefused(host(rig, { ...alice, caller: STRANGER }, 'tcp/web'), 'not-trusted')
    await assertRefused(host(rig, posing, 'tcp/web'), 'not-trusted')
  })
})

suite('unhost()', () => {
  test('frees the name with the last hosting', async () => {
    await using rig = await openControllerRig()
    const [one, two, bob] = [
      await rig.joinAs('alice', 'one'),
      await rig.joinAs('alice', 'two'),
      await rig.joinAs('bob', 'three'),
    ]
    await host(rig, one, 'tcp/web')
    await host(rig, two, 'tcp/web')
    await unhost(rig, one, 'tcp/web')
    await assertRefused(host(rig, bob, 'tcp/web'), 'name-taken')
    await assertRefused(unhost(rig, bob, 'tcp/web'), 'not-found', /this endpoint does not host it/)
    await assertRefused(unhost(rig, one, 'tcp/web'), 'not-found')
    await unhost(rig, two, 'tcp/web')
    assert.equal((await host(rig, bob, 'tcp/web')).owner, 'bob')
  })

  test('frees the names of an endpoint that is removed', async () => {
    await using rig = await openControllerRig()
    const [alice, bob] = [await rig.joinAs('alice', 'one'), await rig.joinAs('bob', 'two')]
    await host(rig, alice, 'tcp/web')
    rig.changes.length = 0
    await rig.ask('removeEndpoint', alice.caller, { params: { endpoint: alice.id } })
    assert.deepEqual(rig.changes, [
      { change: 'endpoint-removed', endpoint: alice.id },
      { change: 'services-changed', services: ['tcp/web'] },
    ])
    assert.deepEqual(await rig.store.list('hosting/'), [])
    assert.equal((await host(rig, bob, 'tcp/web')).owner, 'bob')
  })
})

suite('listServices()', () => {
  test('shows what one owns or may dial; to administrators everything', async () => {
    await using rig = await openControllerRig()
    const [alice, bob, root] = [
      await rig.joinAs('alice', 'one'),
      await rig.joinAs('bob', 'two'),
      await rig.join({ name: 'home' }),
    ]
    await host(rig, alice, 'tcp/private')
    await host(rig, alice, 'tcp/for-bob', { users: ['bob'] })
    await host(rig, alice, 'tcp/for-all', { users: ['*'] })
    await host(rig, alice, 'tcp/for-carol', { users: ['carol'] })
    assert.equal((await namesFor(rig, alice)).length, 4)
    assert.equal((await namesFor(rig, root)).length, 4)
    assert.deepEqual(await namesFor(rig, bob), ['tcp/for-all', 'tcp/for-bob'])
  })

  test('shows only the hostings one may dial, and nobody else who may', async () => {
    await using rig = await openControllerRig()
    const [one, two, bob] = [
      await rig.joinAs('alice', 'one'),
      await rig.joinAs('alice', 'two'),
      await rig.joinAs('bob', 'three'),
    ]
    await host(rig, one, 'tcp/web', { users: ['bob', 'carol'], entrances: [bob.id] })
    await host(rig, two, 'tcp/web', { users: ['carol'] })
    const [info] = await listOf(rig, bob)
    assert.deepEqual(
      info?.hostings.map(({ endpoint, access }) => ({ endpoint, access })),
      [{ endpoint: one.id, access: { users: [], entrances: [] } }],
    )
    assert.equal((await listOf(rig, two))[0]?.hostings.length, 2)
  })

  test('shows a service with entrances only from there', async () => {
    await using rig = await openControllerRig()
    const [alice, here, there] = [
      await rig.joinAs('alice', 'one'),
      await rig.joinAs('bob', 'two'),
      await rig.joinAs('bob', 'three'),
    ]
    await host(rig, alice, 'tcp/web', { users: ['*'], entrances: [here.id] })
    assert.deepEqual(await namesFor(rig, here), ['tcp/web'])
    assert.deepEqual(await namesFor(rig, there), [])
  })

  test('hides what an evicted endpoint hosts from all but its owner and administrators', async () => {
    await using rig = await openControllerRig()
    const [alice, bob, root] = [
      await rig.joinAs('alice', 'one'),
      await rig.joinAs('bob', 'two'),
      await rig.join({ name: 'home' }),
    ]
    await host(rig, alice, 'tcp/web', { users: ['*'] })
    const { id } = await rig.ask('evict', root.caller, { body: { user: 'alice' } })
    assert.deepEqual(rig.changes.at(-1), { change: 'services-changed', services: ['tcp/web'] })
    assert.deepEqual(await namesFor(rig, bob), [])
    assert.deepEqual(await namesFor(rig, root), ['tcp/web'])
    await assertRefused(host(rig, bob, 'tcp/web'), 'name-taken')
    await rig.ask('undoEviction', root.caller, { params: { eviction: id } })
    assert.deepEqual(await namesFor(rig, bob), ['tcp/web'])
  })
})

suite('mayMeet()', () => {
  test('allows owners, administrators and who may dial something there', async () => {
    await using rig = await openControllerRig()
    const [alice, alices, bob, root] = [
      await rig.joinAs('alice', 'one'),
      await rig.joinAs('alice', 'two'),
      await rig.joinAs('bob', 'three'),
      await rig.join({ name: 'home' }),
    ]
    const may = (from: Member, to: { id: EndpointId }) => rig.controller.mayMeet(from.identity, to.id).allow
    assert.deepEqual(
      [may(alice, alices), may(root, alice), may(bob, alice), may(alice, root)],
      [true, true, false, false],
    )
    await host(rig, alice, 'tcp/other')
    await host(rig, alice, 'tcp/web', { users: ['bob'] })
    const decision = rig.controller.mayMeet(bob.identity, alice.id)
    assert.equal(decision.rule?.id, `access to tcp/web at ${alice.id}`)
    assert.equal(may(bob, alices), false)
    await unhost(rig, alice, 'tcp/web')
    assert.equal(may(bob, alice), false)
  })

  test('says also whether the two may meet directly, by the rules of the owner of the mesh', async () => {
    const rule: Rule = {
      id: 'bob by the hub',
      effect: 'deny',
      actions: ['meet-directly'],
      who: { users: ['bob' as UserName] },
      what: {},
    }
    await using rig = await openControllerRig({ rules: [rule] })
    const [alice, bob, eve] = [
      await rig.joinAs('alice', 'one'),
      await rig.joinAs('bob', 'two'),
      await rig.joinAs('eve', 'three'),
    ]
    await host(rig, alice, 'tcp/web', { users: ['bob', 'eve'] })
    const { controller } = rig
    const found = [bob, eve].map(({ identity }) => [
      controller.mayMeet(identity, alice.id).allow,
      controller.mayMeetDirectly(identity, alice.id),
    ])
    assert.deepEqual(found[0], [true, { allow: false, rule }])
    assert.deepEqual(found[1]?.[0], true)
    assert.equal(controller.mayMeetDirectly(eve.identity, alice.id).allow, true)
    assert.deepEqual(controller.mayMeetDirectly(alice.identity, bob.id), { allow: false, rule: undefined })
  })

  test('denies who was removed, evicted, or never was', async () => {
    await using rig = await openControllerRig()
    const [one, two, root] = [
      await rig.joinAs('alice', 'one'),
      await rig.joinAs('alice', 'two'),
      await rig.join({ name: 'home' }),
    ]
    const nobody = '11111111-6f53-4a52-9a4b-0b6f0d9d7c11' as EndpointId
    assert.equal(rig.controller.mayMeet(root.identity, nobody).allow, false)
    assert.equal(rig.controller.mayMeet({ ...root.identity, endpoint: nobody }, one.id).allow, false)
    await rig.ask('evict', root.caller, { body: { endpoint: two.id } })
    assert.equal(rig.controller.mayMeet(one.identity, two.id).allow, false)
    assert.equal(rig.controller.mayMeet(two.identity, one.id).allow, false)
    await rig.ask('removeEndpoint', root.caller, { params: { endpoint: one.id } })
    assert.equal(rig.controller.mayMeet(root.identity, one.id).allow, false)
  })
})

suite('mayAdminister()', () => {
  test('allows root and nobody else', async () => {
    await using rig = await openControllerRig()
    const [alice, root] = [await rig.joinAs('alice', 'one'), await rig.join({ name: 'home' })]
    assert.equal(rig.controller.mayAdminister(root.identity).allow, true)
    assert.equal(rig.controller.mayAdminister(alice.identity).allow, false)
    await rig.ask('evict', root.caller, { body: { endpoint: root.id } })
    assert.equal(rig.controller.mayAdminister(root.identity).allow, false)
  })
})
