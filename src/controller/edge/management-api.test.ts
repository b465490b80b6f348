import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type ControllerRig, openControllerRig } from '../../testing/controller-rig.ts'
import { codeOf, createEdgeClient, dataOf, type EdgeAnswered } from '../../testing/edge-client.ts'

type Edge = Awaited<ReturnType<typeof createEdgeClient>>
type Shown = Record<string, unknown>

/** For each kind: what creates one, a patch, what the patch changes, and a replacement. */
const KINDS: Record<string, { create: object; patch: Shown; replace: object; bad: Shown }> = {
  identities: {
    create: { name: 'a', type: 'Device', isAdmin: false, roleAttributes: ['x'], externalId: 'sub-1' },
    patch: { roleAttributes: ['y'], defaultHostingCost: 9 },
    replace: { name: 'b', type: 'User', isAdmin: true },
    bad: { isAdmin: 'yes' },
  },
  services: {
    create: { name: 'a', encryptionRequired: true, roleAttributes: ['x'] },
    patch: { terminatorStrategy: 'random' },
    replace: { name: 'b', encryptionRequired: true },
    bad: { encryptionRequired: false },
  },
  'service-policies': {
    create: { name: 'a', type: 'Dial', semantic: 'AnyOf', identityRoles: ['#x'], serviceRoles: ['#all'] },
    patch: { semantic: 'AllOf' },
    replace: { name: 'b', type: 'Bind', semantic: 'AnyOf' },
    bad: { serviceRoles: ['@nobody'] },
  },
  'edge-router-policies': {
    create: { name: 'a', semantic: 'AnyOf', identityRoles: ['#x'], edgeRouterRoles: ['#all'] },
    patch: { identityRoles: ['#all'] },
    replace: { name: 'b', semantic: 'AllOf' },
    bad: { semantic: 'SomeOf' },
  },
  'service-edge-router-policies': {
    create: { name: 'a', semantic: 'AnyOf', serviceRoles: ['#x'], edgeRouterRoles: ['#all'] },
    patch: { serviceRoles: ['#all'] },
    replace: { name: 'b', semantic: 'AllOf' },
    bad: { edgeRouterRoles: ['all'] },
  },
  'external-jwt-signers': {
    create: {
      name: 'a',
      issuer: 'https://iam.example',
      audience: 'mesh',
      enabled: true,
      jwksEndpoint: 'https://iam.example/jwks',
    },
    patch: { enabled: false },
    replace: {
      name: 'b',
      issuer: 'https://id.example',
      audience: 'm',
      enabled: true,
      jwksEndpoint: 'https://id.example/jwks',
    },
    bad: { jwksEndpoint: 'file:///etc/passwd' },
  },
  'auth-policies': {
    create: {
      name: 'a',
      primary: {
        cert: { allowed: true, allowExpiredCerts: false },
        extJwt: { allowed: true, allowedSigners: [] },
        updb: {
          allowed: false,
          minPasswordLength: 12,
          requireSpecialChar: true,
          requireNumberChar: true,
          requireMixedCase: true,
          maxAttempts: 3,
          lockoutDurationMinutes: 10,
        },
      },
      secondary: { requireTotp: false },
    },
    patch: { tags: { a: 1 } },
    replace: {
      name: 'b',
      primary: {
        cert: { allowed: false, allowExpiredCerts: false },
        extJwt: { allowed: false, allowedSigners: [] },
        updb: {
          allowed: true,
          minPasswordLength: 8,
          requireSpecialChar: false,
          requireNumberChar: false,
          requireMixedCase: false,
          maxAttempts: 0,
          lockoutDurationMinutes: 0,
        },
        apiKey: { allowed: false },
      },
      secondary: {},
    },
    bad: { secondary: { requireTotp: true } },
  },
  configs: {
    create: { name: 'a', configTypeId: 'host.v1', data: { protocol: 'tcp', address: 'localhost', port: 80 } },
    patch: { data: { protocol: 'udp', address: 'localhost', port: 53 } },
    replace: { name: 'b', configTypeId: 'host.v1', data: { protocol: 'tcp', address: 'db', port: 5_432 } },
    bad: { data: { protocol: 'tcp', port: 70_000 } },
  },
  'config-types': {
    create: { name: 'a', schema: { type: 'object', properties: { n: { type: 'integer' } } } },
    patch: { target: 'router' },
    replace: { name: 'b' },
    bad: { schema: { type: 'string' } },
  },
}

async function show(edge: Edge, path: string): Promise<Shown> {
  const answer = await edge.manage('GET', path)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return dataOf(answer)
}

function pick(shown: Shown, like: Shown): Shown {
  return Object.fromEntries(Object.keys(like).map(key => [key, shown[key]]))
}

function fieldOf({ body }: EdgeAnswered): string {
  return (body as { error: { cause: { field: string } } }).error.cause.field
}

