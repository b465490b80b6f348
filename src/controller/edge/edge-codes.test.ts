import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Micros } from '../../core/billing/money.ts'
import { EDGE_ERRORS } from '../../core/edge/edge-error.ts'
import type { ServiceName } from '../../core/model/names.ts'
import { type ControllerRig, createDevice, openControllerRig } from '../../testing/controller-rig.ts'
import { codeOf, createEdgeClient, type EdgeAnswered, type EdgeAsk } from '../../testing/edge-client.ts'

type Edge = Awaited<ReturnType<typeof createEdgeClient>>
type Scene = { rig: ControllerRig; edge: Edge }

const ID = '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11'
const JSON_BODY = { 'content-type': 'application/json' }
const service = (name: string) => ({ name, encryptionRequired: true })
const identity = (name: string, more = {}) => ({ name, type: 'Device', isAdmin: false, ...more })

async function csr(): Promise<string> {
  return (await createDevice()).request
}

async function asUser(
  { edge }: Scene,
  method: string,
  path: string,
  ask: EdgeAsk = {},
): Promise<EdgeAnswered> {
  const { token } = await edge.logIn(`user ${method} ${path}`.slice(0, 100))
  return edge.ask(method, path, { token, ...ask })
}

/** An identity with a one-time token, and the token. */
async function invited(
  { edge }: Scene,
  name = 'guest',
): Promise<{ id: string; token: string; enrollment: string }> {
  const id = await edge.create('identities', identity(name, { enrollment: { ott: true } }))
  const { body } = await edge.manage('GET', `/identities/${id}/enrollments`)
  const [one] = (body as { data: { id: string; token: string }[] }).data
  return { id, token: one?.token ?? '', enrollment: one?.id ?? '' }
}

