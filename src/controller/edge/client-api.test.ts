import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDevice, openControllerRig } from '../../testing/controller-rig.ts'
import { codeOf, createEdgeClient, dataOf } from '../../testing/edge-client.ts'

test('a program logs in, and its session lives while it is used', async () => {
  await using rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  const { token, sessionId, identityId } = await edge.logIn('worker')
  rig.clock.advance(20 * 60_000)
  const shown = await edge.ask('GET', '/current-api-session', { token })
  assert.equal(shown.status, 200)
  assert.equal(shown.isKnown, true)
  assert.equal(shown.headers.get('expiration-seconds'), '1800')
  const data = dataOf(shown)
  assert.deepEqual(
    [data.id, data.token, data.identityId, data.expirationSeconds],
    [sessionId, token, identityId, 1_800],
  )
  rig.clock.advance(29 * 60_000)
  assert.equal((await edge.ask('GET', '/current-identity', { token })).status, 200)
  rig.clock.advance(31 * 60_000)
  const late = await edge.ask('GET', '/current-identity', { token })
  assert.equal(codeOf(late), 'UNAUTHORIZED')
  assert.match(late.headers.get('www-authenticate') ?? '', /^zt-session realm="zt-session" error="invalid"/)
})

test('a program logs out', async () => {
  await using rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  const { token } = await edge.logIn('worker')
  assert.deepEqual((await edge.ask('DELETE', '/current-api-session', { token })).body, { data: {}, meta: {} })
  assert.equal((await edge.ask('GET', '/current-api-session', { token })).status, 401)
})

test('a session outlives a restart of the controller', async () => {
  await using rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  const { token } = await edge.logIn('worker')
  await rig.reopen()
  assert.equal((await edge.ask('GET', '/current-api-session', { token })).status, 200)
})

test('services are those that policies permit, with their permissions and configs', async () => {
  await using rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  const { token } = await edge.logIn('worker', { roleAttributes: ['staff'] })
  const config = await edge.create('configs', {
    name: 'web-intercept',
    configTypeId: 'intercept.v1',
    data: { protocols: ['tcp'], addresses: ['web.mesh'], portRanges: [{ low: 80, high: 80 }] },
  })
  const service = { encryptionRequired: true, roleAttributes: ['public'] }
  const web = await edge.create('services', { ...service, name: 'web', configs: [config] })
  const secret = await edge.create('services', { encryptionRequired: true, name: 'secret' })
  const list = async (query = '') =>
    dataOf<Record<string, unknown>[]>(await edge.ask('GET', `/services${query}`, { token }))
  assert.deepEqual(await list(), [])
  const policy = { semantic: 'AnyOf', identityRoles: ['#staff'], serviceRoles: ['#public'] }
  await edge.create('service-policies', { ...policy, name: 'staff dials', type: 'Dial' })
  assert.deepEqual(
    (await list()).map(({ id, name, permissions, config: data }) => ({ id, name, permissions, data })),
    [{ id: web, name: 'web', permissions: ['Dial'], data: {} }],
  )
  await edge.create('service-policies', {
    ...policy,
    name: 'staff binds',
    type: 'Bind',
    serviceRoles: ['@web'],
  })
  const [shown] = await list('?configTypes=intercept.v1,host.v1&filter=name%20contains%20%22e%22')
  assert.deepEqual(shown?.permissions, ['Dial', 'Bind'])
  assert.deepEqual(Object.keys(shown?.config as object), ['intercept.v1'])
  assert.equal(codeOf(await edge.ask('GET', `/services/${secret}`, { token })), 'NOT_FOUND')
  assert.equal((await edge.ask('GET', `/services/${web}`, { token })).status, 200)
  assert.equal(codeOf(await edge.ask('GET', '/services?filter=nonsense', { token })), 'INVALID_FILTER')
})

test('sessions are given for what is permitted, and asked for twice are the same', async () => {
  await using rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  const { token } = await edge.logIn('worker')
  const web = await edge.create('services', { name: 'web', encryptionRequired: true })
  const open = (serviceId: string, type?: string) =>
    edge.ask('POST', '/sessions', { token, body: { serviceId, ...(type && { type }) } })
  assert.equal(codeOf(await open(web)), 'NOT_FOUND')
  const roles = { semantic: 'AnyOf', identityRoles: ['@worker'], serviceRoles: ['#all'] }
  await edge.create('service-policies', { ...roles, name: 'dial', type: 'Dial' })
  const first = await open(web)
  assert.equal(first.status, 201)
  const data = dataOf<{ id: string; token: string; type: string; edgeRouters: { urls: object }[] }>(first)
  assert.equal(data.type, 'Dial')
  assert.deepEqual(data.edgeRouters[0]?.urls, {
    tls: 'tls://hub.example:8888',
    h2: 'https://hub.example:8888',
  })
  assert.equal(dataOf(await open(web, 'Dial')).id, data.id)
  const refused = await open(web, 'Bind')
  assert.deepEqual([refused.status, codeOf(refused)], [400, 'COULD_NOT_VALIDATE'])
  assert.deepEqual((refused.body as { error: { cause: { field: string } } }).error.cause.field, 'ServiceId')
  assert.equal((await edge.ask('GET', `/sessions/${data.id}`, { token })).status, 200)
  assert.equal(dataOf<unknown[]>(await edge.ask('GET', '/sessions', { token })).length, 1)
  const [{ id: hubPolicy } = { id: '' }] = dataOf<{ id: string }[]>(
    await edge.manage('GET', '/edge-router-policies'),
  )
  await edge.manage('DELETE', `/edge-router-policies/${hubPolicy}`)
  assert.equal(codeOf(await open(web)), 'NO_EDGE_ROUTERS_AVAILABLE')
  assert.equal((await edge.ask('DELETE', `/sessions/${data.id}`, { token })).status, 200)
  assert.equal(codeOf(await edge.ask('GET', `/sessions/${data.id}`, { token })), 'NOT_FOUND')
})

