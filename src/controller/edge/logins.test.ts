import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { Caller } from '../../core/api/caller.ts'
import { EdgeError } from '../../core/edge/edge-error.ts'
import type { EndpointId, IdentityId } from '../../core/model/ids.ts'
import type { UserName } from '../../core/model/names.ts'
import { createLimitedFetch } from '../../net/limited-fetch.ts'
import { createDevice } from '../../testing/controller-rig.ts'
import { type CredentialsRig, edgeCodeOf, openCredentialsRig } from '../../testing/credentials-rig.ts'
import { type OpenIdProvider, startOpenIdProvider } from '../../testing/openid-provider.ts'
import { withUsername } from './password-login.ts'

let provider: OpenIdProvider
let other: OpenIdProvider
const limited = createLimitedFetch({ reach: 'computer', timeoutMs: 2_000 })

before(async () => {
  provider = await startOpenIdProvider({ clients: ['worker', 'stranger'] })
  other = await startOpenIdProvider()
})
after(async () => {
  await provider[Symbol.asyncDispose]()
  await other[Symbol.asyncDispose]()
  await limited[Symbol.asyncDispose]()
})

/** A rig whose clock is that of the providers. */
const openRig = () => openCredentialsRig({ fetchJson: limited.json, nowMs: Date.now() })

/** Log in by tokens, each in a header of its own. */
const show = (rig: CredentialsRig, ...tokens: string[]) =>
  rig.login({ method: 'ext-jwt', authorizations: tokens.map(token => `Bearer ${token}`) })

/** The headers of the Edge error that a call fails with. */
async function headersOf(call: Promise<unknown>): Promise<EdgeError['headers']> {
  const error = await call.then(
    () => undefined,
    thrown => thrown,
  )
  assert.ok(error instanceof EdgeError, `not an EdgeError: ${error}`)
  return error.headers
}

async function openPasswordRig() {
  const rig = await openCredentialsRig()
  const identity = await rig.addIdentity()
  const order = { identity, method: 'updb', username: 'Bob', password: 'correct horse' } as const
  await rig.enrolments.create(order, rig.clock.now())
  const logIn = (password: string, username = 'bob', address = '192.0.2.7:40000') =>
    rig.login({
      method: 'password',
      body: { username, password },
      caller: { identity: undefined, address },
    })
  return { rig, identity, logIn, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() }
}

test('login() by ext-jwt finds the identity by what the signer’s claim says', async () => {
  await using rig = await openRig()
  const signer = await rig.addSigner({ issuer: provider.issuer, jwksEndpoint: provider.jwksUrl })
  const identity = await rig.addIdentity({ externalId: 'worker' })
  const login = await show(rig, await provider.token())
  assert.deepEqual(
    [login.identity.id, login.signerId, login.authenticatorId, login.authPolicy.id],
    [identity.id, signer.id, undefined, 'default'],
  )
  await rig.context.exclusive(() => rig.tables.signers.put({ ...signer, useExternalId: false }))
  assert.equal(await edgeCodeOf(show(rig, await provider.token())), 'INVALID_AUTH')
  assert.equal(rig.lastReason(), 'identity-unknown')
})

