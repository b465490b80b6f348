import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseServiceName } from '../core/model/names.ts'
import { openControllerRig } from '../testing/controller-rig.ts'
import { assertRefused } from '../testing/refusal.ts'

const WEB = parseServiceName('tcp/web')

suite('explainReach()', () => {
  test('says which policy decides, of endpoints and of services', async () => {
    await using rig = await openControllerRig()
    const bob = await rig.joinAs('bob', 'laptop')
    const desk = await rig.joinAs('bob', 'desk')
    const carol = await rig.joinAs('carol', 'phone')
    await rig.ask('host', desk.caller, {
      params: { service: WEB },
      body: { access: { users: ['carol'], entrances: [] } },
    })
    rig.controller.connected(desk.id, '10.0.0.1:1', rig.clock.now())
    const explain = async (by: typeof bob, to: { endpoint: typeof bob.id } | { service: typeof WEB }) => {
      const { isAllowed, because, hosts } = await rig.ask('explainReach', by.caller, { body: { to } })
      return [
        isAllowed,
        /^(allowed|denied|no policy)/.exec(because)?.[0],
        hosts.map(host => [host.name, host.isOnline]),
      ]
    }
    assert.deepEqual(await explain(bob, { endpoint: desk.id }), [true, 'allowed', [['desk', true]]])
    assert.deepEqual(await explain(bob, { endpoint: carol.id }), [false, 'no policy', [['phone', false]]])
    assert.deepEqual(await explain(carol, { service: WEB }), [true, 'allowed', [['desk', true]]])
  })

  test('tells nobody of a service they may not dial, and nobody but its user and administrators of another endpoint', async () => {
    await using rig = await openControllerRig()
    const root = await rig.join({ name: 'first' })
    const bob = await rig.joinAs('bob', 'laptop')
    const phone = await rig.joinAs('bob', 'phone')
    const carol = await rig.joinAs('carol', 'desk')
    await rig.ask('host', bob.caller, {
      params: { service: WEB },
      body: { access: { users: [], entrances: [] } },
    })
    const to = { service: WEB }
    const ask = (by: typeof bob, body: object) =>
      rig.ask('explainReach', by.caller, { body: { to, ...body } })
    const hidden = await ask(carol, {})
    assert.deepEqual([hidden.isAllowed, hidden.hosts], [false, []])
    const missing = await ask(carol, { to: { service: parseServiceName('tcp/none') } })
    assert.deepEqual([missing.isAllowed, missing.because, missing.hosts], [false, hidden.because, []])
    assert.equal((await ask(bob, { from: phone.id })).isAllowed, true)
    await assertRefused(ask(carol, { from: phone.id }), 'denied')
    assert.equal((await ask(root, { from: carol.id })).isAllowed, false)
    await assertRefused(ask(root, { to: { service: parseServiceName('tcp/none') } }), 'not-found')
  })
})