test('service-updates moves when what a program sees of services may have changed, and not otherwise', async () => {
  await using rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  const { token, identityId } = await edge.logIn('worker')
  const web = await edge.create('services', { name: 'web', encryptionRequired: true })
  let last = ''
  const isMoved = async () => {
    rig.clock.advance(1_000)
    const { lastChangeAt } = dataOf<{ lastChangeAt: string }>(
      await edge.ask('GET', '/current-api-session/service-updates', { token }),
    )
    const moved = lastChangeAt !== last
    last = lastChangeAt
    return moved
  }
  await isMoved()
  assert.equal(await isMoved(), false)
  const policy = await edge.create('service-policies', {
    name: 'dial',
    type: 'Dial',
    semantic: 'AnyOf',
    identityRoles: ['#staff'],
    serviceRoles: ['#all'],
  })
  assert.equal(await isMoved(), false, 'a policy for others')
  await edge.manage('PATCH', `/identities/${identityId}`, { roleAttributes: ['staff'] })
  assert.equal(await isMoved(), true, 'attributes of the identity')
  await edge.manage('PATCH', `/identities/${identityId}`, { tags: { desk: 4 } })
  assert.equal(await isMoved(), false, 'what is not shown')
  await edge.manage('PATCH', `/services/${web}`, { terminatorStrategy: 'weighted' })
  assert.equal(await isMoved(), true, 'a service')
  await edge.manage('PATCH', `/service-policies/${policy}`, { name: 'dialling' })
  assert.equal(await isMoved(), false, 'the name of a policy')
  await edge.manage('DELETE', `/service-policies/${policy}`)
  assert.equal(await isMoved(), true, 'the end of a policy')
})

test('anybody is told what controller it is, where, and by which authority', async () => {
  await using rig = await openControllerRig({ version: '1.2.3' })
  const edge = await createEdgeClient(rig)
  const version = dataOf<{ version: string; apiVersions: Record<string, unknown> }>(
    await edge.ask('GET', '/version'),
  )
  assert.equal(version.version, 'v1.2.3')
  assert.deepEqual(version.apiVersions['edge-client'], {
    v1: { path: '/edge/client/v1', apiBaseUrls: ['https://hub.example:8888/edge/client/v1'] },
  })
  assert.deepEqual(dataOf(await edge.ask('GET', '/protocols')), { https: { address: 'hub.example:8888' } })
  const cacerts = await edge.ask('GET', '/.well-known/est/cacerts')
  assert.equal(cacerts.headers.get('content-type'), 'application/pkcs7-mime')
  const below = await edge.ask('GET', '/edge/client/v1/.well-known/est/cacerts')
  assert.equal(below.body, cacerts.body)
  const der = Buffer.from(String(cacerts.body), 'base64')
  const root = Buffer.from(rig.authority.rootCertificatePem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  assert.ok(der.includes(root), 'the root is in it')
  const document = (await edge.ask('GET', '/specs/edge-client/spec')).body as {
    openapi: string
    paths: object
  }
  assert.equal(document.openapi, '3.1.0')
  assert.ok(Object.keys(document.paths).includes('/services/{id}'))
  const spec = (await edge.ask('GET', '/edge/management/v1/specs/edge-management/spec'))
    .body as typeof document
  assert.ok(Object.keys(spec.paths).includes('/service-policies/{id}'))
})

test('a client that speaks PEM enrols by it', async () => {
  await using rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  const id = await edge.create('identities', {
    name: 'old client',
    type: 'Device',
    isAdmin: false,
    enrollment: { ott: true },
  })
  const [enrollment] = dataOf<{ token: string }[]>(await edge.manage('GET', `/identities/${id}/enrollments`))
  const answer = await edge.ask('POST', `/enroll?method=ott&token=${enrollment?.token}`, {
    body: (await createDevice()).request,
    headers: { 'content-type': 'application/x-pem-file', accept: 'application/x-pem-file' },
  })
  assert.equal(answer.headers.get('content-type'), 'application/x-pem-file')
  assert.match(String(answer.body), /^-----BEGIN CERTIFICATE-----/)
  assert.equal((await edge.ask('GET', '/edge/client/v1')).status, 200)
  assert.equal((await edge.ask('GET', '/edge/client/v1/')).status, 200)
})

test('what a login did last is written down from time to time, and known after a restart', async () => {
  await using rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  const { token, sessionId } = await edge.logIn('worker')
  rig.clock.advance(25 * 60_000)
  assert.equal((await edge.ask('GET', '/current-identity', { token })).status, 200)
  await rig.controller.sweepSessions()
  const stored = await rig.store.get(`edge-api-session/${sessionId}`)
  assert.equal(
    (stored?.value as { lastActivityAtMs?: number } | undefined)?.lastActivityAtMs,
    rig.clock.now(),
  )
  await rig.reopen()
  rig.clock.advance(25 * 60_000)
  assert.equal((await edge.ask('GET', '/current-identity', { token })).status, 200)
  rig.clock.advance(31 * 60_000)
  await rig.controller.sweepSessions()
  assert.equal(await rig.store.get(`edge-api-session/${sessionId}`), undefined)
})