for (const [type, { create, patch, replace, bad }] of Object.entries(KINDS)) {
  test(`${type} are created, shown, listed, patched, replaced and deleted, and outlive a restart`, async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const id = await edge.create(type, create)
    const one = `/${type}/${id}`
    const made = await show(edge, one)
    assert.equal(made.createdAt, new Date(rig.clock.now()).toISOString())
    assert.equal(codeOf(await edge.manage('POST', `/${type}`, create)), 'COULD_NOT_VALIDATE')
    const again = await edge.manage('POST', `/${type}`, { ...create, colour: 'red' })
    assert.deepEqual([codeOf(again), fieldOf(again)], ['COULD_NOT_VALIDATE', 'colour'])
    const refused = await edge.manage('PATCH', one, bad)
    assert.equal(codeOf(refused), 'COULD_NOT_VALIDATE', JSON.stringify(refused.body))
    assert.deepEqual(await show(edge, one), made)
    rig.clock.advance(1_000)
    assert.deepEqual((await edge.manage('PATCH', one, patch)).body, { data: {}, meta: {} })
    const patched = await show(edge, one)
    assert.deepEqual(pick(patched, patch), patch)
    assert.equal(patched.name, 'a')
    assert.ok(String(patched.updatedAt) > String(patched.createdAt))
    assert.equal((await edge.manage('PUT', one, replace)).status, 200)
    assert.equal((await show(edge, one)).name, 'b')
    await rig.reopen()
    const list = await edge.manage('GET', `/${type}?filter=${encodeURIComponent('name = "b"')}`)
    assert.deepEqual(
      dataOf<Shown[]>(list).map(found => found.id),
      [id],
    )
    assert.equal((await edge.manage('DELETE', one)).status, 200)
    assert.equal(codeOf(await edge.manage('GET', one)), 'NOT_FOUND')
    assert.equal(codeOf(await edge.manage('DELETE', one)), 'NOT_FOUND')
  })
}

suite('references', () => {
  test('roles take names and give ids, with names beside them', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const alice = await rig.joinAs('alice', 'laptop')
    const worker = await edge.create('identities', { name: 'worker', type: 'Device', isAdmin: false })
    const web = await edge.create('services', { name: 'web', encryptionRequired: true })
    const policy = await edge.create('service-policies', {
      name: 'p',
      type: 'Dial',
      semantic: 'AnyOf',
      identityRoles: ['@worker', '@laptop', '@alice', '#x'],
      serviceRoles: ['@web'],
    })
    const shown = await show(edge, `/service-policies/${policy}`)
    assert.deepEqual(shown.identityRoles, [`@${worker}`, `@${alice.id}`, '@alice', '#x'])
    assert.deepEqual(shown.identityRolesDisplay, [
      { role: `@${worker}`, name: '@worker' },
      { role: `@${alice.id}`, name: '@laptop' },
      { role: '@alice', name: '@alice' },
      { role: '#x', name: '#x' },
    ])
    const idsAt = async (path: string) =>
      dataOf<{ id: string }[]>(await edge.manage('GET', path)).map(({ id }) => id)
    assert.deepEqual(await idsAt(`/service-policies/${policy}/services`), [web])
    assert.deepEqual(
      (await idsAt(`/service-policies/${policy}/identities`)).sort(),
      [worker, alice.id, 'alice'].sort(),
    )
    assert.deepEqual(await idsAt(`/identities/${worker}/services`), [web])
    assert.deepEqual(await idsAt(`/identities/${alice.id}/services`), [web])
    assert.deepEqual(await idsAt(`/identities/${worker}/service-policies`), [policy])
    assert.deepEqual(await idsAt(`/services/${web}/service-policies`), [policy])
    // What is deleted is taken out of the roles.
    await edge.manage('DELETE', `/identities/${worker}`)
    await edge.manage('DELETE', `/services/${web}`)
    const after = await show(edge, `/service-policies/${policy}`)
    assert.deepEqual([after.identityRoles, after.serviceRoles], [[`@${alice.id}`, '@alice', '#x'], []])
  })

  test('endpoints and users of the mesh are identities that cannot be changed here', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const alice = await rig.joinAs('alice', 'laptop')
    const list = dataOf<Shown[]>(await edge.manage('GET', '/identities?limit=100'))
    const kinds = list.map(({ name, typeId, isAdmin }) => [name, typeId, isAdmin])
    assert.deepEqual(kinds.sort(), [
      ['admin-laptop', 'Device', true],
      ['alice', 'User', false],
      ['laptop', 'Device', false],
      ['root', 'User', true],
    ])
    assert.equal(codeOf(await edge.manage('DELETE', `/identities/${alice.id}`)), 'ENTITY_CAN_NOT_BE_DELETED')
    assert.equal(
      codeOf(await edge.manage('POST', `/identities/${alice.id}/disable`, {})),
      'ENTITY_CAN_NOT_BE_UPDATED',
    )
  })

  test('configs of a service are of types each once, and an identity may see others', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const config = (name: string, port: number) =>
      edge.create('configs', {
        name,
        configTypeId: 'host.v1',
        data: { protocol: 'tcp', address: 'db', port },
      })
    const [one, two] = [await config('one', 1), await config('two', 2)]
    const both = { name: 'db', encryptionRequired: true, configs: [one, two] }
    assert.equal(fieldOf(await edge.manage('POST', '/services', both)), 'configs')
    const service = await edge.create('services', { ...both, configs: [one] })
    const { token, identityId } = await edge.logIn('worker', { isAdmin: true })
    const seen = async () => {
      const answer = await edge.ask('GET', `/services/${service}?configTypes=all`, { token })
      return (dataOf(answer) as { config: { 'host.v1': { port: number } } }).config['host.v1'].port
    }
    assert.equal(await seen(), 1)
    const override = [{ serviceId: service, configId: two }]
    assert.equal(
      (await edge.manage('POST', `/identities/${identityId}/service-configs`, override)).status,
      200,
    )
    assert.equal(await seen(), 2)
    assert.equal(codeOf(await edge.manage('DELETE', `/configs/${two}`)), 'CAN_NOT_DELETE_REFERENCED_ENTITY')
    assert.equal(
      (await edge.manage('DELETE', `/identities/${identityId}/service-configs`, override)).status,
      200,
    )
    assert.equal(await seen(), 1)
  })
})