test('login() by ext-jwt fails alike whatever was wrong; the log alone says what', async () => {
  await using rig = await openRig()
  const signer = await rig.addSigner({ issuer: provider.issuer, jwksEndpoint: provider.jwksUrl })
  const identity = await rig.addIdentity({ externalId: 'worker' })
  const good = await provider.token()
  const change = (record: Partial<typeof identity>) =>
    rig.context.exclusive(() => rig.tables.identities.put({ ...identity, ...record }))
  const fails = async (reason: string, ...tokens: string[]) => {
    assert.equal(await edgeCodeOf(show(rig, ...tokens)), 'INVALID_AUTH', reason)
    assert.equal(rig.lastReason(), reason)
  }
  await fails('token-missing')
  await fails('malformed', 'nonsense')
  await fails('identity-unknown', await provider.token({ client: 'stranger' }))
  await fails('audience', await provider.token({ audience: 'https://else.example' }))
  await fails('issuer-unknown', await other.token())
  await change({ disabled: { atMs: 0 } })
  await fails('identity-disabled', good)
  await change({ authPolicyId: '7f3d4e4e-6f53-4a52-9a4b-0b6f0d9d7c11' })
  await fails('auth-policy', good)
  await change({})
  await rig.setPolicy({ primary: { extJwt: { allowedSigners: [identity.id] } } })
  await fails('auth-policy', good)
  await rig.setPolicy({ primary: { extJwt: { allowed: false, allowedSigners: [] } } })
  await fails('auth-policy', good)
  await rig.setPolicy({ primary: { extJwt: { allowed: true, allowedSigners: [signer.id] } } })
  assert.equal((await show(rig, good)).identity.id, identity.id)
  await rig.addIdentity({ externalId: 'worker', name: 'twin' })
  await fails('identity-unknown', good)
  await rig.context.exclusive(() => rig.tables.signers.put({ ...signer, enabled: false }))
  await fails('signer-disabled', good)
  const { detail, address } = rig.log.fieldsOf('login.refused')[3] ?? {}
  assert.match(`${detail} ${address}`, /^aud: "https:\/\/else.example": wanted ".*" 192\.0\.2\.7/)
  const said = JSON.stringify(rig.log.events)
  assert.ok(!said.includes(good), 'a token is in the log')
})

test('login() tells a client whether its token was missing, expired or bad, in the words of OpenZiti', async () => {
  await using rig = await openRig()
  const issuer = provider.issuer
  const { id } = await rig.addSigner({ issuer, jwksEndpoint: provider.jwksUrl })
  const token = await provider.token()
  const challengeOf = async (...tokens: string[]) =>
    (await headersOf(show(rig, ...tokens)))['www-authenticate']
  const named = (error: string) =>
    `Bearer realm="openziti-primary-ext-jwt" error="${error}" error_description="the token is ${error}" id="${id}" issuer="${issuer}"`
  assert.equal(await challengeOf(), named('missing'))
  assert.equal(await challengeOf(token), named('invalid'))
  assert.match((await challengeOf('x')) ?? '', /error="invalid" error_description="the token is invalid"$/)
  rig.clock.advance(3_700_000)
  assert.equal(await challengeOf(token), named('expired'))
})

test('login() looks at two authorization values, in one header or two, and takes the good one', async () => {
  await using rig = await openRig()
  await rig.addSigner({ issuer: provider.issuer, jwksEndpoint: provider.jwksUrl })
  const { id } = await rig.addIdentity({ externalId: 'worker' })
  const good = await provider.token()
  const bad = await other.token()
  assert.equal((await show(rig, bad, good)).identity.id, id)
  assert.equal(await edgeCodeOf(show(rig, bad, bad, good)), 'INVALID_AUTH')
  const inOne = { method: 'ext-jwt', authorizations: [`bearer ${bad}, Bearer ${good}`] }
  assert.equal((await rig.login(inOne)).identity.id, id)
  for (const authorization of [good, `Basic ${good}`, `Bearer ${good} x`, 'Bearer ']) {
    assert.equal(
      await edgeCodeOf(rig.login({ method: 'ext-jwt', authorizations: [authorization] })),
      'INVALID_AUTH',
    )
  }
})

test('login() wants a second token where the auth policy says so, of the same identity', async () => {
  await using rig = await openRig()
  await rig.addSigner({ issuer: provider.issuer, jwksEndpoint: provider.jwksUrl })
  const second = await rig.addSigner({ name: 'second', issuer: other.issuer, jwksEndpoint: other.jwksUrl })
  const { id } = await rig.addIdentity({ externalId: 'worker' })
  await rig.setPolicy({ secondary: { requireTotp: false, requireExtJwtSigner: second.id } })
  const [token, otherToken] = [await provider.token(), await other.token()]
  assert.equal((await show(rig, token, otherToken)).identity.id, id)
  const headers = await headersOf(show(rig, token))
  assert.match(headers['www-authenticate'] ?? '', /realm="openziti-secondary-ext-jwt" error="invalid"/)
  assert.equal(rig.lastReason(), 'second-token')
  const strangers = await provider.token({ client: 'stranger' })
  const { id: strangerId } = await rig.addIdentity({ externalId: 'stranger', name: 'stranger' })
  assert.equal(await edgeCodeOf(show(rig, strangers, otherToken)), 'INVALID_AUTH', strangerId)
})