/** Each code that we serve, and a request that gets it. */
const PROVOKED: Record<string, [number, (scene: Scene) => Promise<EdgeAnswered>]> = {
  COULD_NOT_VALIDATE: [
    400,
    ({ edge }) => edge.manage('POST', '/services', { name: 'x', encryptionRequired: 'yes' }),
  ],
  COULD_NOT_PARSE_BODY: [
    400,
    ({ edge }) =>
      edge.ask('POST', '/authenticate?method=password', { body: '{"a":1,"a":2}', headers: JSON_BODY }),
  ],
  INVALID_CONTENT_TYPE: [
    400,
    ({ edge }) =>
      edge.ask('POST', '/authenticate?method=password', {
        body: 'a=1',
        headers: { 'content-type': 'text/csv' },
      }),
  ],
  INVALID_AUTH_METHOD: [400, ({ edge }) => edge.ask('POST', '/authenticate?method=magic', { body: {} })],
  INVALID_ENROLLMENT_TOKEN: [
    400,
    async ({ edge }) => edge.ask('POST', '/enroll/ott', { body: { token: ID, clientCsr: await csr() } }),
  ],
  ENROLLMENT_EXPIRED: [
    400,
    async scene => {
      const { token } = await invited(scene)
      scene.rig.clock.advance(86_400_000)
      return scene.edge.ask('POST', '/enroll/ott', { body: { token, clientCsr: await csr() } })
    },
  ],
  INVALID_ENROLL_METHOD: [
    400,
    async scene => {
      const { token } = await invited(scene)
      return scene.edge.ask('POST', `/enroll/updb?token=${token}`, {
        body: { username: 'x', password: 'long enough' },
      })
    },
  ],
  MISSING_OR_INVALID_CSR: [
    400,
    scene => asUser(scene, 'POST', '/current-api-session/certificates', { body: { csr: 'no request' } }),
  ],
  COULD_NOT_PROCESS_CSR: [
    400,
    async scene => {
      const broken = (await csr()).replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA')
      return asUser(scene, 'POST', '/current-api-session/certificates', { body: { csr: broken } })
    },
  ],
  NO_EDGE_ROUTERS_AVAILABLE: [
    400,
    async scene => {
      const { edge, rig } = scene
      const serviceId = await edge.create('services', service('unreachable'))
      const policy = { type: 'Dial', semantic: 'AnyOf', identityRoles: ['#all'], serviceRoles: ['#all'] }
      await edge.create('service-policies', { ...policy, name: 'everybody dials' })
      await edge.manage('PATCH', `/edge-routers/${rig.hub}`, { disabled: true })
      return asUser(scene, 'POST', '/sessions', { body: { serviceId } })
    },
  ],
  INVALID_CERT_PEM: [
    400,
    ({ edge }) =>
      edge.manage('POST', '/external-jwt-signers', {
        name: 's',
        issuer: 'https://iam.example',
        audience: 'mesh',
        enabled: true,
        kid: 'k',
        certPem: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      }),
  ],
  INVALID_FILTER: [400, ({ edge }) => edge.manage('GET', '/services?filter=name%20%3D')],
  INVALID_SORT_IDENTIFIER: [400, ({ edge }) => edge.manage('GET', '/services?sort=colour')],
  INVALID_PAGINATION: [400, ({ edge }) => edge.manage('GET', '/services?limit=ten')],
  ENTITY_CAN_NOT_BE_DELETED: [400, ({ edge }) => edge.manage('DELETE', '/auth-policies/default')],
  ENTITY_CAN_NOT_BE_UPDATED: [
    400,
    ({ edge }) => edge.manage('PATCH', `/identities/${edge.root.id}`, { name: 'x' }),
  ],
  UNAUTHORIZED: [401, ({ edge }) => edge.ask('GET', '/services')],
  INVALID_AUTH: [
    401,
    ({ edge }) =>
      edge.ask('POST', '/authenticate?method=password', { body: { username: 'x', password: 'y' } }),
  ],
  NOT_FOUND: [404, ({ edge }) => edge.manage('GET', `/services/${ID}`)],
  METHOD_NOT_ALLOWED: [405, ({ edge }) => edge.manage('DELETE', '/services')],
  NOT_ACCEPTABLE: [
    406,
    ({ edge }) => edge.ask('GET', '/version', { headers: { accept: 'application/x-pem-file' } }),
  ],
  ENROLLMENT_EXISTS: [
    409,
    async scene => {
      const { id } = await invited(scene)
      return scene.edge.manage('POST', '/enrollments', { identityId: id, method: 'ott' })
    },
  ],
  ENROLLMENT_IDENTITY_ALREADY_ENROLLED: [
    409,
    async scene => {
      const { id, token } = await invited(scene)
      await scene.edge.ask('POST', '/enroll/ott', { body: { token, clientCsr: await csr() } })
      return scene.edge.manage('POST', '/enrollments', { identityId: id, method: 'ott' })
    },
  ],
  CAN_NOT_DELETE_REFERENCED_ENTITY: [
    409,
    async ({ edge }) => {
      const data = { protocol: 'tcp', address: 'localhost', port: 80 }
      const config = await edge.create('configs', { name: 'c', configTypeId: 'host.v1', data })
      await edge.create('services', { ...service('referring'), configs: [config] })
      return edge.manage('DELETE', `/configs/${config}`)
    },
  ],
  INVALID_ENROLLMENT_ALREADY_ENROLLED: [
    410,
    async scene => {
      const { token } = await invited(scene)
      const use = async () =>
        scene.edge.ask('POST', '/enroll/ott', { body: { token, clientCsr: await csr() } })
      assert.equal((await use()).status, 200)
      return use()
    },
  ],
  CAN_NOT_UPDATE_AUTHENTICATOR: [
    409,
    async ({ edge }) => {
      const { token } = await edge.logIn('worker')
      const { body } = await edge.ask('GET', '/current-identity/authenticators', { token })
      const [one] = (body as { data: { id: string }[] }).data
      const path = `/current-identity/authenticators/${one?.id}/extend`
      return edge.ask('POST', path, { token, body: { clientCertCsr: await csr() } })
    },
  ],
  RATE_LIMITED: [
    429,
    async ({ edge }) => {
      for (let count = 0; count < 30; count += 1) {
        await edge.ask('POST', '/authenticate?method=password', {
          body: { username: `u${count}`, password: 'wrong' },
        })
      }
      return edge.ask('POST', '/authenticate?method=password', { body: { username: 'u', password: 'wrong' } })
    },
  ],
  REQUEST_ENTITY_TOO_LARGE: [
    413,
    ({ edge }) =>
      edge.ask('POST', '/authenticate?method=cert', { body: { envInfo: { os: 'x'.repeat(70_000) } } }),
  ],
}

for (const [code, [status, provoke]] of Object.entries(PROVOKED)) {
  test(`answers ${status} ${code}`, async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const answer = await provoke({ rig, edge })
    assert.deepEqual([answer.status, codeOf(answer)], [status, code], JSON.stringify(answer.body))
    const { error, meta } = answer.body as { error: Record<string, unknown>; meta: object }
    assert.match(String(error.requestId), /^[0-9a-f-]{36}$/)
    assert.deepEqual(meta, { apiVersion: '0.0.1', apiEnrollmentVersion: '0.0.1' })
  })
}

