import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { EndpointId } from '../core/model/ids.ts'
import { checkChain } from '../pki/check.ts'
import { keyPairOf } from '../pki/key-pair.ts'
import { createSigningRequest } from '../pki/signing-request.ts'
import { createDevice, openControllerRig, STRANGER } from '../testing/controller-rig.ts'
import { assertRefused } from '../testing/refusal.ts'

const MINUTE_MS = 60_000

function bodyFor(rig: { clock: { now(): number } }, name: string, request: string, more: object = {}) {
  return { request, name, version: '0.1.0', timeMs: rig.clock.now(), ...more }
}

suite('enroll() by the root permit', () => {
  test('makes endpoints of root, as many as one likes', async () => {
    await using rig = await openControllerRig()
    const [home, office] = [await rig.join({ name: 'home' }), await rig.join({ name: 'office' })]
    assert.equal(home.user, 'root')
    assert.notEqual(home.id, office.id)
    assert.equal(rig.controller.endpointCount, 2)
  })

  test('gives a certificate of the key in the request, for 24 h', async () => {
    await using rig = await openControllerRig()
    const device = await createDevice()
    const answer = await rig.ask('enroll', await rig.permitCaller(), {
      body: bodyFor(rig, 'home', device.request),
    })
    const { rootCertificatePem: rootPem } = rig.authority
    const checked = checkChain(answer.chain, { rootPem, now: rig.clock.now() })
    assert.deepEqual(checked.identity, {
      kind: 'endpoint',
      mesh: rig.authority.mesh,
      user: 'root',
      endpoint: answer.endpoint,
    })
    assert.equal(checked.publicKeyPem, device.key.publicKeyPem)
    assert.equal(answer.expiresAtMs, rig.clock.now() + 86_400_000)
    assert.equal(answer.timeMs, rig.clock.now())
  })

  test('refuses a permit that was replaced, and takes the new one', async () => {
    await using rig = await openControllerRig()
    const old = await rig.permitCaller()
    const oldText = await rig.controller.rootPermit()
    await rig.controller.rotateRootPermit()
    const { request } = await createDevice()
    await assertRefused(rig.ask('enroll', old, { body: bodyFor(rig, 'home', request) }), 'denied', /replaced/)
    assert.notDeepEqual(await rig.controller.rootPermit(), oldText)
    assert.equal((await rig.join({ name: 'home' })).user, 'root')
  })

  test('refuses a permit that is replaced while the call waits for its turn', async () => {
    await using rig = await openControllerRig()
    const permit = await rig.permitCaller()
    const { request } = await createDevice()
    const rotation = rig.controller.rotateRootPermit()
    const enrolment = rig.ask('enroll', permit, { body: bodyFor(rig, 'home', request) })
    await assertRefused(enrolment, 'denied', /replaced/)
    await rotation
    assert.equal(rig.controller.endpointCount, 0)
  })

  test("refuses the permit's own key as that of an endpoint", async () => {
    await using rig = await openControllerRig()
    const { agent } = await rig.controller.rootPermit()
    const request = await createSigningRequest(keyPairOf(agent.privateKey ?? ''))
    const body = bodyFor(rig, 'home', request)
    await assertRefused(rig.ask('enroll', await rig.permitCaller(), { body }), 'denied', /key of your own/)
  })

  test('opens nothing but enroll', async () => {
    await using rig = await openControllerRig()
    const permit = await rig.permitCaller()
    await assertRefused(rig.ask('listUsers', permit), 'not-trusted')
    await assertRefused(rig.ask('listEndpoints', permit), 'not-trusted')
    await assertRefused(rig.ask('invite', permit, { body: { user: 'bob' } }), 'not-trusted')
    await assertRefused(rig.ask('evict', permit, { body: { user: 'bob' } }), 'not-trusted')
    await assertRefused(rig.ask('openSession', permit, { body: { service: 'tcp/web' } }), 'not-trusted')
    const { request } = await createDevice()
    await assertRefused(rig.ask('renew', permit, { body: { request } }), 'not-trusted')
  })

  test('refuses a caller with neither permit nor token, be it a member', async () => {
    await using rig = await openControllerRig()
    const { caller } = await rig.join({ name: 'home' })
    const { request } = await createDevice()
    await assertRefused(rig.ask('enroll', STRANGER, { body: bodyFor(rig, 'x', request) }), 'denied')
    await assertRefused(rig.ask('enroll', caller, { body: bodyFor(rig, 'x', request) }), 'denied')
  })
})