test('login() by password takes the right one, whatever the case of the name, and no other', async () => {
  await using scene = await openPasswordRig()
  const { rig, identity, logIn } = scene
  assert.equal((await logIn('correct horse')).identity.id, identity.id)
  const reasons = []
  for (const [password, name] of [
    ['Correct horse', 'bob'],
    ['correct horse', 'bobby'],
    ['correct horse', ' bob'],
  ] as const) {
    assert.equal(await edgeCodeOf(logIn(password, name)), 'INVALID_AUTH')
    reasons.push(rig.lastReason())
  }
  assert.deepEqual(reasons, ['password', 'user-unknown', 'user-unknown'])
  for (const body of [
    {},
    { username: 'bob' },
    { username: 7, password: 'x' },
    { username: 'bob', password: 'x'.repeat(1_025) },
  ]) {
    assert.equal(await edgeCodeOf(rig.login({ method: 'password', body })), 'COULD_NOT_VALIDATE')
  }
  await rig.setPolicy({ primary: { updb: { allowed: false } } })
  assert.equal(await edgeCodeOf(logIn('correct horse')), 'INVALID_AUTH')
})

test('login() locks a name after too many wrong passwords, for as long as the auth policy says', async () => {
  await using scene = await openPasswordRig()
  const { rig, logIn } = scene
  const isIn = async () => (await edgeCodeOf(logIn('correct horse'))) === 'none'
  await rig.setPolicy({ primary: { updb: { maxAttempts: 3, lockoutDurationMinutes: 5 } } })
  for (let i = 0; i < 2; i++) await edgeCodeOf(logIn('wrong'))
  assert.equal(await isIn(), true, 'a good one starts the count again')
  // Guesses at the same time count too.
  await Promise.all(Array.from({ length: 6 }, () => edgeCodeOf(logIn('wrong'))))
  assert.equal(await isIn(), false)
  assert.equal(rig.lastReason(), 'locked')
  assert.equal(withUsername(rig.tables, 'bob')?.failureCount, 3)
  rig.clock.advance(5 * 60_000)
  await edgeCodeOf(logIn('wrong'))
  assert.equal(await isIn(), true)
  await rig.setPolicy({ primary: { updb: { maxAttempts: 1, lockoutDurationMinutes: 0 } } })
  await edgeCodeOf(logIn('wrong'))
  rig.clock.advance(365 * 86_400_000)
  assert.equal(await isIn(), false)
  assert.equal(rig.log.fieldsOf('authenticator.locked').length, 2)
})

test('login() takes thirty wrong passwords a minute of one address, then 429 until it is over', async () => {
  await using scene = await openPasswordRig()
  const { rig, logIn } = scene
  const guesses = await Promise.all(
    Array.from({ length: 31 }, (_, i) => edgeCodeOf(logIn('wrong', `nobody ${i}`, '192.0.2.66:1'))),
  )
  assert.equal(guesses.filter(code => code === 'INVALID_AUTH').length, 31)
  assert.deepEqual(await headersOf(logIn('correct horse', 'bob', '192.0.2.66:2')), { 'retry-after': '60' })
  assert.equal(await edgeCodeOf(logIn('correct horse', 'bob', '192.0.2.66:2')), 'RATE_LIMITED')
  assert.equal(await edgeCodeOf(logIn('correct horse')), 'none')
  rig.clock.advance(60_000)
  assert.equal(await edgeCodeOf(logIn('correct horse', 'bob', '192.0.2.66:2')), 'none')
})

