import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Caller } from '../../core/api/caller.ts'
import type { ServiceName } from '../../core/model/names.ts'
import { type EndpointIdentity, formatSpiffeId } from '../../core/model/spiffe-id.ts'
import { checkChain } from '../../pki/check.ts'
import { checkSessionTicket } from '../../pki/session-ticket.ts'
import { createSigningRequest } from '../../pki/signing-request.ts'
import {
  type ControllerRig,
  createDevice,
  type Device,
  openControllerRig,
} from '../../testing/controller-rig.ts'
import { codeOf, createEdgeClient, dataOf } from '../../testing/edge-client.ts'
import { assertRefused } from '../../testing/refusal.ts'

type Edge = Awaited<ReturnType<typeof createEdgeClient>>

/** A program that logged in and has a certificate, as the hub sees it. */
interface Program {
  readonly identityId: string
  readonly token: string
  readonly sessionId: string
  readonly device: Device
  readonly identity: EndpointIdentity
  readonly caller: Caller
  readonly certificateId: string
}

async function enter(rig: ControllerRig, edge: Edge, name: string, more: object = {}): Promise<Program> {
  const login = await edge.logIn(name, more)
  const device = await createDevice()
  const answer = await edge.ask('POST', '/current-api-session/certificates', {
    token: login.token,
    body: { csr: device.request },
  })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  const { certificate, id } = dataOf<{ certificate: string; id: string }>(answer)
  const now = rig.clock.now()
  const checked = checkChain(certificate, {
    rootPem: rig.authority.rootCertificatePem,
    now,
    expect: ['endpoint'],
  })
  const identity = checked.identity as EndpointIdentity
  const caller = { identity, address: '192.0.2.20:4444', issuedAtMs: checked.issuedAtMs }
  return { ...login, device, identity, caller, certificateId: id }
}

async function declare(edge: Edge, name: string, dial: string[], bind: string[] = []): Promise<string> {
  const id = await edge.create('services', { name, encryptionRequired: true })
  const base = { semantic: 'AnyOf', serviceRoles: [`@${id}`] }
  await edge.create('service-policies', { ...base, name: `${name} dial`, type: 'Dial', identityRoles: dial })
  await edge.create('service-policies', { ...base, name: `${name} bind`, type: 'Bind', identityRoles: bind })
  return id
}

const host = (rig: ControllerRig, by: Caller, service: string, more: object = {}) =>
  rig.ask('host', by, {
    params: { service: service as ServiceName },
    body: { access: { users: [], entrances: [], policies: true }, ...more },
  })
const open = (rig: ControllerRig, by: Caller, service: string) =>
  rig.ask('openSession', by, { body: { service: service as ServiceName } })

