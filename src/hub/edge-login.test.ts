import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import { after, before, test } from 'node:test'
import { parseAddress } from '../core/model/address.ts'
import { createLimitedFetch } from '../net/limited-fetch.ts'
import { createDevice } from '../testing/controller-rig.ts'
import { createLocalMesh, type LocalMesh } from '../testing/local-mesh.ts'
import { type OpenIdProvider, PROVIDER_AUDIENCE, startOpenIdProvider } from '../testing/openid-provider.ts'

let provider: OpenIdProvider
let mesh: LocalMesh
let root: Certificate
const limited = createLimitedFetch({ reach: 'computer', timeoutMs: 2_000 })

before(async () => {
  provider = await startOpenIdProvider({ alg: 'RS256', clients: ['worker', 'two'] })
  mesh = await createLocalMesh({ fetchJson: limited.json })
  const { chainPem, privateKeyPem } = await mesh.member('admin')
  root = { cert: chainPem, key: privateKeyPem }
  await create('external-jwt-signers', {
    name: 'iam',
    issuer: provider.issuer,
    audience: PROVIDER_AUDIENCE,
    jwksEndpoint: provider.jwksUrl,
    enabled: true,
    useExternalId: true,
  })
})
after(async () => {
  await mesh[Symbol.asyncDispose]()
  await provider[Symbol.asyncDispose]()
  await limited[Symbol.asyncDispose]()
})

interface Certificate {
  readonly cert: string
  readonly key: string
}

/** One request over HTTP/1.1, on a connection of its own. @param path  below `/edge/client/v1`, unless it is whole */
async function ask(
  path: string,
  more: {
    body?: unknown
    headers?: Record<string, string | string[]>
    as?: Certificate
    method?: string
  } = {},
) {
  const { body, headers = {}, as = {}, method = body === undefined ? 'GET' : 'POST' } = more
  const request = https.request({
    ...parseAddress(mesh.address),
    ca: mesh.authority.rootCertificatePem,
    path: path.startsWith('/edge') ? path : `/edge/client/v1${path}`,
    agent: false,
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...as,
  })
  request.end(body === undefined ? undefined : JSON.stringify(body))
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  const answer = JSON.parse(text) as { data: Record<string, never>; error?: { code: string } }
  return {
    status: response.statusCode,
    headers: response.headers,
    data: answer.data,
    code: answer.error?.code,
  }
}

async function create(type: string, body: object): Promise<string> {
  const made = await ask(`/edge/management/v1/${type}`, { body, as: root })
  assert.equal(made.status, 201, made.code)
  return made.data.id ?? ''
}

test('a program logs in with a token of an OpenID provider, and its session is good', async () => {
  const name = 'worker'
  await create('identities', { name, type: 'Device', isAdmin: false, externalId: 'worker' })
  const logIn = async (token: string) =>
    ask('/authenticate?method=ext-jwt', {
      body: { configTypes: [] },
      headers: { authorization: `Bearer ${token}` },
    })
  const { status, headers, data } = await logIn(await provider.token())
  assert.equal(status, 200)
  assert.equal(headers['zt-session'], data.token)
  const session = await ask('/current-identity', { headers: { 'zt-session': data.token ?? '' } })
  assert.deepEqual([session.status, session.data.name], [200, name])
  const wrong = await logIn(await provider.token({ audience: 'https://else.example' }))
  assert.deepEqual([wrong.status, wrong.code], [401, 'INVALID_AUTH'])
  assert.match(
    wrong.headers['www-authenticate'] ?? '',
    /^Bearer realm="openziti-primary-ext-jwt" error="invalid"/,
  )
  const refused = await mesh.logged('login.refused')
  assert.equal(refused.fields.reason, 'audience')
})

test('hub passes both authorization values of a login on', async () => {
  await create('identities', { name: 'two-tokens', type: 'Device', isAdmin: false, externalId: 'two' })
  const good = `Bearer ${await provider.token({ client: 'two' })}`
  for (const authorization of [['Bearer nonsense', good], `Bearer nonsense, ${good}`]) {
    const { status } = await ask('/authenticate?method=ext-jwt', { body: {}, headers: { authorization } })
    assert.equal(status, 200)
  }
})

test('a program enrols with its one-time token, logs in by certificate, and extends it', async () => {
  const name = 'device'
  const id = await create('identities', { name, type: 'Device', isAdmin: false, enrollment: { ott: true } })
  const { data } = await ask(`/edge/management/v1/identities/${id}`, { as: root })
  const { jwt } = (data as unknown as { enrollment: { ott: { jwt: string } } }).enrollment.ott
  const device = await createDevice()
  const use = () => ask('/enroll/ott', { body: { token: jwt, clientCsr: device.request } })
  const enrolled = await use()
  assert.equal(enrolled.status, 200, enrolled.code)
  assert.deepEqual(await use().then(({ status, code }) => [status, code]), [
    410,
    'INVALID_ENROLLMENT_ALREADY_ENROLLED',
  ])
  const as = { cert: enrolled.data.cert ?? '', key: device.key.privateKeyPem }
  const login = await ask('/authenticate?method=cert', { body: {}, as })
  assert.deepEqual([login.status, login.code], [200, undefined])
  const headers = { 'zt-session': login.data.token ?? '' }
  const authenticator = `/current-identity/authenticators/${login.data.authenticatorId}`
  const next = await createDevice()
  const extended = await ask(`${authenticator}/extend`, {
    body: { clientCertCsr: next.request },
    headers,
  })
  assert.equal(extended.status, 200, extended.code)
  const cert = extended.data.clientCert ?? ''
  const withNext = { cert, key: next.key.privateKeyPem }
  assert.equal((await ask('/authenticate?method=cert', { body: {}, as: withNext })).status, 200)
  assert.equal((await ask('/authenticate?method=cert', { body: {}, as })).status, 401)
  assert.equal((await ask('/authenticate?method=cert', { body: {} })).status, 401)
})

test('hub answers others while forty log in by password at once', async () => {
  const identityId = await create('identities', { name: 'person', type: 'User', isAdmin: false })
  const password = { username: 'person', password: 'correct horse' }
  await create('authenticators', { identityId, method: 'updb', ...password })
  const logIn = () => ask('/authenticate?method=password', { body: password })
  let isOver = false
  const logins = Promise.all(Array.from({ length: 40 }, logIn)).finally(() => {
    isOver = true
  })
  let answeredCount = 0
  while (!isOver) {
    assert.equal((await ask('/version')).status, 200)
    assert.equal((await ask('/edge/management/v1/identities', { as: root })).status, 200)
    answeredCount++
  }
  assert.ok((await logins).every(({ status }) => status === 200))
  assert.ok(answeredCount > 1, `${answeredCount} rounds were answered meanwhile`)
})