suite('enroll()', () => {
  test('takes clocks five minutes apart and no more, and names both times', async () => {
    await using rig = await openControllerRig()
    const { request } = await createDevice()
    const permit = await rig.permitCaller()
    for (const skewMs of [-5 * MINUTE_MS, 5 * MINUTE_MS]) {
      const timeMs = rig.clock.now() + skewMs
      await rig.ask('enroll', permit, { body: bodyFor(rig, 'home', request, { timeMs }) })
      await assertRefused(
        rig.ask('enroll', permit, {
          body: bodyFor(rig, 'home', request, { timeMs: timeMs + Math.sign(skewMs) }),
        }),
        'clock-skew',
        /2026-05-04T08:0\d:00\.001Z|2026-05-04T07:54:59\.999Z/,
      )
    }
  })

  test('refuses a request that is none', async () => {
    await using rig = await openControllerRig()
    const body = bodyFor(
      rig,
      'home',
      '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n',
    )
    await assertRefused(rig.ask('enroll', await rig.permitCaller(), { body }), 'bad-input')
    assert.equal(rig.controller.endpointCount, 0)
  })

  test('gives a known key its endpoint, under the new name', async () => {
    await using rig = await openControllerRig()
    const device = await createDevice()
    const first = await rig.join({ name: 'home', device, labels: ['lab'] })
    const again = await rig.join({ name: 'den', device })
    assert.equal(again.id, first.id)
    const { endpoints } = await rig.ask('listEndpoints', again.caller)
    assert.deepEqual(
      endpoints.map(({ name, labels }) => [name, labels]),
      [['den', ['lab']]],
    )
    assert.deepEqual(rig.log.fieldsOf('endpoint.renamed'), [
      { endpoint: first.id, user: 'root', from: 'home', to: 'den' },
    ])
    assert.equal((await rig.join({ name: 'home' })).name, 'home')
  })

  test("refuses the key of another user's endpoint until that is removed", async () => {
    await using rig = await openControllerRig()
    const device = await createDevice()
    const alice = await rig.joinAs('alice', 'laptop', device)
    const { token } = await rig.invite('bob')
    await assertRefused(rig.join({ name: 'mine', token, device }), 'denied', /"laptop" of alice/)
    await rig.ask('removeEndpoint', alice.caller, { params: { endpoint: alice.id } })
    const bob = await rig.join({ name: 'mine', token, device })
    assert.equal(bob.user, 'bob')
    assert.notEqual(bob.id, alice.id)
  })

  test('holds names for one another that differ only in case or composition', async () => {
    await using rig = await openControllerRig()
    await rig.joinAs('alice', 'Café')
    const { token } = await rig.invite('bob')
    for (const name of ['Café', 'CAFÉ', 'cafe\u0301', 'CAFE\u0301']) {
      await assertRefused(
        rig.join({ name, token }),
        'name-taken',
        /alice has an endpoint of that name: choose/,
      )
    }
    assert.equal((await rig.join({ name: 'cafe', token })).name, 'cafe')
  })

  test('replaces an endpoint of the same user when asked, and no other', async () => {
    await using rig = await openControllerRig()
    const old = await rig.joinAs('alice', 'laptop')
    const { token } = await rig.invite('alice')
    await assertRefused(rig.join({ name: 'laptop', token }), 'name-taken', /replace that endpoint/)
    const { token: bobs } = await rig.invite('bob')
    await assertRefused(rig.join({ name: 'laptop', token: bobs, isReplacing: true }), 'name-taken')
    const fresh = await rig.join({ name: 'laptop', token, isReplacing: true })
    assert.notEqual(fresh.id, old.id)
    await assertRefused(rig.ask('listUsers', old.caller), 'not-trusted')
    assert.deepEqual(
      rig.changes.filter(({ change }) => change === 'endpoint-removed'),
      [{ change: 'endpoint-removed', endpoint: old.id }],
    )
  })

  test('refuses endpoints over the limit, and still renews those that are there', async () => {
    await using rig = await openControllerRig({ limits: { endpoints: 2 } })
    const device = await createDevice()
    await rig.join({ name: 'one', device })
    await rig.join({ name: 'two' })
    await assertRefused(rig.join({ name: 'three' }), 'too-many')
    assert.equal((await rig.join({ name: 'one', device })).name, 'one')
    assert.equal((await rig.join({ name: 'two', isReplacing: true })).name, 'two')
  })

  test('answers too-many after ten refused calls from an address in a minute', async () => {
    await using rig = await openControllerRig()
    const { token } = await rig.invite('bob')
    const address = '198.51.100.4:1234'
    for (let i = 0; i < 10; i += 1) {
      await assertRefused(rig.join({ name: 'a', token: `guess-${i}`, address }), 'bad-permit')
    }
    await assertRefused(rig.join({ name: 'a', token, address: '198.51.100.4:9' }), 'too-many')
    assert.equal((await rig.join({ name: 'a', token, address: '198.51.100.5:9' })).user, 'bob')
    rig.clock.advance(MINUTE_MS)
    assert.equal((await rig.joinAs('bob', 'b')).user, 'bob')
    assert.equal(rig.log.fieldsOf('enrolment.refused').length, 10)
  })

  test('does not count refusals that no guess explains', async () => {
    await using rig = await openControllerRig()
    await rig.join({ name: 'home' })
    for (let i = 0; i < 12; i += 1) await assertRefused(rig.join({ name: 'HOME' }), 'name-taken')
  })
})