suite('an API session with a certificate', () => {
  test('is an endpoint of the mesh, of its identity', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const program = await enter(rig, edge, 'worker', { roleAttributes: ['staff', 'a/b'] })
    assert.deepEqual(program.identity, {
      kind: 'endpoint',
      mesh: rig.authority.mesh,
      user: program.identityId,
      endpoint: program.sessionId,
    })
    rig.controller.admit(program.identity, program.caller.issuedAtMs ?? 0)
    const shown = await rig.ask('showEndpoint', edge.root.caller, {
      params: { endpoint: program.identity.endpoint },
    })
    assert.equal(shown.name, `worker-${program.sessionId.slice(0, 4)}`)
    assert.deepEqual(shown.labels, ['staff'])
    assert.equal((await rig.ask('listEndpoints', edge.root.caller)).total, 1)
    const byCertificate = await edge.ask('GET', '/current-identity', { caller: program.caller })
    assert.equal(dataOf(byCertificate).id, program.identityId)
  })

  test('renews its certificate over its link, for the same key alone, while the login is good', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const program = await enter(rig, edge, 'worker')
    rig.controller.connected(program.identity.endpoint, '192.0.2.20:4444', rig.clock.now())
    rig.clock.advance(8 * 3_600_000)
    const request = await createSigningRequest(program.device.key)
    const renewed = await rig.ask('renew', program.caller, { body: { request } })
    assert.equal(renewed.expiresAtMs, rig.clock.now() + 12 * 3_600_000)
    await assertRefused(
      rig.ask('renew', program.caller, { body: { request: (await createDevice()).request } }),
      'denied',
    )
    // A restart of the controller gives it time to come back.
    await rig.controller.sweepSessions()
    await rig.reopen()
    rig.controller.admit(program.identity, program.caller.issuedAtMs ?? 0)
    // Without its link nothing keeps the login alive.
    rig.controller.disconnected(program.identity.endpoint, rig.clock.now())
    rig.clock.advance(29 * 60_000)
    rig.controller.admit(program.identity, program.caller.issuedAtMs ?? 0)
    rig.clock.advance(2 * 60_000)
    await assertRefused(
      () => rig.controller.admit(program.identity, program.caller.issuedAtMs ?? 0),
      'not-trusted',
    )
  })

  test('is one no more when its certificate, its login or its identity ends', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const endings: ((program: Program) => Promise<unknown>)[] = [
      ({ token, certificateId }) =>
        edge.ask('DELETE', `/current-api-session/certificates/${certificateId}`, { token }),
      ({ token }) => edge.ask('DELETE', '/current-api-session', { token }),
      ({ sessionId }) => edge.manage('DELETE', `/api-sessions/${sessionId}`),
      ({ identityId }) => edge.manage('POST', `/identities/${identityId}/disable`, {}),
      ({ identityId }) => edge.manage('DELETE', `/identities/${identityId}`),
    ]
    for (const [index, end] of endings.entries()) {
      const program = await enter(rig, edge, `worker ${index}`)
      const { identity, caller } = program
      rig.controller.admit(identity, caller.issuedAtMs ?? 0)
      rig.changes.length = 0
      await end(program)
      await assertRefused(() => rig.controller.admit(identity, caller.issuedAtMs ?? 0), 'not-trusted')
      assert.deepEqual(
        rig.changes,
        [{ change: 'endpoint-removed', endpoint: identity.endpoint }],
        `ending ${index}`,
      )
    }
  })

  test('of two certificates keeps the one that was not deleted', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const program = await enter(rig, edge, 'worker')
    rig.clock.advance(5_000)
    const second = await edge.ask('POST', '/current-api-session/certificates', {
      token: program.token,
      body: { csr: (await createDevice()).request },
    })
    assert.equal(second.status, 201)
    const list = await edge.ask('GET', '/current-api-session/certificates', { token: program.token })
    assert.equal(dataOf<unknown[]>(list).length, 2)
    await edge.ask('DELETE', `/current-api-session/certificates/${program.certificateId}`, {
      token: program.token,
    })
    await assertRefused(
      () => rig.controller.admit(program.identity, program.caller.issuedAtMs ?? 0),
      'not-trusted',
    )
    rig.controller.admit(program.identity, (program.caller.issuedAtMs ?? 0) + 5_000)
  })
})

