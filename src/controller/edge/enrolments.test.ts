import assert from 'node:assert/strict'
import { generateKeyPairSync, randomUUID, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { compactVerify, decodeJwt, decodeProtectedHeader } from 'jose'
import { EdgeError } from '../../core/edge/edge-error.ts'
import { checkChain } from '../../pki/check.ts'
import { createDevice } from '../../testing/controller-rig.ts'
import { type CredentialsRig, edgeCodeOf, NOBODY, openCredentialsRig } from '../../testing/credentials-rig.ts'
import { forgeSigningRequest } from '../../testing/forge-signing-request.ts'
import { MAX_AUTHENTICATORS } from './authenticators.ts'
import { ENROLLMENT_VALID_MS } from './create-enrolments.ts'
import type { EnrollmentRecord, IdentityRecord } from './edge-records.ts'
import { IDENTITY_CERTIFICATE_VALID_MS } from './identity-certificate.ts'

async function prepare(
  rig: CredentialsRig,
  identity: IdentityRecord,
  more: { method?: EnrollmentRecord['method']; username?: string; expiresAtMs?: number } = {},
): Promise<EnrollmentRecord> {
  const record = await rig.enrolments.prepare({ identity, method: 'ott', ...more }, rig.clock.now())
  await rig.context.exclusive(() => rig.tables.enrollments.put(record))
  return record
}

const enroll = (rig: CredentialsRig, token: string | undefined, body: object, method = 'ott') =>
  rig.enrolments.enroll(
    { method, token, authorizations: [], body: { ...body }, caller: NOBODY },
    rig.clock.now(),
  )

test('prepare() makes a token that names the controller, the identity and the mesh, signed by the hub', async () => {
  await using rig = await openCredentialsRig()
  const identity = await rig.addIdentity()
  const { jwt = '', token, expiresAtMs } = await prepare(rig, identity)
  const key = new X509Certificate(rig.signer.chainPem).publicKey
  assert.ok(await compactVerify(jwt, key))
  assert.deepEqual(decodeJwt(jwt), {
    iss: 'https://hub.example:8888',
    sub: identity.id,
    aud: rig.authority.mesh,
    mesh: rig.authority.mesh,
    em: 'ott',
    ctrls: ['tls:hub.example:8888'],
    jti: token,
    exp: Math.floor(expiresAtMs / 1_000),
  })
  const { x5c = [] } = decodeProtectedHeader(jwt)
  const pem = x5c.map(der => `-----BEGIN CERTIFICATE-----\n${der}\n-----END CERTIFICATE-----\n`).join('')
  const hub = checkChain(pem, { rootPem: rig.authority.rootCertificatePem, now: rig.clock.now() })
  assert.equal(hub.identity.kind, 'hub')
  assert.equal(expiresAtMs, rig.clock.now() + ENROLLMENT_VALID_MS)
  for (const wrong of [rig.clock.now(), rig.clock.now() + 400 * 86_400_000]) {
    assert.equal(await edgeCodeOf(prepare(rig, identity, { expiresAtMs: wrong })), 'COULD_NOT_VALIDATE')
  }
})

test('enroll() gives a certificate of 90 days, once, for the token or the JWT it is in', async () => {
  await using rig = await openCredentialsRig()
  const identity = await rig.addIdentity()
  const device = await createDevice()
  const { jwt } = await prepare(rig, identity)
  const answers = await Promise.allSettled(
    Array.from({ length: 5 }, () => enroll(rig, jwt, { clientCsr: device.request })),
  )
  const [{ cert = '', ca = '' } = {}, ...more] = answers.flatMap(one =>
    one.status === 'fulfilled' ? [one.value] : [],
  )
  assert.equal(more.length, 0, 'five at once: one got it')
  const checked = checkChain(cert, { rootPem: ca, now: rig.clock.now() })
  assert.deepEqual(checked.identity, { kind: 'identity', mesh: rig.authority.mesh, identity: identity.id })
  assert.equal(checked.publicKeyPem, device.key.publicKeyPem)
  assert.equal(checked.expiresAtMs, rig.clock.now() + IDENTITY_CERTIFICATE_VALID_MS)
  assert.equal(rig.tables.authenticators.by('identityId', identity.id).length, 1)
  assert.equal(
    await edgeCodeOf(enroll(rig, jwt, { clientCsr: device.request })),
    'INVALID_ENROLLMENT_ALREADY_ENROLLED',
  )
  const refused = answers.find(one => one.status === 'rejected')?.reason
  assert.equal(refused instanceof EdgeError && refused.status, 410)
})

test('enroll() forgets enrollments that were over a month before', async () => {
  await using rig = await openCredentialsRig()
  const identity = await rig.addIdentity()
  const { request: clientCsr } = await createDevice()
  const [first, unused] = [await prepare(rig, identity), await prepare(rig, identity)]
  await enroll(rig, first.token, { clientCsr })
  const use = async () => enroll(rig, (await prepare(rig, identity)).token, { clientCsr })
  rig.clock.advance(30 * 86_400_000)
  await use()
  assert.ok(rig.tables.enrollments.get(first.id))
  rig.clock.advance(ENROLLMENT_VALID_MS + 1)
  await use()
  const isThere = [first, unused].map(({ id }) => rig.tables.enrollments.get(id) !== undefined)
  assert.deepEqual(isThere, [false, false])
  assert.equal(rig.tables.enrollments.size, 2)
})

test('enroll() refuses tokens that are unknown, past their end, of another method, or of nobody', async () => {
  await using rig = await openCredentialsRig()
  const identity = await rig.addIdentity()
  const { request: clientCsr } = await createDevice()
  const { token, jwt = '' } = await prepare(rig, identity)
  const [head, payload] = jwt.split('.')
  for (const wrong of [
    undefined,
    '',
    'x',
    `${token}x`,
    `${head}.e30.x`,
    `${head}.bm8=.x`,
    '..',
    'a'.repeat(9_000),
  ]) {
    assert.equal(await edgeCodeOf(enroll(rig, wrong, { clientCsr })), 'INVALID_ENROLLMENT_TOKEN', wrong)
  }
  assert.equal(await edgeCodeOf(enroll(rig, token, { clientCsr }, 'updb')), 'INVALID_ENROLL_METHOD')
  for (const method of ['ottca', 'ca', '', 'constructor']) {
    assert.equal(await edgeCodeOf(enroll(rig, token, { clientCsr }, method)), 'INVALID_ENROLL_METHOD')
  }
  rig.clock.advance(ENROLLMENT_VALID_MS)
  assert.equal(await edgeCodeOf(enroll(rig, token, { clientCsr })), 'ENROLLMENT_EXPIRED')
  rig.clock.advance(-ENROLLMENT_VALID_MS)
  await rig.context.exclusive(() => rig.tables.identities.delete(identity.id))
  assert.equal(await edgeCodeOf(enroll(rig, token, { clientCsr })), 'INVALID_ENROLLMENT_TOKEN')
  assert.ok(payload)
})

test('enroll() takes no request that is none or has a weak key, and is not used up by it', async () => {
  await using rig = await openCredentialsRig()
  const identity = await rig.addIdentity()
  const device = await createDevice()
  const { token } = await prepare(rig, identity)
  const requests = [
    undefined,
    7,
    '',
    'no request',
    rig.authority.rootCertificatePem,
    device.key.publicKeyPem,
    `${device.request}${device.request}`,
    device.request.replace(/[A-Za-z]{8}/, 'AAAAAAAA'),
    'x'.repeat(9_000),
    await forgeSigningRequest(generateKeyPairSync('rsa', { modulusLength: 1_024 })),
    await forgeSigningRequest(generateKeyPairSync('rsa', { modulusLength: 2_048 })),
    await forgeSigningRequest(generateKeyPairSync('ec', { namedCurve: 'P-384' })),
  ]
  for (const clientCsr of requests) {
    assert.equal(await edgeCodeOf(enroll(rig, token, { clientCsr })), 'MISSING_OR_INVALID_CSR')
  }
  const foreign = await forgeSigningRequest(generateKeyPairSync('ec', { namedCurve: 'P-256' }), {
    subject: 'root',
    uris: [`spiffe://${rig.authority.mesh}/hub/${randomUUID()}`],
    hosts: ['hub.example'],
  })
  const { cert = '' } = await enroll(rig, token, { clientCsr: foreign })
  const leaf = new X509Certificate(cert)
  assert.equal(leaf.subject, `CN=${identity.id}`)
  assert.equal(leaf.subjectAltName, `URI:spiffe://${rig.authority.mesh}/identity/${identity.id}`)
})

test('enroll() with a password makes a login of it, by the rules of the auth policy', async () => {
  await using rig = await openCredentialsRig()
  const identity = await rig.addIdentity()
  await rig.setPolicy({
    primary: {
      updb: {
        minPasswordLength: 10,
        requireNumberChar: true,
        requireSpecialChar: true,
        requireMixedCase: true,
      },
    },
  })
  const { token } = await prepare(rig, identity, { method: 'updb', username: 'bob' })
  const use = (body: object, of = token) => enroll(rig, of, body, 'updb')
  for (const password of [
    'Sh0rt!',
    'no-digits-Here',
    'n0-upper-case',
    'N0SpecialChars',
    'N0-LOWER-CASE',
    7,
    '',
  ]) {
    assert.equal(await edgeCodeOf(use({ password })), 'COULD_NOT_VALIDATE', `${password}`)
  }
  const password = 'G00d-enough'
  assert.equal(await edgeCodeOf(use({ username: 'eve', password })), 'COULD_NOT_VALIDATE')
  assert.deepEqual(await use({ username: 'bob', password }), {})
  assert.equal(
    (await rig.login({ method: 'password', body: { username: 'bob', password } })).identity.id,
    identity.id,
  )
  assert.equal(await edgeCodeOf(use({ password })), 'INVALID_ENROLLMENT_ALREADY_ENROLLED')
  const other = await rig.addIdentity({ name: 'other' })
  assert.equal(
    await edgeCodeOf(prepare(rig, other, { method: 'updb', username: 'BOB' })),
    'COULD_NOT_VALIDATE',
    'the name is taken',
  )
  const open = await prepare(rig, other, { method: 'updb' })
  assert.equal(await edgeCodeOf(use({ username: 'Bob', password }, open.token)), 'COULD_NOT_VALIDATE')
  assert.equal(await edgeCodeOf(use({ password }, open.token)), 'COULD_NOT_VALIDATE', 'no name at all')
  assert.deepEqual(await use({ username: 'eve', password }, open.token), {})
})

test('extend() makes a certificate for another key, which takes the place of the first once it is verified', async () => {
  await using rig = await openCredentialsRig()
  const identity = await rig.addIdentity()
  const [first, second] = [await createDevice(), await createDevice()]
  const { token } = await prepare(rig, identity)
  await enroll(rig, token, { clientCsr: first.request })
  const current = () => {
    const [record] = rig.tables.authenticators.by('identityId', identity.id)
    assert.ok(record?.method === 'cert')
    return record
  }
  const before = current()
  const { verifyExtended, extend } = rig.enrolments
  assert.equal(await edgeCodeOf(extend(before, 'no request', rig.clock.now())), 'MISSING_OR_INVALID_CSR')
  rig.clock.advance(30 * 86_400_000)
  const { clientCert } = await extend(before, second.request, rig.clock.now())
  assert.equal(current().certPem, before.certPem)
  for (const wrong of ['', 'no certificate', before.certPem, 'x'.repeat(20_000)]) {
    assert.equal(await edgeCodeOf(verifyExtended(before, wrong, rig.clock.now())), 'CERT_FAILED_VALIDATION')
  }
  await verifyExtended(before, clientCert, rig.clock.now())
  const after = current()
  assert.deepEqual([after.certPem, after.next, after.id], [clientCert, undefined, before.id])
  assert.equal(after.expiresAtMs, rig.clock.now() + IDENTITY_CERTIFICATE_VALID_MS)
  const { authenticator } = await rig.enrolments.create({ identity, method: 'api-key' }, rig.clock.now())
  assert.equal(
    await edgeCodeOf(extend(authenticator, second.request, rig.clock.now())),
    'CAN_NOT_UPDATE_AUTHENTICATOR',
  )
})

test('setPassword() wants the current password of its owner, none of an administrator, and opens a lock', async () => {
  await using rig = await openCredentialsRig()
  const identity = await rig.addIdentity()
  const now = rig.clock.now()
  const { authenticator } = await rig.enrolments.create(
    { identity, method: 'updb', username: 'bob', password: 'first password' },
    now,
  )
  const set = (change: { username?: string; password: string; currentPassword?: string }) =>
    rig.enrolments.setPassword(authenticator, change, now)
  const isIn = async (username: string, password: string) =>
    (await edgeCodeOf(rig.login({ method: 'password', body: { username, password } }))) === 'none'
  assert.equal(
    await edgeCodeOf(set({ password: 'second password', currentPassword: 'wrong' })),
    'UNAUTHORIZED',
  )
  assert.equal(await edgeCodeOf(set({ password: 'short' })), 'COULD_NOT_VALIDATE')
  await set({ password: 'second password', currentPassword: 'first password' })
  assert.deepEqual([await isIn('bob', 'first password'), await isIn('bob', 'second password')], [false, true])
  await rig.setPolicy({ primary: { updb: { maxAttempts: 1, lockoutDurationMinutes: 0 } } })
  await isIn('bob', 'wrong')
  assert.equal(await isIn('bob', 'second password'), false)
  await set({ username: 'robert', password: 'third password' })
  assert.deepEqual(
    [await isIn('bob', 'third password'), await isIn('robert', 'third password')],
    [false, true],
  )
})

test('create() makes no more authenticators than an identity may have, and none without its words', async () => {
  await using rig = await openCredentialsRig()
  const identity = await rig.addIdentity()
  const make = (more: object) =>
    rig.enrolments.create({ identity, method: 'api-key', ...more }, rig.clock.now())
  assert.equal(await edgeCodeOf(make({ method: 'updb', username: 'bob' })), 'COULD_NOT_VALIDATE')
  assert.equal(await edgeCodeOf(make({ method: 'updb', password: 'long enough' })), 'COULD_NOT_VALIDATE')
  for (let i = 0; i < MAX_AUTHENTICATORS; i++) await make({})
  assert.equal(await edgeCodeOf(make({})), 'MAX_AUTHENTICATOR_METHODS_REACHED')
  const { token } = await prepare(rig, identity)
  const { request: clientCsr } = await createDevice()
  assert.equal(await edgeCodeOf(enroll(rig, token, { clientCsr })), 'MAX_AUTHENTICATOR_METHODS_REACHED')
})