suite('renew()', () => {
  test('gives a certificate for the same key, and stores what it issued', async () => {
    await using rig = await openControllerRig()
    const { id, caller, device } = await rig.join({ name: 'home' })
    rig.clock.advance(16 * 3_600_000)
    const answer = await rig.ask('renew', caller, { body: { request: device.request } })
    const { rootCertificatePem: rootPem } = rig.authority
    const { publicKeyPem, issuedAtMs, serial } = checkChain(answer.chain, { rootPem, now: rig.clock.now() })
    assert.equal(publicKeyPem, device.key.publicKeyPem)
    assert.equal(issuedAtMs, rig.clock.now())
    const stored = (await rig.store.get(`endpoint/${id}`))?.value as { certificate: unknown }
    assert.deepEqual(stored.certificate, { serial, issuedAtMs, expiresAtMs: answer.expiresAtMs })
  })

  test('refuses a request for another key', async () => {
    await using rig = await openControllerRig()
    const { caller } = await rig.join({ name: 'home' })
    const { request } = await createDevice()
    await assertRefused(rig.ask('renew', caller, { body: { request } }), 'denied', /another key/)
  })

  test('refuses strangers, hubs, endpoints unknown, of other meshes or under another user', async () => {
    await using rig = await openControllerRig()
    const { identity, device, caller } = await rig.join({ name: 'home' })
    const body = { request: device.request }
    const posing = (changes: object) =>
      ({ ...caller, identity: { ...identity, ...changes } }) as typeof caller
    const hub = { ...caller, identity: { kind: 'hub', mesh: identity.mesh, hub: rig.hub } as const }
    await assertRefused(rig.ask('renew', STRANGER, { body }), 'not-trusted')
    await assertRefused(rig.ask('renew', hub, { body }), 'not-trusted')
    await assertRefused(rig.ask('renew', posing({ mesh: 'a'.repeat(26) }), { body }), 'not-trusted')
    await assertRefused(rig.ask('renew', posing({ user: 'bob' }), { body }), 'not-trusted')
    const nobody = '11111111-6f53-4a52-9a4b-0b6f0d9d7c11' as EndpointId
    await assertRefused(rig.ask('renew', posing({ endpoint: nobody }), { body }), 'not-trusted')
  })
})
