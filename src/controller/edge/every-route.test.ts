import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceName } from '../../core/model/names.ts'
import { createDevice, openControllerRig } from '../../testing/controller-rig.ts'
import { createEdgeClient, dataOf, type EdgeAnswered, type EdgeAsk } from '../../testing/edge-client.ts'

// Each route that the OpenAPI documents name is asked once for what it is there for, and answers in the envelope of its kind.

type Api = 'client' | 'management'
type Options = EdgeAsk & { readonly params?: readonly string[]; readonly query?: string }
/** @param route  `GET /services/{id}`, as documented */
type Call = (route: string, options?: Options) => Promise<EdgeAnswered>

/** Those that are there to say why not. */
const REFUSED: Record<Api, string[]> = {
  client: [],
  management: ['DELETE /edge-routers/{id}', 'POST /edge-routers'],
}

const SIGNER = {
  issuer: 'https://iam.example',
  audience: 'm',
  enabled: true,
  jwksEndpoint: 'https://iam.example/j',
}
const UPDB = {
  allowed: true,
  minPasswordLength: 8,
  requireSpecialChar: false,
  requireNumberChar: false,
  requireMixedCase: false,
  maxAttempts: 0,
  lockoutDurationMinutes: 0,
}
/** What creates one of each kind, beside its name. */
const KINDS: Record<string, object> = {
  identities: { type: 'Device', isAdmin: false },
  services: { encryptionRequired: true },
  'service-policies': { type: 'Dial', semantic: 'AnyOf', identityRoles: ['#all'], serviceRoles: ['#all'] },
  'edge-router-policies': { semantic: 'AnyOf', identityRoles: ['#all'], edgeRouterRoles: ['#all'] },
  'service-edge-router-policies': { semantic: 'AnyOf', serviceRoles: ['#all'], edgeRouterRoles: ['#all'] },
  'external-jwt-signers': SIGNER,
  'auth-policies': {
    primary: {
      cert: { allowed: true, allowExpiredCerts: false },
      extJwt: { allowed: true, allowedSigners: [] },
      updb: UPDB,
    },
    secondary: {},
  },
  configs: { configTypeId: 'host.v1', data: { protocol: 'tcp', address: 'db', port: 1 } },
  'config-types': { schema: { type: 'object' } },
}

