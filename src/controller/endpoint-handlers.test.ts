import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Grouping } from '../core/api/network-api.ts'
import { type ControllerRig, type Member, openControllerRig } from '../testing/controller-rig.ts'
import { assertRefused } from '../testing/refusal.ts'

const show = (rig: ControllerRig, by: Member, { id }: Member) =>
  rig.ask('showEndpoint', by.caller, { params: { endpoint: id } })

suite('announce()', () => {
  test('sets version and labels of the calling endpoint, and leaves labels it does not name', async () => {
    await using rig = await openControllerRig()
    const bob = await rig.joinAs('bob', 'laptop')
    await rig.ask('announce', bob.caller, { body: { version: '0.2.0', labels: ['a', 'b', 'a'] } })
    const info = await rig.ask('announce', bob.caller, { body: { version: '0.3.0' } })
    assert.deepEqual([info.id, info.version, info.labels], [bob.id, '0.3.0', ['a', 'b']])
  })

  test('writes nothing where nothing is new', async () => {
    await using rig = await openControllerRig()
    const bob = await rig.joinAs('bob', 'laptop')
    const before = await rig.store.list('endpoint/')
    await rig.ask('announce', bob.caller, { body: { version: '0.1.0' } })
    assert.deepEqual(await rig.store.list('endpoint/'), before)
  })
})

suite('listEndpoints()', () => {
  test('finds by keyword in names and labels, by user, by name, in pages', async () => {
    await using rig = await openControllerRig()
    const bob = await rig.joinAs('bob', 'Lab laptop')
    await rig.joinAs('bob', 'phone')
    await rig.joinAs('carol', 'desk')
    await rig.ask('announce', bob.caller, { body: { version: '0.1.0', labels: ['blue'] } })
    const find = async (query: object) => {
      const { endpoints, total } = await rig.ask('listEndpoints', bob.caller, { query })
      return [endpoints.map(({ name }) => name), total]
    }
    assert.deepEqual(await find({}), [['Lab laptop', 'desk', 'phone', 'root-of-the-rig'], 4])
    assert.deepEqual(await find({ keyword: 'LAB' }), [['Lab laptop'], 1])
    assert.deepEqual(await find({ keyword: 'blu' }), [['Lab laptop'], 1])
    assert.deepEqual(await find({ user: 'bob' }), [['Lab laptop', 'phone'], 2])
    assert.deepEqual(await find({ name: 'PHONE' }), [['phone'], 1])
    assert.deepEqual(await find({ limit: '2', offset: '1' }), [['desk', 'phone'], 4])
    assert.deepEqual(await find({ keyword: 'nothing' }), [[], 0])
    assert.deepEqual(await find({ label: 'blue' }), [['Lab laptop'], 1])
    assert.deepEqual(await find({ label: '', user: 'bob' }), [['phone'], 1])
    assert.deepEqual(await find({ ids: `${bob.id},nobody,${bob.id}` }), [['Lab laptop'], 1])
    assert.deepEqual(await find({ state: 'online' }), [[], 0])
    rig.controller.connected(bob.id, '10.0.0.1:1', rig.clock.now())
    assert.deepEqual(await find({ state: 'online' }), [['Lab laptop'], 1])
    assert.deepEqual(await find({ state: 'offline', user: 'bob' }), [['phone'], 1])
  })
})

suite('countEndpoints()', () => {
  test('counts by user, label and state, the largest groups first, and no more of them than are wanted', async () => {
    await using rig = await openControllerRig()
    const bob = await rig.joinAs('bob', 'laptop')
    await rig.joinAs('bob', 'phone')
    await rig.ask('announce', bob.caller, { body: { version: '0.1.0', labels: ['blue', 'lab'] } })
    rig.controller.connected(bob.id, '10.0.0.1:1', rig.clock.now())
    const count = (query: { by: Grouping; user?: string; limit?: string; keyword?: string }) =>
      rig.ask('countEndpoints', bob.caller, { query })
    const one = { count: 1, onlineCount: 1 }
    assert.deepEqual(await count({ by: 'user' }), {
      groups: [
        { name: 'bob', count: 2, onlineCount: 1 },
        { name: 'root', count: 1, onlineCount: 0 },
      ],
      groupCount: 2,
      total: 3,
      onlineCount: 1,
    })
    assert.deepEqual(await count({ by: 'label', user: 'bob', limit: '2' }), {
      groups: [
        { name: '', count: 1, onlineCount: 0 },
        { name: 'blue', ...one },
      ],
      groupCount: 3,
      total: 2,
      onlineCount: 1,
    })
    const { groups } = await count({ by: 'state', keyword: 'lab' })
    assert.deepEqual(groups, [{ name: 'online', ...one }])
  })
})