const SLOW_PATH = '/edge/management/v1/services'

async function codeOfBody(rig: ControllerRig, edge: Edge, body: ReadableStream): Promise<string> {
  const init = { method: 'POST', headers: JSON_BODY, body, duplex: 'half' } as RequestInit
  const { response } = await rig.controller.edge(
    new Request(`https://mesh${SLOW_PATH}`, init),
    edge.root.caller,
  )
  return ((await response.json()) as { error: { code: string } }).error.code
}

test('answers COULD_NOT_READ_BODY where a body breaks off, TIMEOUT where it takes over 10 s', async t => {
  await using rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  const broken = new ReadableStream({ pull: controller => controller.error(new Error('gone')) })
  assert.equal(await codeOfBody(rig, edge, broken), 'COULD_NOT_READ_BODY')
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const pulled = Promise.withResolvers<void>()
  const slow = new ReadableStream({ pull: () => pulled.resolve() }, { highWaterMark: 0 })
  const code = codeOfBody(rig, edge, slow)
  await pulled.promise
  t.mock.timers.tick(10_000)
  assert.equal(await code, 'TIMEOUT')
})

test('answers UNHANDLED, and tells the log alone what it was', async () => {
  await using rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  await rig.store[Symbol.asyncDispose]()
  const answer = await edge.manage('POST', '/services', service('web'))
  assert.deepEqual([answer.status, codeOf(answer)], [500, 'UNHANDLED'])
  const [logged] = rig.log.fieldsOf('edge.failed')
  const { requestId, message } = (answer.body as { error: { requestId: string; message: string } }).error
  assert.equal(logged?.request, requestId)
  assert.ok(!message.includes('store'))
})

test('answers INSUFFICIENT_BALANCE before a session of who cannot pay', async () => {
  const commerce = {
    balance: async () => ({ available: 0 as Micros, minimum: 1 as Micros, currency: 'USD' }),
    record: async () => 'recorded' as const,
    [Symbol.dispose]() {},
  }
  const after = () => () => {}
  const billing = { commerce, recheckMs: 60_000, after, random: () => 0 }
  await using rig = await openControllerRig({ billing })
  const edge = await createEdgeClient(rig)
  const serviceId = await edge.create('services', service('web'))
  const { token } = await edge.logIn('operator', { isAdmin: true })
  const server = await rig.joinAs('alice', 'server')
  await edge.create('service-policies', {
    name: 'alice hosts',
    type: 'Bind',
    semantic: 'AnyOf',
    identityRoles: ['@alice'],
    serviceRoles: ['@web'],
  })
  await rig.ask('host', server.caller, {
    params: { service: 'tcp/web' as ServiceName },
    body: { access: { policies: true } },
  })
  const answer = await edge.ask('POST', '/sessions', { token, body: { serviceId } })
  assert.deepEqual(
    [answer.status, codeOf(answer)],
    [402, 'INSUFFICIENT_BALANCE'],
    JSON.stringify(answer.body),
  )
})

test('a body that is deep, of bad UTF-8 or missing is refused', async () => {
  await using rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  const codes: string[] = []
  for (const body of ['['.repeat(40) + ']'.repeat(40), '', Buffer.from('7b2261223a22ff227d', 'hex')]) {
    const request = new Request('https://mesh/edge/management/v1/services', {
      method: 'POST',
      headers: JSON_BODY,
      body,
    })
    const { response } = await rig.controller.edge(request, edge.root.caller)
    codes.push(((await response.json()) as { error: { code: string } }).error.code)
  }
  assert.deepEqual(codes, ['COULD_NOT_PARSE_BODY', 'COULD_NOT_PARSE_BODY', 'COULD_NOT_PARSE_BODY'])
})

test('every code that is served is provoked by some test of this room', () => {
  const tests = readdirSync(import.meta.dirname).filter(file => file.endsWith('.test.ts'))
  const text = tests.map(file => readFileSync(join(import.meta.dirname, file), 'utf8')).join('\n')
  const missing = Object.keys(EDGE_ERRORS).filter(code => !new RegExp(`\\b${code}\\b`).test(text))
  assert.deepEqual(missing, [])
})