async function openScene(api: Api) {
  const rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  const prefix = `/edge/${api}/v1`
  const asked = new Set<string>()
  let token = ''

  const call: Call = async (route, { params = [], query = '', ...ask } = {}) => {
    const [method = '', template = ''] = route.split(' ')
    let index = 0
    const path = template.replace(/\{\w+\}/g, () => params[index++] ?? 'missing')
    const answer = await edge.ask(method, `${prefix}${path}${query}`, { token, ...ask })
    assert.ok(answer.status < 300, `${route}: ${answer.status} ${JSON.stringify(answer.body)}`)
    checkEnvelope(route, answer)
    asked.add(route)
    return answer
  }
  const id = async (route: string, options?: Options) => dataOf<{ id: string }>(await call(route, options)).id
  const documented = async () => {
    const document = (await edge.ask('GET', `${prefix}/specs/edge-${api}/spec`)).body as {
      paths: Record<string, object>
    }
    return Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`),
    )
  }
  return {
    rig,
    edge,
    call,
    id,
    setToken(next: string) {
      token = next
    },
    /** Those that nobody asked. */
    missing: async () => (await documented()).filter(route => !asked.has(route)).sort(),
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  }
}

function checkEnvelope(route: string, { status, body, headers }: EdgeAnswered): void {
  if (/\/(?:spec|cacerts)$/.test(route)) return
  assert.match(String(headers.get('content-type')), /^application\/json/, route)
  const { data, meta } = body as { data: unknown; meta: { pagination?: { totalCount: unknown } } }
  if (Array.isArray(data)) {
    // Words, of which there is no page.
    if (route !== 'GET /enumerated-capabilities')
      assert.equal(typeof meta.pagination?.totalCount, 'number', route)
    return
  }
  assert.ok(typeof data === 'object' && data !== null, route)
  assert.deepEqual(meta, {}, route)
  if (status === 201) assert.equal(typeof (data as { id: unknown }).id, 'string', route)
}

type Scene = Awaited<ReturnType<typeof openScene>>

/** What both APIs have: versions, logins, oneself. Ends with its login. */
async function askShared({ edge, call, id, setToken, rig }: Scene, prefix: Api): Promise<void> {
  for (const path of ['/', '/version', '/protocols', '/enumerated-capabilities', '/specs']) {
    await call(`GET ${path}`)
  }
  await call('GET /network-jwts')
  await call('GET /.well-known/est/cacerts')
  await call('GET /specs/{id}', { params: [`edge-${prefix}`] })
  await call('GET /specs/{id}/spec', { params: [`edge-${prefix}`] })
  // An identity with a certificate, a password and an API key.
  const more = { isAdmin: true, enrollment: { ott: true } }
  const identityId = await edge.create('identities', { name: 'worker', type: 'Device', ...more })
  const [enrollment] = dataOf<{ token: string }[]>(
    await edge.manage('GET', `/identities/${identityId}/enrollments`),
  )
  const first = await createDevice()
  await edge.ask('POST', '/enroll/ott', { body: { token: enrollment?.token, clientCsr: first.request } })
  const updb = { identityId, method: 'updb', username: 'worker', password: 'correct horse' }
  const password = dataOf<{ id: string }>(await edge.manage('POST', '/authenticators', updb)).id
  const made = await edge.manage('POST', '/authenticators', { identityId, method: 'api-key' })
  const { apiKey } = dataOf<{ apiKey: string }>(made)
  const headers = { authorization: `Bearer ${apiKey}` }
  const login = await call('POST /authenticate', { query: '?method=api-key', headers, body: {} })
  setToken(dataOf<{ token: string }>(login).token)
  await call('GET /current-api-session')
  await call('GET /current-api-session/service-updates')
  await call('GET /current-identity')
  await call('GET /current-identity/edge-routers')
  const csr = (await createDevice()).request
  const certificate = await id('POST /current-api-session/certificates', { body: { csr } })
  await call('GET /current-api-session/certificates')
  await call('GET /current-api-session/certificates/{id}', { params: [certificate] })
  await call('DELETE /current-api-session/certificates/{id}', { params: [certificate] })
  const all = await call('GET /current-identity/authenticators')
  const cert = dataOf<{ id: string; method: string }[]>(all).find(({ method }) => method === 'cert')
  assert.ok(cert)
  await call('GET /current-identity/authenticators/{id}', { params: [password] })
  const change = (from: string, to: string) => ({ username: 'worker', currentPassword: from, password: to })
  const own = '/current-identity/authenticators/{id}'
  await call(`PUT ${own}`, { params: [password], body: change('correct horse', 'another horse') })
  await call(`PATCH ${own}`, { params: [password], body: change('another horse', 'a third horse') })
  rig.clock.advance(60_000)
  const clientCertCsr = (await createDevice()).request
  const extended = await call(`POST ${own}/extend`, { params: [cert.id], body: { clientCertCsr } })
  const { clientCert } = dataOf<{ clientCert: string }>(extended)
  await call(`POST ${own}/extend-verify`, { params: [cert.id], body: { clientCert } })
}

test('every route of the client API answers what it is there for', async () => {
  await using scene = await openScene('client')
  const { edge, call, id, missing } = scene
  const serviceId = await edge.create('services', { name: 'db', encryptionRequired: true })
  const guest = async (name: string) => {
    const enrollment = { ott: true }
    const identity = { name, type: 'Device', isAdmin: false, enrollment }
    const made = await edge.create('identities', identity)
    const [one] = dataOf<{ token: string }[]>(await edge.manage('GET', `/identities/${made}/enrollments`))
    return { token: one?.token ?? '', clientCsr: (await createDevice()).request }
  }
  const { token, ...body } = await guest('one')
  await call('POST /enroll', { query: `?method=ott&token=${token}`, body })
  await call('POST /enroll/{method}', { params: ['ott'], body: await guest('two') })
  await askShared(scene, 'client')
  await call('GET /edge-routers')
  await call('GET /controllers')
  await call('GET /external-jwt-signers', { token: '' })
  await call('GET /services')
  await call('GET /services/{id}', { params: [serviceId] })
  await call('GET /services/{id}/terminators', { params: [serviceId] })
  await call('GET /services/{id}/edge-routers', { params: [serviceId] })
  const session = await id('POST /sessions', { body: { serviceId, type: 'Bind' } })
  await call('GET /sessions')
  await call('GET /sessions/{id}', { params: [session] })
  await call('DELETE /sessions/{id}', { params: [session] })
  await call('DELETE /current-api-session')
  assert.deepEqual(await missing(), REFUSED.client)
})

test('every route of the management API answers what it is there for', async () => {
  await using scene = await openScene('management')
  const { rig, edge, call, id, missing } = scene
  await askShared(scene, 'management')
  const ids: Record<string, string> = {}
  for (const [type, more] of Object.entries(KINDS)) {
    const body = { name: `a-${type}`, ...more }
    const one = await id(`POST /${type}`, { body })
    await call(`GET /${type}`)
    await call(`GET /${type}/{id}`, { params: [one] })
    await call(`PATCH /${type}/{id}`, { params: [one], body: { tags: { a: 1 } } })
    await call(`PUT /${type}/{id}`, { params: [one], body })
    ids[type] = one
  }
  const { identities: identity = '', services: service = '', configs: config = '' } = ids
  const hub = { params: [rig.hub] }
  await call('GET /edge-routers')
  await call('GET /edge-routers/{id}', hub)
  await call('PUT /edge-routers/{id}', { ...hub, body: { name: 'hub' } })
  await call('PATCH /edge-routers/{id}', { ...hub, body: { cost: 1 } })
  // Relations.
  for (const [from, to] of [
    ['service-policies', ['identities', 'services']],
    ['edge-router-policies', ['identities', 'edge-routers']],
    ['service-edge-router-policies', ['services', 'edge-routers']],
  ] as const) {
    for (const kind of to) await call(`GET /${from}/{id}/${kind}`, { params: [ids[from] ?? ''] })
  }
  for (const kind of ['service-policies', 'configs', 'terminators']) {
    await call(`GET /services/{id}/${kind}`, { params: [service] })
  }
  const lists = [
    'services',
    'edge-routers',
    'service-policies',
    'service-configs',
    'enrollments',
    'authenticators',
  ]
  const override = [{ serviceId: service, configId: config }]
  await call('POST /identities/{id}/service-configs', { params: [identity], body: override })
  for (const kind of lists) await call(`GET /identities/{id}/${kind}`, { params: [identity] })
  await call('DELETE /identities/{id}/service-configs', { params: [identity], body: override })
  await call('GET /identities/{id}/policy-advice/{service}', { params: [identity, service] })
  for (const kind of ['identity', 'service', 'edge-router']) await call(`GET /${kind}-role-attributes`)
  await call('GET /summary')
  // Ways in.
  const enrollment = await id('POST /enrollments', { body: { identityId: identity, method: 'ott' } })
  await call('GET /enrollments')
  await call('GET /enrollments/{id}', { params: [enrollment] })
  const renewed = await id('POST /enrollments/{id}/refresh', { params: [enrollment], body: {} })
  await call('DELETE /enrollments/{id}', { params: [renewed] })
  const password = { username: 'ann', password: 'correct horse' }
  const updb = await id('POST /authenticators', {
    body: { identityId: identity, method: 'updb', ...password },
  })
  await call('GET /authenticators')
  await call('GET /authenticators/{id}', { params: [updb] })
  await call('PUT /authenticators/{id}', { params: [updb], body: password })
  await call('DELETE /authenticators/{id}', { params: [updb] })
  await call('POST /identities/{id}/disable', { params: [identity], body: { durationMinutes: 1 } })
  await call('POST /identities/{id}/enable', { params: [identity] })
  // What is going on.
  const guest = await edge.logIn('guest', { isAdmin: true })
  await edge.ask('POST', '/sessions', { token: guest.token, body: { serviceId: service, type: 'Bind' } })
  const [session] = dataOf<{ id: string }[]>(await call('GET /sessions'))
  await call('GET /sessions/{id}', { params: [session?.id ?? ''] })
  await call('DELETE /sessions/{id}', { params: [session?.id ?? ''] })
  await call('GET /api-sessions')
  await call('GET /api-sessions/{id}', { params: [guest.sessionId] })
  await call('DELETE /api-sessions/{id}', { params: [guest.sessionId] })
  const server = await rig.join({ name: 'server' })
  const name = dataOf<{ name: string }>(await edge.manage('GET', `/services/${service}`)).name
  const plan = await id('POST /terminators', { body: { service, address: server.id } })
  await rig.ask('host', server.caller, {
    params: { service: `tcp/${name}` as ServiceName },
    body: { access: { users: [], entrances: [] } },
  })
  await call('GET /terminators')
  await call('GET /terminators/{id}', { params: [plan] })
  await call('PATCH /terminators/{id}', { params: [plan], body: { cost: 2 } })
  await call('PUT /terminators/{id}', { params: [plan], body: { cost: 3 } })
  await call('DELETE /terminators/{id}', { params: [plan] })
  for (const type of Object.keys(KINDS).reverse())
    await call(`DELETE /${type}/{id}`, { params: [ids[type] ?? ''] })
  await call('DELETE /current-api-session')
  assert.deepEqual(await missing(), REFUSED.management)
})