suite('a declared service', () => {
  test('is hosted and dialled by whom policies let, and by nobody else', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const id = await declare(edge, 'db', ['#clients'], ['#servers'])
    const server = await enter(rig, edge, 'server', { roleAttributes: ['servers'] })
    const client = await enter(rig, edge, 'client', { roleAttributes: ['clients'] })
    const info = await host(rig, server.caller, 'tcp/db', { rank: { cost: 7 } })
    assert.deepEqual(
      [info.owner, info.strategy, info.hostings[0]?.user],
      [id, 'smartrouting', server.identityId],
    )
    await assertRefused(host(rig, client.caller, 'tcp/db'), 'denied')
    await assertRefused(host(rig, server.caller, 'tcp/undeclared'), 'denied')
    await assertRefused(open(rig, server.caller, 'tcp/db'), 'denied')
    const { ticket, service } = await open(rig, client.caller, 'tcp/db')
    assert.deepEqual(service.hostings[0]?.rank, { cost: 7, precedence: 'default' })
    const checked = checkSessionTicket(ticket, {
      rootPem: rig.authority.rootCertificatePem,
      now: rig.clock.now(),
      dialler: formatSpiffeId(client.identity),
      service: 'tcp/db' as ServiceName,
    })
    assert.equal(checked.owner, id)
    assert.ok(rig.controller.mayMeet(client.identity, server.identity.endpoint).allow)
    // What an administrator says counts where the host says nothing, and at once.
    await host(rig, server.caller, 'tcp/db')
    rig.changes.length = 0
    await edge.manage('PATCH', `/identities/${server.identityId}`, { serviceHostingCosts: { [id]: 40 } })
    assert.deepEqual(rig.changes, [{ change: 'services-changed', services: ['tcp/db'] }])
    const again = await open(rig, client.caller, 'tcp/db')
    assert.deepEqual(again.service.hostings[0]?.rank, { cost: 40, precedence: 'default' })
    const stranger = await enter(rig, edge, 'stranger')
    assert.equal(rig.controller.mayMeet(stranger.identity, server.identity.endpoint).allow, false)
    const terminators = await edge.ask('GET', `/services/${id}/terminators`, { token: client.token })
    assert.equal(dataOf<unknown[]>(terminators).length, 1)
  })

  test('are ranked at their hosts by administrators, whatever the hosts say of themselves', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const server = await enter(rig, edge, 'server')
    const client = await enter(rig, edge, 'client')
    const service = await declare(edge, 'db', ['#all'], ['#all'])
    await host(rig, server.caller, 'tcp/db')
    const [terminator] = dataOf<{ id: string; address: string }[]>(await edge.manage('GET', '/terminators'))
    const path = `/terminators/${terminator?.id}`
    const rankNow = async () => (await open(rig, client.caller, 'tcp/db')).service.hostings[0]?.rank
    assert.equal((await edge.manage('PATCH', path, { cost: 7 })).status, 200)
    assert.deepEqual(await rankNow(), { cost: 7, precedence: 'default' })
    await rig.ask('host', server.caller, {
      params: { service: 'tcp/db' },
      body: { access: { users: [], entrances: [], policies: true }, rank: { cost: 1 } },
    })
    assert.deepEqual(await rankNow(), { cost: 7, precedence: 'default' })
    const whole = { service, address: terminator?.address, cost: 9, precedence: 'failed' }
    assert.equal((await edge.manage('PUT', path, whole)).status, 200)
    await rig.reopen()
    assert.deepEqual(await rankNow(), { cost: 9, precedence: 'failed' })
    const refusals: [string, string, object, string][] = [
      ['PATCH', path, { address: 'tcp:evil:80' }, 'ENTITY_CAN_NOT_BE_UPDATED'],
      ['PATCH', path, { cost: 70_000 }, 'COULD_NOT_VALIDATE'],
      ['PUT', '/terminators/0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11', { cost: 1 }, 'NOT_FOUND'],
      [
        'POST',
        '/terminators',
        { service, router: 'x', binding: 'tcp', address: 'tcp:a:1' },
        'COULD_NOT_VALIDATE',
      ],
    ]
    for (const [method, where, body, code] of refusals) {
      const { error } = (await edge.manage(method, where, body)).body as { error?: { code: string } }
      assert.equal(error?.code, code, `${method} ${JSON.stringify(body)}`)
    }
  })

  test('may be hosted and dialled by endpoints of the mesh, by user and by a label that was given', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const alice = await rig.joinAs('alice', 'laptop')
    const bob = await rig.joinAs('bob', 'server')
    const params = { endpoint: bob.id }
    const labels = ['servers' as never]
    await declare(edge, 'web', ['@alice'], ['#servers'])
    await rig.ask('labelEndpoint', bob.caller, { params, body: { labels } })
    await assertRefused(host(rig, bob.caller, 'tcp/web'), 'denied')
    await rig.ask('labelEndpoint', edge.root.caller, { params, body: { labels, givenLabels: labels } })
    await host(rig, bob.caller, 'tcp/web')
    assert.equal((await open(rig, alice.caller, 'tcp/web')).service.hostings.length, 1)
    await assertRefused(host(rig, alice.caller, 'tcp/web'), 'denied')
    const carol = await rig.joinAs('carol', 'phone')
    await assertRefused(open(rig, carol.caller, 'tcp/web'), 'denied')
    // A host that does not follow policies is reached by its access list alone.
    await host(rig, bob.caller, 'tcp/web', { access: { users: ['carol'], entrances: [] } })
    await assertRefused(open(rig, alice.caller, 'tcp/web'), 'denied')
    assert.equal((await open(rig, carol.caller, 'tcp/web')).service.hostings.length, 1)
  })

  test('keeps its name from others, and is refused where somebody hosts under it', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const alice = await rig.joinAs('alice', 'laptop')
    await declare(edge, 'Web', [], [])
    await assertRefused(host(rig, alice.caller, 'tcp/web'), 'name-taken')
    await host(rig, alice.caller, 'tcp/files')
    const answer = await edge.manage('POST', '/services', { name: 'files', encryptionRequired: true })
    assert.equal(codeOf(answer), 'COULD_NOT_VALIDATE')
  })

  test('that nobody hosts now is offline to who may dial it', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    await declare(edge, 'db', ['#all'])
    const client = await enter(rig, edge, 'client')
    await assertRefused(open(rig, client.caller, 'tcp/db'), 'offline')
  })

  test('is hosted again after a restart of the controller', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    await declare(edge, 'db', ['#all'], ['#all'])
    const server = await enter(rig, edge, 'server')
    await host(rig, server.caller, 'tcp/db')
    await rig.reopen()
    assert.equal((await open(rig, server.caller, 'tcp/db')).service.hostings.length, 1)
  })
})

