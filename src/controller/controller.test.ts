import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parsePermit } from '../core/model/permit.ts'
import type { Json } from '../core/model/store.ts'
import { openSqliteStore } from '../store/sqlite-store.ts'
import { factsOf } from '../testing/controller-facts.ts'
import {
  type ControllerRig,
  createDevice,
  type Member,
  openControllerRig,
} from '../testing/controller-rig.ts'
import { type LimitedStore, limitStore } from '../testing/limited-store.ts'
import { assertRefused } from '../testing/refusal.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { mountSmallDisk } from '../testing/small-disk.ts'

/** A mesh with something of everything. */
async function furnish(rig: ControllerRig) {
  const root = await rig.join({ name: 'home' })
  const alice = await rig.joinAs('alice', 'desk')
  const bob = await rig.joinAs('bob', 'laptop')
  const mallory = await rig.joinAs('mallory', 'tower')
  const open = await rig.invite('carol')
  const access = { users: ['bob'], entrances: [bob.id] }
  await rig.ask('host', alice.caller, { params: { service: 'tcp/wiki öffentlich' }, body: { access } })
  await rig.ask('host', bob.caller, { params: { service: 'udp/dns' }, body: { access: { users: ['*'] } } })
  await rig.ask('labelEndpoint', root.caller, { params: { endpoint: bob.id }, body: { labels: ['lab'] } })
  const eviction = await rig.ask('evict', root.caller, { body: { user: 'mallory', reason: 'why not' } })
  return { root, alice, bob, mallory, open, eviction }
}

suite('openController()', () => {
  test('gives equal state over the same store', async () => {
    using folder = makeScratchFolder()
    const file = folder.file('hub.db')
    await using rig = await openControllerRig({ store: await openSqliteStore(file) })
    const { root, mallory, open } = await furnish(rig)
    const before = await factsOf(rig, root)
    await rig.reopen()
    assert.deepEqual(await factsOf(rig, root), before)
    await assertRefused(() => rig.controller.admit(mallory.identity, mallory.issuedAtMs), 'evicted')
    assert.equal((await rig.join({ name: 'phone', token: open.token })).user, 'carol')
  })

  test('gives the same root permit at each start, good for its parser', async () => {
    await using rig = await openControllerRig()
    const permit = await rig.controller.rootPermit()
    assert.deepEqual(parsePermit(JSON.stringify(permit)), permit)
    assert.deepEqual(permit.bootstraps, ['hub.example:8888'])
    await rig.reopen()
    assert.deepEqual(await rig.controller.rootPermit(), permit)
    const [one, two] = await Promise.all([rig.controller.rotateRootPermit(), rig.controller.rootPermit()])
    assert.notDeepEqual(one, permit)
    assert.deepEqual(two, one)
  })

  test('survives any record that cannot be read', async () => {
    await using rig = await openControllerRig()
    const { root } = await furnish(rig)
    const keys = (await rig.store.list('')).map(({ key }) => key).filter(key => !key.includes(root.id))
    const kinds = [...new Set(keys.map(key => key.split('/')[0]))].sort()
    assert.deepEqual(kinds, [
      'edge-auth-policy',
      'edge-config-type',
      'edge-router',
      'edge-router-policy',
      'edge-service-router-policy',
      'endpoint',
      'eviction',
      'hosting',
      'invitation',
      'permit',
    ])
    const damages: Json[] = [null, 'x', {}, [], { version: 2 }]
    for (const [index, key] of keys.entries())
      await rig.store.put(key, damages[index % damages.length] ?? null)
    await rig.reopen()
    const { endpoints, services, invitations } = await factsOf(rig, root)
    assert.deepEqual([endpoints.map(({ name }) => name), services, invitations], [['home'], [], []])
    assert.equal(rig.log.fieldsOf('record.unreadable').length, keys.length)
  })

  test('starts on records that contradict each other, and keeps the rules', async () => {
    await using rig = await openControllerRig()
    const { root, alice, bob } = await furnish(rig)
    const store = rig.store
    const hosting = (await store.list(`hosting/${alice.id}/`))[0]
    const endpoint = (await store.get(`endpoint/${bob.id}`))?.value as Record<string, Json>
    const id = '11111111-6f53-4a52-9a4b-0b6f0d9d7c11'
    const key = 'k'.repeat(43)
    // A service hosted by two users, a hosting without its endpoint, two endpoints of one name.
    const value = hosting?.value as Record<string, Json>
    const name = hosting?.key.split('/')[2]
    await store.put(`hosting/${bob.id}/${name}`, { ...value, endpoint: bob.id, createdAtMs: 8e15 })
    await store.put(`hosting/${id.replaceAll('1', '2')}/${name}`, {
      ...value,
      endpoint: id.replaceAll('1', '2'),
    })
    await store.put(`endpoint/${id}`, { ...endpoint, id, key, name: 'LAPTOP', enrolledAtMs: 1 })
    await rig.reopen()
    const { endpoints, services } = await factsOf(rig, root)
    assert.deepEqual(
      endpoints.map(one => one.name),
      ['desk', 'home', 'laptop', 'tower'],
    )
    assert.deepEqual(
      services.map(one => [one.name, one.owner, one.hostings.length]),
      [
        ['tcp/wiki öffentlich', 'alice', 1],
        ['udp/dns', 'bob', 1],
      ],
    )
    assert.equal((await store.list('hosting/')).length, 2)
    assert.equal((await store.list('endpoint/')).length, 4)
  })

  test('tells no more of those who stopped listening, and goes on past one that throws', async () => {
    await using rig = await openControllerRig()
    const seen: string[] = []
    const end = rig.controller.onChange(({ change }) => seen.push(change))
    rig.controller.onChange(() => {
      throw new Error('a listener that fails')
    })
    const root = await rig.join({ name: 'home' })
    await rig.invite('bob')
    await rig.ask('evict', root.caller, { body: { user: 'bob' } })
    end()
    await rig.ask('evict', root.caller, { body: { user: 'bob' } })
    assert.deepEqual(seen, ['evicted'])
    assert.equal(rig.changes.length, 2)
    assert.equal(rig.log.fieldsOf('listener.failed').length, 2)
  })
})