test('login() by API key, shown in either way, until it ends', async () => {
  await using rig = await openCredentialsRig()
  const identity = await rig.addIdentity()
  const expiresAtMs = rig.clock.now() + 60_000
  const { apiKey = '', authenticator } = await rig.enrolments.create(
    { identity, method: 'api-key', expiresAtMs },
    rig.clock.now(),
  )
  assert.match(apiKey, /^ztm-[\w-]{43}$/)
  assert.ok(!JSON.stringify(authenticator).includes(apiKey))
  const ways = [
    { method: 'api-key', body: { apiKey } },
    { method: 'api-key', authorizations: [`Bearer ${apiKey}`] },
    { method: 'ext-jwt', authorizations: [`Bearer ${apiKey}`] },
  ]
  for (const way of ways) {
    const login = await rig.login(way)
    assert.deepEqual([login.identity.id, login.authenticatorId], [identity.id, authenticator.id])
  }
  const guess = `${apiKey.slice(0, -1)}${apiKey.endsWith('A') ? 'B' : 'A'}`
  for (const key of [guess, '', 'ztm-', createHash('sha256').update(apiKey).digest('hex')]) {
    assert.equal(await edgeCodeOf(rig.login({ method: 'api-key', body: { apiKey: key } })), 'INVALID_AUTH')
  }
  rig.clock.advance(60_000)
  assert.equal(await edgeCodeOf(rig.login(ways[0] ?? { method: '' })), 'INVALID_AUTH')
  assert.equal(rig.lastReason(), 'api-key-expired')
})

test('login() by certificate takes the keys that the identity has now', async () => {
  await using rig = await openCredentialsRig()
  const identity = await rig.addIdentity()
  const [first, second] = [await createDevice(), await createDevice()]
  const { token } = await enroll(rig, identity)
  await rig.enrolments.enroll(
    { method: 'ott', token, authorizations: [], body: { clientCsr: first.request }, caller: ANYBODY },
    rig.clock.now(),
  )
  const callerOf = (device: typeof first): Caller => ({
    identity: { kind: 'identity', mesh: rig.authority.mesh, identity: identity.id as IdentityId },
    address: '192.0.2.7:40000',
    publicKeyPem: device.key.publicKeyPem,
  })
  const logIn = (caller: Caller) => rig.login({ method: 'cert', caller })
  const { authenticatorId = '' } = await logIn(callerOf(first))
  assert.equal(await edgeCodeOf(logIn(callerOf(second))), 'INVALID_AUTH')
  assert.equal(await edgeCodeOf(logIn(ANYBODY)), 'INVALID_AUTH')

  const authenticator = rig.tables.authenticators.get(authenticatorId)
  assert.ok(authenticator)
  await rig.enrolments.extend(authenticator, second.request, rig.clock.now())
  assert.equal(await edgeCodeOf(logIn(callerOf(first))), 'none', 'until the new one was used')
  assert.equal((await logIn(callerOf(second))).authenticatorId, authenticatorId)
  assert.equal(await edgeCodeOf(logIn(callerOf(first))), 'INVALID_AUTH')
  await rig.context.exclusive(() => rig.tables.authenticators.delete(authenticatorId))
  assert.equal(await edgeCodeOf(logIn(callerOf(second))), 'INVALID_AUTH')
})

test('login() by certificate takes an endpoint of the mesh as the identity that it is seen as', async () => {
  await using rig = await openCredentialsRig()
  const { id } = await rig.addIdentity()
  const callerOf = (endpoint: string): Caller => ({
    ...ANYBODY,
    identity: {
      kind: 'endpoint',
      mesh: rig.authority.mesh,
      user: 'bob' as UserName,
      endpoint: endpoint as EndpointId,
    },
  })
  assert.equal((await rig.login({ method: 'cert', caller: callerOf(id) })).identity.id, id)
  const gone = callerOf('7f3d4e4e-6f53-4a52-9a4b-0b6f0d9d7c11')
  assert.equal(await edgeCodeOf(rig.login({ method: 'cert', caller: gone })), 'INVALID_AUTH')
})

test('login() knows no other method', async () => {
  await using rig = await openCredentialsRig()
  for (const method of ['', 'basic', 'constructor', 'Password']) {
    assert.equal(await edgeCodeOf(rig.login({ method })), 'INVALID_AUTH_METHOD')
  }
})

const ANYBODY: Caller = { identity: undefined, address: '192.0.2.7:40000' }

async function enroll(rig: CredentialsRig, identity: Awaited<ReturnType<CredentialsRig['addIdentity']>>) {
  const record = await rig.enrolments.prepare({ identity, method: 'ott' }, rig.clock.now())
  await rig.context.exclusive(() => rig.tables.enrollments.put(record))
  return record
}
