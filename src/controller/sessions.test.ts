import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ServiceName } from '../core/model/names.ts'
import { formatSpiffeId } from '../core/model/spiffe-id.ts'
import { ms } from '../core/model/time.ts'
import { checkSessionTicket } from '../pki/session-ticket.ts'
import { type ControllerRig, type Member, openControllerRig, STRANGER } from '../testing/controller-rig.ts'
import { assertRefused } from '../testing/refusal.ts'

const WEB = 'tcp/web' as ServiceName

function host(rig: ControllerRig, by: Member, access: { users?: string[]; entrances?: string[] }) {
  return rig.ask('host', by.caller, { params: { service: WEB }, body: { access, health: 'up' } })
}

const dial = (rig: ControllerRig, by: Pick<Member, 'caller'>, service: string = WEB) =>
  rig.ask('openSession', by.caller, { body: { service } })

suite('openSession()', () => {
  test('gives a ticket that the hosting agent accepts from this dialler alone', async () => {
    await using rig = await openControllerRig()
    const [alice, bob, carol] = [
      await rig.joinAs('alice', 'one'),
      await rig.joinAs('bob', 'two'),
      await rig.joinAs('carol', 'three'),
    ]
    await host(rig, alice, { users: ['bob'] })
    const { ticket, expiresAtMs, service } = await dial(rig, bob)
    const check = {
      rootPem: rig.authority.rootCertificatePem,
      now: rig.clock.now(),
      dialler: formatSpiffeId(bob.identity),
      service: WEB,
    }
    assert.equal(checkSessionTicket(ticket, check).owner, 'alice')
    assert.equal(expiresAtMs, rig.clock.now() + 300_000)
    assert.deepEqual(service, {
      name: WEB,
      owner: 'alice',
      hostings: [
        {
          endpoint: alice.id,
          name: 'one',
          isOnline: false,
          health: 'up',
          access: { users: [], entrances: [] },
        },
      ],
    })
    const asCarol = { ...check, dialler: formatSpiffeId(carol.identity) }
    await assertRefused(() => checkSessionTicket(ticket, asCarol), 'bad-ticket')
    const later = { ...check, now: ms(check.now + 600_000) }
    await assertRefused(() => checkSessionTicket(ticket, later), 'bad-ticket')
  })

  test('gives only the hostings that the caller may dial', async () => {
    await using rig = await openControllerRig()
    const [one, two, bob] = [
      await rig.joinAs('alice', 'one'),
      await rig.joinAs('alice', 'two'),
      await rig.joinAs('bob', 'three'),
    ]
    await host(rig, one, {})
    await host(rig, two, { users: ['bob'] })
    const { service } = await dial(rig, bob)
    assert.deepEqual(
      service.hostings.map(({ endpoint }) => endpoint),
      [two.id],
    )
    assert.equal((await dial(rig, one)).service.hostings.length, 2)
  })

  test('lets nobody but the owner dial where no users are named', async () => {
    await using rig = await openControllerRig()
    const [alice, alices, bob, root] = [
      await rig.joinAs('alice', 'one'),
      await rig.joinAs('alice', 'two'),
      await rig.joinAs('bob', 'three'),
      await rig.join({ name: 'home' }),
    ]
    await host(rig, alice, {})
    assert.equal((await dial(rig, alices)).service.owner, 'alice')
    await assertRefused(dial(rig, bob), 'denied', /Cannot dial "tcp\/web": no policy allows it/)
    await assertRefused(dial(rig, root), 'denied')
    await host(rig, alice, { users: ['*'] })
    assert.equal((await dial(rig, bob)).service.owner, 'alice')
    assert.deepEqual(
      rig.log.fieldsOf('session.denied').map(({ user, service }) => [user, service]),
      [
        ['bob', WEB],
        ['root', WEB],
      ],
    )
  })

  test('names the rule that denies', async () => {
    await using rig = await openControllerRig()
    const [alice, bob, other] = [
      await rig.joinAs('alice', 'one'),
      await rig.joinAs('bob', 'two'),
      await rig.joinAs('bob', 'three'),
    ]
    await host(rig, alice, { users: ['bob'], entrances: [other.id] })
    await assertRefused(dial(rig, bob), 'denied', /denied by policy "entrances of tcp\/web at [0-9a-f-]+"/)
    assert.equal((await dial(rig, other)).service.name, WEB)
  })

  test('answers not-found where nobody hosts it', async () => {
    await using rig = await openControllerRig()
    const bob = await rig.joinAs('bob', 'two')
    await assertRefused(dial(rig, bob), 'not-found', /nobody hosts it/)
    await assertRefused(dial(rig, bob, 'tcp/WEB'), 'not-found')
  })

  test('refuses strangers, the evicted, and the hosting of the evicted', async () => {
    await using rig = await openControllerRig()
    const [alice, bob, root] = [
      await rig.joinAs('alice', 'one'),
      await rig.joinAs('bob', 'two'),
      await rig.join({ name: 'home' }),
    ]
    await host(rig, alice, { users: ['*'] })
    await assertRefused(dial(rig, { caller: STRANGER }), 'not-trusted')
    await rig.ask('evict', root.caller, { body: { endpoint: alice.id } })
    await assertRefused(dial(rig, bob), 'denied')
    await assertRefused(dial(rig, alice), 'evicted')
  })
})
