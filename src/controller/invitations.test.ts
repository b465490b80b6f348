import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createDevice, openControllerRig } from '../testing/controller-rig.ts'
import { assertRefused } from '../testing/refusal.ts'

suite('invite()', () => {
  test('makes an invitation for a day, whose token fits a ztm:// link', async () => {
    await using rig = await openControllerRig()
    const root = await rig.join({ name: 'home' })
    const { invitation, token } = await rig.ask('invite', root.caller, { body: { user: 'bob' } })
    const now = rig.clock.now()
    assert.deepEqual(invitation, {
      id: invitation.id,
      user: 'bob',
      by: 'root',
      labels: [],
      createdAtMs: now,
      expiresAtMs: now + 86_400_000,
      state: 'open',
      isBound: false,
    })
    assert.match(token, /^[A-Za-z0-9_-]{16,128}$/)
    assert.deepEqual(rig.log.fieldsOf('invitation.made'), [
      { invitation: invitation.id, user: 'bob', by: 'root', isBound: false },
    ])
  })

  test('is for administrators, as is listing and taking back', async () => {
    await using rig = await openControllerRig()
    const bob = await rig.joinAs('bob', 'laptop')
    const { id } = await rig.invite('carol')
    await assertRefused(rig.ask('invite', bob.caller, { body: { user: 'bob' } }), 'denied', /invite bob/)
    await assertRefused(rig.ask('invite', bob.caller, { body: { user: 'root' } }), 'denied')
    await assertRefused(rig.ask('listInvitations', bob.caller), 'denied')
    await assertRefused(rig.ask('revokeInvitation', bob.caller, { params: { invitation: id } }), 'denied')
  })

  test('makes administrators of whom it invites as root', async () => {
    await using rig = await openControllerRig()
    const second = await rig.joinAs('root', 'office')
    const { invitation } = await rig.ask('invite', second.caller, { body: { user: 'bob' } })
    assert.equal(invitation.user, 'bob')
  })

  test('refuses names that read like those of users', async () => {
    await using rig = await openControllerRig()
    await rig.invite('bob')
    await assertRefused(rig.invite('Bob'), 'bad-input', /differs from user "bob" only in case/)
    await assertRefused(rig.invite('ROOT'), 'bad-input')
    assert.ok((await rig.invite('bob')).token)
  })

  test('refuses an identity that is no public key of ours', async () => {
    await using rig = await openControllerRig()
    const { key, request } = await createDevice()
    await assertRefused(rig.invite('bob', { identity: request }), 'bad-input')
    await assertRefused(rig.invite('bob', { identity: key.privateKeyPem }), 'bad-input')
  })

  test('answers too-many while too many are open', async () => {
    await using rig = await openControllerRig({ limits: { openInvitations: 2 } })
    await rig.invite('bob')
    const { token } = await rig.invite('bob')
    await assertRefused(rig.invite('bob'), 'too-many')
    await rig.join({ name: 'laptop', token })
    await rig.invite('bob')
    await assertRefused(rig.invite('bob'), 'too-many')
    rig.clock.advance(86_400_000)
    await rig.invite('bob')
  })

  test('forgets the oldest closed ones over the limit', async () => {
    await using rig = await openControllerRig({ limits: { invitations: 3 } })
    const root = await rig.join({ name: 'home' })
    const ids: string[] = []
    for (let i = 0; i < 5; i += 1) {
      rig.clock.advance(1)
      const { id, token } = await rig.invite('bob')
      ids.push(id)
      if (i !== 1) await rig.join({ name: `laptop-${i}`, token })
    }
    const { invitations } = await rig.ask('listInvitations', root.caller)
    assert.deepEqual(
      invitations.map(({ id, state }) => [id, state]),
      [
        [ids[4], 'used'],
        [ids[3], 'used'],
        [ids[1], 'open'],
      ],
    )
  })
})

suite('listInvitations()', () => {
  test('says what became of each, the latest first', async () => {
    await using rig = await openControllerRig()
    const root = await rig.join({ name: 'home' })
    const device = await createDevice()
    const wishes = [{ validMs: 60_000 }, {}, {}, { identity: device.key.publicKeyPem }]
    const made: { id: string; token: string }[] = []
    for (const wish of wishes) {
      rig.clock.advance(1)
      made.push(await rig.invite('bob', wish))
    }
    const [, used, revoked] = made
    const laptop = await rig.join({ name: 'laptop', token: used?.token ?? '' })
    await rig.ask('revokeInvitation', root.caller, { params: { invitation: revoked?.id ?? '' } })
    rig.clock.advance(60_000)
    const { invitations } = await rig.ask('listInvitations', root.caller)
    assert.deepEqual(
      invitations.map(({ id, state, isBound, usedBy }) => [id, state, isBound, usedBy]),
      [
        [made[3]?.id, 'open', true, undefined],
        [made[2]?.id, 'revoked', false, undefined],
        [made[1]?.id, 'used', false, laptop.id],
        [made[0]?.id, 'expired', false, undefined],
      ],
    )
  })
})

suite('revokeInvitation()', () => {
  test('answers not-found for one that is not open', async () => {
    await using rig = await openControllerRig()
    const root = await rig.join({ name: 'home' })
    const { id, token } = await rig.invite('bob')
    await rig.join({ name: 'laptop', token })
    const revoke = (invitation: string) =>
      rig.ask('revokeInvitation', root.caller, { params: { invitation } })
    await assertRefused(revoke(id), 'not-found', /it is used/)
    await assertRefused(revoke('nothing'), 'not-found', /there is none/)
  })
})
