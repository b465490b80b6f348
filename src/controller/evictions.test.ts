import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  type ControllerRig,
  createDevice,
  type Member,
  openControllerRig,
} from '../testing/controller-rig.ts'
import { assertRefused } from '../testing/refusal.ts'

const isAdmitted = (rig: ControllerRig, { identity, issuedAtMs }: Member) =>
  rig.controller.admit(identity, issuedAtMs)

async function openWithRoot() {
  const rig = await openControllerRig()
  const root = await rig.join({ name: 'home' })
  const evict = (body: object, by: Member = root) => rig.ask('evict', by.caller, { body })
  const undo = (eviction: string) => rig.ask('undoEviction', root.caller, { params: { eviction } })
  return { rig, root, evict, undo }
}

suite('evict()', () => {
  test('puts a user out with all endpoints, and says who, why and from when', async () => {
    const { rig, root, evict } = await openWithRoot()
    await using _ = rig
    const [one, two] = [await rig.joinAs('bob', 'laptop'), await rig.joinAs('bob', 'phone')]
    const eviction = await evict({ user: 'bob', reason: 'left the company' })
    assert.deepEqual(eviction, {
      id: eviction.id,
      user: 'bob',
      beforeMs: rig.clock.now() + 1_000,
      by: 'root',
      reason: 'left the company',
    })
    assert.deepEqual(rig.controller.evictions(), [eviction])
    assert.deepEqual(rig.changes, [{ change: 'evicted', eviction, endpoints: [one.id, two.id] }])
    for (const member of [one, two]) {
      await assertRefused(() => isAdmitted(rig, member), 'evicted', /user bob was evicted/)
      await assertRefused(rig.ask('listUsers', member.caller), 'evicted')
    }
    isAdmitted(rig, root)
    assert.equal(rig.log.fieldsOf('member.evicted').length, 1)
  })

  test('puts one endpoint out and leaves the others', async () => {
    const { rig, evict } = await openWithRoot()
    await using _ = rig
    const [one, two] = [await rig.joinAs('bob', 'laptop'), await rig.joinAs('bob', 'phone')]
    const eviction = await evict({ endpoint: one.id })
    assert.equal(eviction.endpoint, one.id)
    await assertRefused(() => isAdmitted(rig, one), 'evicted', /endpoint "laptop" was evicted/)
    isAdmitted(rig, two)
  })

  test('refuses the certificates that a member renews while its link is being cut', async () => {
    const { rig, evict } = await openWithRoot()
    await using _ = rig
    const bob = await rig.joinAs('bob', 'laptop')
    await evict({ user: 'bob' })
    rig.clock.advance(5_000)
    const { request } = bob.device
    await assertRefused(rig.ask('renew', bob.caller, { body: { request } }), 'evicted')
    // Even a younger certificate, wherever it came from, brings no membership back.
    await assertRefused(() => rig.controller.admit(bob.identity, rig.clock.now()), 'evicted')
  })

  test('reaches certificates of the very same second, and those from before the clock was set back', async () => {
    const { rig, evict } = await openWithRoot()
    await using _ = rig
    rig.clock.advance(400)
    const bob = await rig.joinAs('bob', 'laptop')
    rig.clock.advance(-3_600_000)
    await evict({ user: 'bob' })
    await assertRefused(() => isAdmitted(rig, bob), 'evicted')
  })

  test('takes back the open invitations of the user, for good', async () => {
    const { rig, root, evict, undo } = await openWithRoot()
    await using _ = rig
    const { token, id } = await rig.invite('bob')
    const other = await rig.invite('carol')
    const eviction = await evict({ user: 'bob' })
    await assertRefused(rig.join({ name: 'laptop', token }), 'denied', /taken back/)
    await undo(eviction.id)
    await assertRefused(rig.join({ name: 'laptop', token }), 'denied')
    const { invitations } = await rig.ask('listInvitations', root.caller)
    const stateOf = (wanted: string) => invitations.find(one => one.id === wanted)?.state
    assert.deepEqual([stateOf(id), stateOf(other.id)], ['revoked', 'open'])
  })

  test('refuses old invitations where the store could not take them back', async () => {
    const { rig, evict } = await openWithRoot()
    await using _ = rig
    const { token, id } = await rig.invite('bob')
    const open = await rig.store.get(`invitation/${id}`)
    await evict({ user: 'bob' })
    await rig.store.put(`invitation/${id}`, open?.value ?? null)
    await rig.reopen()
    await assertRefused(rig.join({ name: 'laptop', token }), 'evicted')
  })

  test('lets a user back in by a later invitation, with the same key or another', async () => {
    const { rig, evict } = await openWithRoot()
    await using _ = rig
    const [one, two] = [await rig.joinAs('bob', 'laptop'), await rig.joinAs('bob', 'phone')]
    await evict({ user: 'bob' })
    // At once: within the second that the eviction still reaches.
    const back = await rig.joinAs('bob', 'laptop', one.device)
    assert.equal(back.id, one.id)
    isAdmitted(rig, back)
    await assertRefused(() => isAdmitted(rig, one), 'evicted')
    await assertRefused(() => isAdmitted(rig, two), 'evicted')
    rig.clock.advance(5_000)
    isAdmitted(rig, await rig.joinAs('bob', 'tablet'))
    const again = await evict({ user: 'bob' })
    assert.equal(rig.controller.evictions().length, 2)
    assert.ok(again.beforeMs > rig.clock.now())
    await assertRefused(() => isAdmitted(rig, back), 'evicted')
  })

  test('reaches a user who came back within the same second', async () => {
    const { rig, evict } = await openWithRoot()
    await using _ = rig
    await rig.joinAs('bob', 'laptop')
    await evict({ user: 'bob' })
    const back = await rig.joinAs('bob', 'phone')
    await evict({ user: 'bob' })
    await assertRefused(() => isAdmitted(rig, back), 'evicted')
  })

  test('keeps the key of an evicted endpoint out, though its record was removed', async () => {
    const { rig, root, evict } = await openWithRoot()
    await using _ = rig
    const device = await createDevice()
    const bob = await rig.joinAs('bob', 'laptop', device)
    const { token: older } = await rig.invite('bob')
    await evict({ endpoint: bob.id })
    await rig.ask('removeEndpoint', root.caller, { params: { endpoint: bob.id } })
    await assertRefused(rig.join({ name: 'laptop', token: older, device }), 'evicted', /this computer's key/)
    await rig.reopen()
    await assertRefused(rig.join({ name: 'laptop', token: older, device }), 'evicted')
    isAdmitted(rig, await rig.joinAs('bob', 'laptop', device))
  })

  test('keeps an evicted endpoint of root out for all that it has the root permit', async () => {
    const { rig, evict } = await openWithRoot()
    await using _ = rig
    const device = await createDevice()
    const lost = await rig.join({ name: 'lost', device })
    await evict({ endpoint: lost.id })
    await assertRefused(rig.join({ name: 'lost', device }), 'evicted')
    await rig.controller.rotateRootPermit()
    isAdmitted(rig, await rig.join({ name: 'lost', device }))
  })

  test('gives the key of an evicted endpoint to another user by a later invitation only', async () => {
    const { rig, evict } = await openWithRoot()
    await using _ = rig
    const device = await createDevice()
    const alice = await rig.joinAs('alice', 'laptop', device)
    const { token: older } = await rig.invite('bob')
    rig.clock.advance(1)
    await evict({ user: 'alice' })
    await assertRefused(rig.join({ name: 'mine', token: older, device }), 'evicted', /user alice/)
    const bob = await rig.joinAs('bob', 'mine', device)
    isAdmitted(rig, bob)
    assert.notEqual(bob.id, alice.id)
    await assertRefused(() => isAdmitted(rig, alice), 'not-trusted')
  })

  test('refuses to evict root, nobody, two at once, or somebody unknown', async () => {
    const { rig, root, evict } = await openWithRoot()
    await using _ = rig
    await assertRefused(evict({ user: 'root' }), 'denied', /evict single endpoints/)
    await assertRefused(evict({}), 'bad-input')
    await assertRefused(evict({ user: 'bob', endpoint: root.id }), 'bad-input')
    await assertRefused(evict({ user: 'bob' }), 'not-found')
    await assertRefused(evict({ endpoint: '11111111-6f53-4a52-9a4b-0b6f0d9d7c11' }), 'not-found')
    assert.deepEqual(rig.controller.evictions(), [])
  })

  test('is for administrators, as is undoing', async () => {
    const { rig, root, evict } = await openWithRoot()
    await using _ = rig
    const bob = await rig.joinAs('bob', 'laptop')
    const alice = await rig.joinAs('alice', 'desk')
    await assertRefused(evict({ user: 'alice' }, bob), 'denied', /no policy allows it/)
    await assertRefused(evict({ endpoint: root.id }, bob), 'denied')
    const { id } = await evict({ user: 'alice' })
    await assertRefused(rig.ask('undoEviction', bob.caller, { params: { eviction: id } }), 'denied')
    await assertRefused(rig.ask('undoEviction', alice.caller, { params: { eviction: id } }), 'evicted')
    assert.deepEqual((await rig.ask('listEvictions', bob.caller)).evictions, rig.controller.evictions())
    assert.deepEqual(
      rig.log.fieldsOf('action.denied').map(({ action, user }) => [action, user]),
      [
        ['evict alice', 'bob'],
        [`evict ${root.id}`, 'bob'],
        ['undo an eviction', 'bob'],
      ],
    )
  })

  test('answers too-many over the limit', async () => {
    await using rig = await openControllerRig({ limits: { evictions: 1 } })
    const root = await rig.join({ name: 'home' })
    await rig.invite('bob')
    await rig.ask('evict', root.caller, { body: { user: 'bob' } })
    await assertRefused(rig.ask('evict', root.caller, { body: { user: 'bob' } }), 'too-many', /undo old ones/)
  })
})

suite('undoEviction()', () => {
  test('makes the certificates good again, and tells the listeners', async () => {
    const { rig, root, evict, undo } = await openWithRoot()
    await using _ = rig
    const bob = await rig.joinAs('bob', 'laptop')
    const { id } = await evict({ user: 'bob' })
    await undo(id)
    isAdmitted(rig, bob)
    assert.deepEqual(rig.controller.evictions(), [])
    assert.deepEqual(rig.changes.at(-1), { change: 'eviction-undone', id })
    await assertRefused(undo(id), 'not-found')
    const { users } = await rig.ask('listUsers', root.caller)
    assert.equal(
      users.some(({ isEvicted }) => isEvicted),
      false,
    )
  })

  test('leaves other evictions of the same one in force', async () => {
    const { rig, evict, undo } = await openWithRoot()
    await using _ = rig
    const bob = await rig.joinAs('bob', 'laptop')
    const first = await evict({ user: 'bob' })
    await evict({ endpoint: bob.id })
    await undo(first.id)
    await assertRefused(() => isAdmitted(rig, bob), 'evicted')
  })
})