suite('what is taken back', () => {
  test('ends streams by every change that takes a permission', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const server = await enter(rig, edge, 'server', { roleAttributes: ['servers'] })
    const client = await enter(rig, edge, 'client', { roleAttributes: ['clients'] })
    const id = await declare(edge, 'db', ['#clients'], ['#servers'])
    await host(rig, server.caller, 'tcp/db')
    const policies = dataOf<{ id: string; name: string }[]>(await edge.manage('GET', '/service-policies'))
    const dial = policies.find(({ name }) => name === 'db dial')?.id
    const changes: [string, () => Promise<unknown>, () => Promise<unknown>][] = [
      [
        'attributes of the identity',
        () => edge.manage('PATCH', `/identities/${client.identityId}`, { roleAttributes: [] }),
        () => edge.manage('PATCH', `/identities/${client.identityId}`, { roleAttributes: ['clients'] }),
      ],
      [
        'roles of the policy',
        () => edge.manage('PATCH', `/service-policies/${dial}`, { identityRoles: ['#nobody'] }),
        () => edge.manage('PATCH', `/service-policies/${dial}`, { identityRoles: ['#clients'] }),
      ],
      ['the policy', () => edge.manage('DELETE', `/service-policies/${dial}`), async () => undefined],
    ]
    for (const [what, take, giveBack] of changes) {
      await open(rig, client.caller, 'tcp/db')
      rig.changes.length = 0
      rig.clock.advance(1_000)
      await take()
      const [change, ...more] = rig.changes
      assert.deepEqual(more, [], what)
      assert.ok(change?.change === 'access-revoked', what)
      const { reason, ...revocation } = change.revocation
      assert.deepEqual(
        revocation,
        { user: client.identityId, services: ['tcp/db'], beforeMs: rig.clock.now() },
        what,
      )
      assert.equal(reason.code, 'denied')
      assert.deepEqual(change.hosts, [server.identity.endpoint], what)
      await assertRefused(open(rig, client.caller, 'tcp/db'), 'denied')
      await giveBack()
    }
    assert.equal((await edge.manage('GET', `/services/${id}`)).status, 200)
  })

  test('ends streams that are older than the controller', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const server = await enter(rig, edge, 'server')
    const client = await enter(rig, edge, 'client')
    await declare(edge, 'db', ['@client'], ['#all'])
    await host(rig, server.caller, 'tcp/db')
    await open(rig, client.caller, 'tcp/db')
    await rig.reopen()
    const [policy] = dataOf<{ id: string }[]>(
      await edge.manage('GET', '/service-policies?filter=type%3D%22Dial%22'),
    )
    await edge.manage('DELETE', `/service-policies/${policy?.id}`)
    assert.deepEqual(
      rig.changes.flatMap(one => (one.change === 'access-revoked' ? [one.revocation.user] : [])),
      [client.identityId],
    )
    await edge.manage('DELETE', `/identities/${client.identityId}`)
    await rig.reopen()
    assert.deepEqual(await rig.store.list('edge-grant/'), [])
  })

  test('is not what another policy still permits', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const server = await enter(rig, edge, 'server')
    const client = await enter(rig, edge, 'client')
    await declare(edge, 'db', ['#all'], ['#all'])
    const policy = {
      name: 'second',
      type: 'Dial',
      semantic: 'AnyOf',
      identityRoles: ['#all'],
      serviceRoles: ['#all'],
    }
    const second = await edge.create('service-policies', policy)
    await host(rig, server.caller, 'tcp/db')
    await open(rig, client.caller, 'tcp/db')
    rig.changes.length = 0
    await edge.manage('DELETE', `/service-policies/${second}`)
    assert.deepEqual(rig.changes, [])
  })

  test('takes the hosting of who may bind no more, and of a service that is deleted', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const server = await enter(rig, edge, 'server', { roleAttributes: ['servers'] })
    const db = await declare(edge, 'db', ['#all'], ['#servers'])
    const web = await declare(edge, 'web', ['#all'], ['#all'])
    await host(rig, server.caller, 'tcp/db')
    await host(rig, server.caller, 'tcp/web')
    await edge.manage('PATCH', `/identities/${server.identityId}`, { roleAttributes: [] })
    await edge.manage('DELETE', `/services/${web}`)
    assert.deepEqual(dataOf(await edge.manage('GET', '/terminators')), [])
    assert.ok(
      rig.changes.some(
        one => one.change === 'services-changed' && one.services.includes('tcp/db' as ServiceName),
      ),
    )
    assert.equal((await edge.manage('GET', `/services/${db}`)).status, 200)
  })
})
