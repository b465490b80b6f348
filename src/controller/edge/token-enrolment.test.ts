import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createLimitedFetch } from '../../net/limited-fetch.ts'
import { checkChain } from '../../pki/check.ts'
import { createDevice } from '../../testing/controller-rig.ts'
import { edgeCodeOf, NOBODY, openCredentialsRig } from '../../testing/credentials-rig.ts'
import { type OpenIdProvider, startOpenIdProvider } from '../../testing/openid-provider.ts'

let provider: OpenIdProvider
const limited = createLimitedFetch({ reach: 'computer', timeoutMs: 2_000 })

before(async () => {
  provider = await startOpenIdProvider({
    clients: ['worker', 'other'],
    claims: { display: 'Worker One', groups: ['web', 'eu'], many: Array(200).fill('x') },
  })
})
after(async () => {
  await provider[Symbol.asyncDispose]()
  await limited[Symbol.asyncDispose]()
})

async function openScene() {
  const rig = await openCredentialsRig({ fetchJson: limited.json, nowMs: Date.now() })
  const signer = await rig.addSigner({
    issuer: provider.issuer,
    jwksEndpoint: provider.jwksUrl,
    enrollToCertEnabled: true,
    enrollToTokenEnabled: true,
    enrollNameClaimsSelector: 'display',
    enrollAttributeClaimsSelector: '/groups',
  })
  const enroll = (token: string, body: object = {}) =>
    rig.enrolments.enroll(
      {
        method: 'token',
        token: undefined,
        authorizations: [`Bearer ${token}`],
        body: { ...body },
        caller: NOBODY,
      },
      rig.clock.now(),
    )
  const change = (more: Partial<typeof signer>) =>
    rig.context.exclusive(() => rig.tables.signers.put({ ...signer, ...more }))
  return { rig, enroll, change, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() }
}

test('enroll() by a signer’s token makes an identity that logs in by such tokens', async () => {
  await using scene = await openScene()
  const { rig, enroll } = scene
  const token = await provider.token()
  assert.deepEqual(await enroll(token), {})
  const { identity } = await rig.login({ method: 'ext-jwt', authorizations: [`Bearer ${token}`] })
  const { name, roleAttributes, isAdmin, externalId } = identity
  assert.deepEqual(
    [name, roleAttributes, isAdmin, externalId],
    ['Worker One', ['web', 'eu'], false, 'worker'],
  )
  assert.equal(await edgeCodeOf(enroll(token)), 'ENROLLMENT_IDENTITY_ALREADY_ENROLLED')
})

test('enroll() by a signer’s token with a signing request gives a certificate too', async () => {
  await using scene = await openScene()
  const { rig, enroll } = scene
  const token = await provider.token()
  assert.equal(await edgeCodeOf(enroll(token, { clientCsr: 'none' })), 'MISSING_OR_INVALID_CSR')
  assert.equal(rig.tables.identities.size, 0)
  const { cert = '', ca = '' } = await enroll(token, { clientCsr: (await createDevice()).request })
  const { identity } = checkChain(cert, { rootPem: ca, now: rig.clock.now() })
  assert.deepEqual(
    [...rig.tables.identities.values()].map(({ id }) => id),
    [identity.kind === 'identity' ? identity.identity : ''],
  )
})

test('enroll() by a signer’s token wants a good one, of a signer that allows it, with claims that make an identity', async () => {
  await using scene = await openScene()
  const { rig, enroll, change } = scene
  const token = await provider.token()
  const wrong = [await provider.token({ audience: 'https://else.example' }), 'nonsense', '']
  for (const one of wrong) assert.equal(await edgeCodeOf(enroll(one)), 'INVALID_AUTH')
  const changes: [Parameters<typeof change>[0], string][] = [
    [{ enrollToTokenEnabled: false }, 'INVALID_ENROLLMENT_NOT_ALLOWED'],
    [{ enabled: false }, 'INVALID_AUTH'],
    [{ useExternalId: false }, 'INVALID_AUTH'],
    [{ issuer: 'https://else.example' }, 'INVALID_AUTH'],
    [{ enrollNameClaimsSelector: '/none' }, 'COULD_NOT_VALIDATE'],
    [{ enrollNameClaimsSelector: 'groups' }, 'COULD_NOT_VALIDATE'],
    [{ enrollAttributeClaimsSelector: 'many' }, 'COULD_NOT_VALIDATE'],
  ]
  for (const [more, code] of changes) {
    await change(more)
    assert.equal(await edgeCodeOf(enroll(token)), code, JSON.stringify(more))
  }
  await change({ enrollToCertEnabled: false })
  const { request: clientCsr } = await createDevice()
  assert.equal(await edgeCodeOf(enroll(token, { clientCsr })), 'INVALID_ENROLLMENT_NOT_ALLOWED')
  assert.equal(rig.tables.identities.size, 0)
})
