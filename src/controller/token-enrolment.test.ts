import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { toMeshError } from '../core/model/errors.ts'
import { createDevice, openControllerRig } from '../testing/controller-rig.ts'
import { assertRefused } from '../testing/refusal.ts'

const MINUTE_MS = 60_000

suite('enroll() by a token', () => {
  test('makes an endpoint of the invited user, with the labels of both', async () => {
    await using rig = await openControllerRig()
    const { token } = await rig.invite('bob', { labels: ['lab'] })
    const { id, user } = await rig.join({ name: 'laptop', token, labels: ['blue', 'lab'] })
    assert.equal(user, 'bob')
    const { caller } = await rig.join({ name: 'home' })
    const info = await rig.ask('showEndpoint', caller, { params: { endpoint: id } })
    assert.deepEqual(info.labels, ['lab', 'blue'])
  })

  test('refuses a token that was used, with another key', async () => {
    await using rig = await openControllerRig()
    const { token } = await rig.invite('bob')
    await rig.join({ name: 'laptop', token })
    await assertRefused(rig.join({ name: 'phone', token }), 'permit-used')
  })

  test('lets exactly one of two keys in that race with one token', async () => {
    await using rig = await openControllerRig()
    const { token } = await rig.invite('bob')
    const [one, two] = [await createDevice(), await createDevice()]
    const results = await Promise.allSettled([
      rig.join({ name: 'one', token, device: one }),
      rig.join({ name: 'two', token, device: two }),
    ])
    assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    const lost = results.find(result => result.status === 'rejected')
    assert.equal(toMeshError(lost?.reason).code, 'permit-used')
    const { caller } = await rig.join({ name: 'home' })
    const { endpoints } = await rig.ask('listEndpoints', caller, { query: { user: 'bob' } })
    assert.equal(endpoints.length, 1)
  })

  test('gives the same key its endpoint again for ten minutes, and then no more', async () => {
    await using rig = await openControllerRig()
    const { token } = await rig.invite('bob')
    const device = await createDevice()
    const first = await rig.join({ name: 'laptop', token, device })
    rig.clock.advance(10 * MINUTE_MS)
    const again = await rig.join({ name: 'laptop', token, device })
    assert.equal(again.id, first.id)
    rig.clock.advance(1)
    await assertRefused(rig.join({ name: 'laptop', token, device }), 'permit-used')
  })

  test('gives the answer again although the endpoint was never stored', async () => {
    await using rig = await openControllerRig()
    const { token } = await rig.invite('bob')
    const device = await createDevice()
    const { id } = await rig.join({ name: 'laptop', token, device })
    // As if the process had been killed between the two writes.
    await rig.store.delete(`endpoint/${id}`)
    await rig.reopen()
    assert.equal((await rig.join({ name: 'laptop', token, device })).id, id)
  })

  test('does not bring back an endpoint that was removed', async () => {
    await using rig = await openControllerRig()
    const { token } = await rig.invite('bob')
    const device = await createDevice()
    const { id, caller } = await rig.join({ name: 'laptop', token, device })
    await rig.ask('removeEndpoint', caller, { params: { endpoint: id } })
    await assertRefused(rig.join({ name: 'laptop', token, device }), 'permit-used')
    await rig.reopen()
    await assertRefused(rig.join({ name: 'laptop', token, device }), 'permit-used')
  })

  test('refuses one that ended, was taken back, or is bound to another key', async () => {
    await using rig = await openControllerRig()
    const ended = await rig.invite('bob', { validMs: 1_000 })
    const mine = await createDevice()
    const bound = await rig.invite('bob', { identity: mine.key.publicKeyPem })
    const taken = await rig.invite('bob')
    const { caller } = await rig.join({ name: 'home' })
    await rig.ask('revokeInvitation', caller, { params: { invitation: taken.id } })
    rig.clock.advance(1_000)
    await assertRefused(rig.join({ name: 'a', token: ended.token }), 'permit-expired')
    await assertRefused(rig.join({ name: 'a', token: taken.token }), 'denied', /taken back/)
    await assertRefused(rig.join({ name: 'a', token: bound.token }), 'permit-bound')
    assert.equal((await rig.join({ name: 'a', token: bound.token, device: mine })).user, 'bob')
  })

  test('refuses any other text as bad-permit', async () => {
    await using rig = await openControllerRig()
    const { token, id } = await rig.invite('bob')
    const wrong = ['', 'x', id, token.slice(0, -1), `${token}A`, `${id}${'A'.repeat(43)}`, 'é'.repeat(59)]
    for (const [index, text] of wrong.entries()) {
      const address = `192.0.2.${index}:1`
      await assertRefused(rig.join({ name: 'a', token: text, address }), 'bad-permit')
    }
  })

  test('keeps no token in the store and writes none to the log', async () => {
    await using rig = await openControllerRig()
    const { token } = await rig.invite('bob')
    await rig.join({ name: 'laptop', token })
    await assertRefused(rig.join({ name: 'phone', token }), 'permit-used')
    const kept = JSON.stringify([await rig.store.list(''), rig.log.events])
    assert.equal(kept.includes(token.slice(16)), false)
    assert.equal(JSON.stringify(rig.log.events).includes('PRIVATE KEY'), false)
  })
})