suite('awaitChanges()', () => {
  test('tells who came, went or was labelled, and nothing to strangers', async () => {
    await using rig = await openControllerRig()
    const bob = await rig.joinAs('bob', 'laptop')
    const ask = (since?: string) =>
      rig.ask('awaitChanges', bob.caller, { query: since === undefined ? {} : { since } })
    const first = await ask()
    assert.deepEqual(first.endpoints, [])
    const waiting = ask(first.next)
    rig.controller.connected(bob.id, '10.0.0.1:1', rig.clock.now())
    const second = await waiting
    assert.deepEqual(second.endpoints, [bob.id])
    rig.controller.connected(bob.id, '10.0.0.1:2', rig.clock.now())
    const phone = await rig.joinAs('bob', 'phone')
    await rig.ask('removeEndpoint', bob.caller, { params: { endpoint: phone.id } })
    const third = await ask(second.next)
    assert.deepEqual([third.endpoints, third.isMore], [[phone.id], false])
    await assertRefused(rig.ask('awaitChanges', phone.caller, { query: {} }), 'not-trusted')
  })
})

suite('showEndpoint()', () => {
  test('says since when it is gone, and where it is while it is not', async () => {
    await using rig = await openControllerRig()
    const bob = await rig.joinAs('bob', 'laptop')
    assert.deepEqual(await show(rig, bob, bob), {
      id: bob.id,
      name: 'laptop',
      user: 'bob',
      labels: [],
      givenLabels: [],
      version: '0.1.0',
      isOnline: false,
      lastSeenMs: 0,
    })
    rig.controller.connected(bob.id, '192.0.2.9:5', rig.clock.now())
    rig.clock.advance(5_000)
    const online = await show(rig, bob, bob)
    assert.deepEqual(
      [online.isOnline, online.lastSeenMs, online.address],
      [true, rig.clock.now(), '192.0.2.9:5'],
    )
    const leftAtMs = rig.clock.now()
    rig.controller.disconnected(bob.id, rig.clock.now())
    rig.clock.advance(5_000)
    const offline = await show(rig, bob, bob)
    assert.deepEqual([offline.isOnline, offline.lastSeenMs, offline.address], [false, leftAtMs, undefined])
  })

  test('answers not-found for one that is not there', async () => {
    await using rig = await openControllerRig()
    const bob = await rig.joinAs('bob', 'laptop')
    const nobody = { ...bob, id: '11111111-6f53-4a52-9a4b-0b6f0d9d7c11' as never }
    await assertRefused(show(rig, bob, nobody), 'not-found')
  })
})

suite('labelEndpoint()', () => {
  test('is for its user and administrators', async () => {
    await using rig = await openControllerRig()
    const [one, two, carol, root] = [
      await rig.joinAs('bob', 'one'),
      await rig.joinAs('bob', 'two'),
      await rig.joinAs('carol', 'three'),
      await rig.join({ name: 'home' }),
    ]
    const label = (by: Member, of: Member, labels: string[]) =>
      rig.ask('labelEndpoint', by.caller, { params: { endpoint: of.id }, body: { labels } })
    assert.deepEqual((await label(two, one, ['a'])).labels, ['a'])
    assert.deepEqual((await label(root, one, ['b'])).labels, ['b'])
    await assertRefused(label(carol, one, ['c']), 'denied', /label endpoint "one"/)
    await assertRefused(label(two, root, ['c']), 'denied')
    assert.deepEqual((await show(rig, carol, one)).labels, ['b'])
  })
})

suite('removeEndpoint()', () => {
  test('is for its user and administrators, and ends its membership', async () => {
    await using rig = await openControllerRig()
    const [one, two, carol, root] = [
      await rig.joinAs('bob', 'one'),
      await rig.joinAs('bob', 'two'),
      await rig.joinAs('carol', 'three'),
      await rig.join({ name: 'home' }),
    ]
    const remove = (by: Member, of: Member) =>
      rig.ask('removeEndpoint', by.caller, { params: { endpoint: of.id } })
    await assertRefused(remove(carol, one), 'denied')
    await remove(two, one)
    await assertRefused(remove(two, one), 'not-found')
    await remove(root, two)
    await assertRefused(() => rig.controller.admit(one.identity, one.issuedAtMs), 'not-trusted', /join again/)
    const { request } = two.device
    await assertRefused(rig.ask('renew', two.caller, { body: { request } }), 'not-trusted')
    assert.equal((await rig.joinAs('carol', 'one')).user, 'carol')
  })
})

suite('listUsers()', () => {
  test('counts endpoints and says who is online, invited, evicted', async () => {
    await using rig = await openControllerRig()
    const root = await rig.join({ name: 'home' })
    const bob = await rig.joinAs('bob', 'one')
    await rig.joinAs('bob', 'two')
    await rig.joinAs('dave', 'three')
    await rig.invite('carol')
    await rig.ask('evict', root.caller, { body: { user: 'dave' } })
    rig.controller.connected(bob.id, '192.0.2.9:5', rig.clock.now())
    const users = async () =>
      (await rig.ask('listUsers', bob.caller)).users.map(one =>
        [one.name, one.isAdmin, one.endpointCount, one.onlineCount, one.isEvicted].join(' '),
      )
    assert.deepEqual(await users(), [
      'bob false 2 1 false',
      'carol false 0 0 false',
      'dave false 1 0 true',
      'root true 1 0 false',
    ])
    await rig.invite('dave')
    assert.equal((await users())[2], 'dave false 1 0 false')
  })
})