suite('of one identity', () => {
  test('policy advice says what decides, and what is missing', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const worker = await edge.create('identities', { name: 'worker', type: 'Device', isAdmin: false })
    const web = await edge.create('services', { name: 'web', encryptionRequired: true })
    const policy = { semantic: 'AnyOf', identityRoles: ['@worker'], serviceRoles: ['@web'] }
    await edge.create('service-policies', { ...policy, name: 'p', type: 'Dial' })
    const advice = await show(edge, `/identities/${worker}/policy-advice/${web}`)
    const { isDialAllowed, isBindAllowed, dialPolicy, identityRouterCount, commonRouters, explanation } =
      advice
    assert.deepEqual([isDialAllowed, isBindAllowed, dialPolicy, identityRouterCount], [true, false, 'p', 1])
    assert.equal((commonRouters as unknown[]).length, 1)
    assert.match(String((explanation as string[])[0]), /Dial is allowed by policy "p"/)
  })

  test('disabled, it has no login, and gets none until it is enabled', async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const { token, identityId } = await edge.logIn('worker')
    await edge.manage('POST', `/identities/${identityId}/disable`, { durationMinutes: 10 })
    assert.equal((await edge.ask('GET', '/services', { token })).status, 401)
    assert.equal((await show(edge, `/identities/${identityId}`)).disabled, true)
    rig.clock.advance(11 * 60_000)
    assert.equal((await show(edge, `/identities/${identityId}`)).disabled, false)
    assert.equal((await edge.manage('POST', `/identities/${identityId}/enable`)).status, 200)
    assert.equal((await edge.ask('GET', '/services', { token })).status, 401, 'the login is over for good')
  })
})

test('what is going on is counted and shown without its secrets', async () => {
  await using rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  const { token, sessionId, identityId } = await edge.logIn('worker', {
    isAdmin: true,
    roleAttributes: ['x'],
  })
  const web = await edge.create('services', { name: 'web', encryptionRequired: true, roleAttributes: ['y'] })
  await edge.ask('POST', '/sessions', { token, body: { serviceId: web } })
  const [session] = dataOf<Shown[]>(await edge.manage('GET', '/sessions'))
  assert.deepEqual([session?.serviceId, session?.identityId, session?.token], [web, identityId, undefined])
  const apiSessions = await edge.manage('GET', '/api-sessions')
  assert.equal(dataOf<Shown[]>(apiSessions)[0]?.id, sessionId)
  assert.ok(!JSON.stringify(apiSessions.body).includes(token))
  const summary = await show(edge, '/summary')
  assert.deepEqual([summary.services, summary.identities, summary.sessions], [1, 1, 1])
  assert.deepEqual(dataOf(await edge.manage('GET', '/identity-role-attributes')), ['x'])
  assert.deepEqual(dataOf(await edge.manage('GET', '/service-role-attributes')), ['y'])
  const authenticators = await edge.manage('GET', `/identities/${identityId}/authenticators`)
  assert.ok(!/hash/i.test(JSON.stringify(authenticators.body)))
  const [router] = dataOf<Shown[]>(await edge.manage('GET', '/edge-routers'))
  assert.deepEqual([router?.id, router?.name], [rig.hub, 'hub.example'])
})

test('an administrator who is an identity manages by its session', async () => {
  await using rig: ControllerRig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  const { token } = await edge.logIn('operator', { isAdmin: true })
  const headers = { 'content-type': 'application/json' }
  const ask = (body: object) => edge.ask('POST', '/edge/management/v1/services', { token, body, headers })
  assert.equal((await ask({ name: 'web', encryptionRequired: true })).status, 201)
  assert.equal((await edge.ask('GET', '/edge/management/v1/current-api-session', { token })).status, 200)
})