suite('a store that is full', () => {
  const actions: Record<
    string,
    (rig: ControllerRig, mesh: Awaited<ReturnType<typeof furnish>>) => Promise<unknown>
  > = {
    'enroll by permit': async rig => rig.join({ name: 'new' }),
    'enroll by token': async (rig, { open }) => rig.join({ name: 'new', token: open.token }),
    'enroll, replacing': async rig => rig.join({ name: 'home', isReplacing: true }),
    'enroll again': async (rig, { root }) => rig.join({ name: 'new', device: root.device }),
    renew: async (rig, { bob }) => rig.ask('renew', bob.caller, { body: { request: bob.device.request } }),
    announce: async (rig, { bob }) => rig.ask('announce', bob.caller, { body: { version: '9' } }),
    host: async (rig, { bob }) =>
      rig.ask('host', bob.caller, { params: { service: 'tcp/new' }, body: { access: {} } }),
    unhost: async (rig, { bob }) => rig.ask('unhost', bob.caller, { params: { service: 'udp/dns' } }),
    invite: async rig => rig.invite('dave'),
    revoke: async (rig, { root, open }) =>
      rig.ask('revokeInvitation', root.caller, { params: { invitation: open.id } }),
    evict: async (rig, { root }) => rig.ask('evict', root.caller, { body: { user: 'bob' } }),
    undo: async (rig, { root, eviction }) =>
      rig.ask('undoEviction', root.caller, { params: { eviction: eviction.id } }),
    rotate: async rig => rig.controller.rotateRootPermit(),
  }
  for (const [name, act] of Object.entries(actions)) {
    test(`leaves memory as the store is when ${name} fails, and does it once there is room`, async () => {
      await using rig = await openControllerRig({ store: limitStore(await openSqliteStore(':memory:')) })
      const store = rig.store as LimitedStore
      const mesh = await furnish(rig)
      const before = await factsOf(rig, mesh.root)
      store.writesLeft = 0
      await assertRefused(act(rig, mesh), 'storage-full')
      assert.deepEqual(await factsOf(rig, mesh.root), before)
      store.writesLeft = Number.POSITIVE_INFINITY
      await rig.reopen()
      assert.deepEqual(await factsOf(rig, mesh.root), before)
      const stored = await rig.store.list('')
      await act(rig, mesh)
      assert.notDeepEqual(await rig.store.list(''), stored)
    })
  }

  test('that gets full between two writes leaves memory as a restart would find it', async () => {
    let failureCount = 0
    for (let writesLeft = 1; writesLeft < 5; writesLeft += 1) {
      for (const act of Object.values(actions)) {
        await using rig = await openControllerRig({ store: limitStore(await openSqliteStore(':memory:')) })
        const store = rig.store as LimitedStore
        const mesh = await furnish(rig)
        store.writesLeft = writesLeft
        const outcome = await act(rig, mesh).then(
          () => 'done',
          () => 'failed',
        )
        if (outcome === 'failed') failureCount += 1
        store.writesLeft = Number.POSITIVE_INFINITY
        const root = await currentRoot(rig, mesh.root)
        const inMemory = await factsOf(rig, root)
        await rig.reopen()
        assert.deepEqual(await factsOf(rig, root), inMemory)
      }
    }
    assert.ok(failureCount > 0, 'no action wrote more than once')
  })

  test('on a real disk that is full refuses, changes nothing, and lets the same call through later', async t => {
    using disk = mountSmallDisk(t, 4 * 1_048_576)
    if (disk === undefined) return
    await using rig = await openControllerRig({ store: await openSqliteStore(disk.file('hub.db')) })
    const mesh = await furnish(rig)
    const device = await createDevice()
    const before = await factsOf(rig, mesh.root)
    const empty = disk.fill()
    const join = () => rig.join({ name: 'phone', token: mesh.open.token, device })
    await assertRefused(join(), 'storage-full')
    assert.deepEqual(await factsOf(rig, mesh.root), before)
    empty()
    assert.equal((await join()).user, 'carol')
  })
})

/** The administrator, or another one where that one was replaced. */
async function currentRoot(rig: ControllerRig, root: Member): Promise<Member> {
  try {
    rig.controller.admit(root.identity, root.issuedAtMs)
    return root
  } catch {
    return rig.join({ name: 'second root' })
  }
}
