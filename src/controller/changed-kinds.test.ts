import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type ControllerRig, type Member, openControllerRig } from '../testing/controller-rig.ts'
import { createEdgeClient } from '../testing/edge-client.ts'

suite('awaitChanges()', () => {
  test('tells an administrator which kinds of things changed, whatever changed them', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const look = await startLooking(rig, edge.root)
    await edge.create('services', { name: 'db', encryptionRequired: true })
    assert.deepEqual(await look(), ['service', 'terminator'])
    const policy = { name: 'all', type: 'Dial', semantic: 'AnyOf' }
    await edge.create('service-policies', { ...policy, identityRoles: ['#all'], serviceRoles: ['#all'] })
    assert.deepEqual(await look(), ['policy'])
    const { token } = await edge.logIn('robot')
    const kinds = await look()
    for (const kind of ['identity', 'authenticator', 'api-session'])
      assert.ok(kinds.includes(kind as never), kind)
    const { body } = await edge.ask('GET', '/services', { token })
    const [service] = (body as { data: { id: string }[] }).data
    await look()
    await edge.ask('POST', '/sessions', { token, body: { serviceId: service?.id, type: 'Dial' } })
    assert.ok((await look()).includes('session'))
    await rig.invite('carol')
    assert.deepEqual(await look(), ['user', 'invitation'])
    await rig.ask('createGroup', edge.root.caller, { body: { name: 'ops' } })
    assert.ok((await look()).includes('group'))
    await rig.ask('evict', edge.root.caller, { body: { user: 'carol' } })
    assert.ok((await look()).includes('eviction'))
  })

  test('tells a member what they may see, and nothing of what they may not', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const bob = await rig.joinAs('bob', 'laptop')
    const carol = await rig.joinAs('carol', 'desk')
    const look = await startLooking(rig, bob)
    const before = await look.mark()
    const host = (service: string, users: string[]) =>
      rig.ask('host', carol.caller, {
        params: { service },
        body: { access: { users, entrances: [] } },
      } as never)
    await host('tcp/secret', ['dave'])
    await edge.logIn('robot')
    await edge.create('services', { name: 'db', encryptionRequired: true })
    // One more for somebody who is known already shows nothing new to others.
    await rig.invite('carol')
    assert.deepEqual(await look(), [])
    assert.equal(await look.mark(), before)

    await host('tcp/web', ['bob'])
    assert.deepEqual(await look(), ['service'])
    await host('tcp/web', [])
    assert.deepEqual(await look(), ['service'])
    const policy = { name: 'bob-dials', type: 'Dial', semantic: 'AnyOf' }
    await edge.create('service-policies', {
      ...policy,
      identityRoles: [`@${bob.id}`],
      serviceRoles: ['#all'],
    })
    assert.deepEqual(await look(), ['service'])
    await rig.invite('erin')
    assert.deepEqual(await look(), ['user'])
    await rig.ask('createGroup', edge.root.caller, { body: { name: 'ops', users: ['bob'] } })
    assert.deepEqual(await look(), ['identity', 'user', 'group'])
  })

  test('is woken by a change, and lets who may not see it wait', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const bob = await rig.joinAs('bob', 'laptop')
    const [admin, member] = [await startLooking(rig, edge.root), await startLooking(rig, bob)]
    const [adminHears, memberHears] = [admin.hears(), member.hears()]
    await edge.create('services', { name: 'db', encryptionRequired: true })
    assert.deepEqual((await adminHears).kinds, ['service', 'terminator'])
    assert.equal(await Promise.race([memberHears, 'waits']), 'waits')
    await rig.ask('updateUser', edge.root.caller, { params: { user: 'bob' }, body: { role: 'admin' } })
    // Whoever administers from now on is told of everything.
    assert.ok((await memberHears).kinds.includes('signer'))
  })
})

/** @returns what changed since it was last asked; nothing is waited for */
async function startLooking(rig: ControllerRig, by: Member) {
  const settle = async () => {
    for (let turn = 0; turn < 3; turn += 1) await nextTurn()
  }
  await settle()
  let { next } = await rig.ask('awaitChanges', by.caller, { query: {} })
  const ask = async () => {
    const waiting = rig.ask('awaitChanges', by.caller, { query: { since: next } })
    // Another question of the same endpoint ends the first.
    const [answer] = await Promise.all([
      waiting,
      rig.ask('awaitChanges', by.caller, { query: { since: 'x' } }),
    ])
    next = answer.next
    return answer
  }
  const look = async () => {
    await settle()
    return (await ask()).kinds
  }
  return Object.assign(look, {
    mark: async () => {
      await look()
      return next
    },
    hears: async () => rig.ask('awaitChanges', by.caller, { query: { since: next } }),
  })
}
