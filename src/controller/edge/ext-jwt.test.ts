import assert from 'node:assert/strict'
import { createHmac, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import http, { type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { importJWK, type JWTPayload, SignJWT } from 'jose'
import { createLimitedFetch } from '../../net/limited-fetch.ts'
import { createKeyPair } from '../../pki/key-pair.ts'
import { forgeCertificate } from '../../testing/forge-certificate.ts'
import { createManualClock } from '../../testing/manual-clock.ts'
import {
  PROVIDER_AUDIENCE as AUDIENCE,
  type OpenIdProvider,
  startOpenIdProvider,
} from '../../testing/openid-provider.ts'
import { createRecordedLog } from '../../testing/recorded-log.ts'
import { createTokenChecker, type TokenSigner, type TokenVerdict } from './ext-jwt.ts'
import { createJwksCache, JWKS_LIMITS } from './jwks-cache.ts'

let provider: OpenIdProvider
let other: OpenIdProvider
const limited = createLimitedFetch({ reach: 'computer', timeoutMs: 500 })

before(async () => {
  provider = await startOpenIdProvider({ alg: 'RS256', claims: { org: { 'a/b': ['x', 'y'] }, mail: 'w@x' } })
  other = await startOpenIdProvider()
})
after(async () => {
  await provider[Symbol.asyncDispose]()
  await other[Symbol.asyncDispose]()
  await limited[Symbol.asyncDispose]()
})

function signerOf(of: OpenIdProvider, more: Partial<TokenSigner> = {}): TokenSigner {
  return {
    id: '7f3d4e4e-6f53-4a52-9a4b-0b6f0d9d7c11',
    name: 'iam',
    issuer: of.issuer,
    audience: AUDIENCE,
    enabled: true,
    jwksEndpoint: of.jwksUrl,
    claimsProperty: 'sub',
    useExternalId: true,
    ...more,
  }
}

function createChecker() {
  // The provider's own clock is the computer's.
  const clock = createManualClock(Date.now())
  const jwks = createJwksCache({ fetchJson: limited.json, clock, log: createRecordedLog() })
  const checker = createTokenChecker(jwks)
  return {
    clock,
    check: (token: string, signers = [signerOf(provider)]) => checker.check(token, signers, clock.now()),
  }
}

/** In one line: the subject, or what is wrong. */
function told(verdict: TokenVerdict): string {
  return verdict.isGood ? `good: ${verdict.subject}` : verdict.problem
}

/** A token as the provider would sign it, but with whatever is asked for. */
async function forge(
  claims: JWTPayload = {},
  header: { alg?: string; kid?: string | undefined; [member: string]: unknown } = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1_000)
  const payload = { iss: provider.issuer, aud: AUDIENCE, sub: 'worker', iat: now, exp: now + 600, ...claims }
  return new SignJWT(payload)
    .setProtectedHeader({ alg: 'RS256', kid: provider.kid, ...header } as { alg: string })
    .sign(await importJWK(provider.privateKey, 'RS256'))
}

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

test('check() takes an access token of an OpenID provider, whatever kind of key it has', async () => {
  const { check } = createChecker()
  assert.equal(told(await check(await provider.token())), 'good: worker')
  assert.equal(told(await check(await other.token(), [signerOf(other)])), 'good: worker')
  await using third = await startOpenIdProvider({ alg: 'EdDSA' })
  assert.equal(told(await check(await third.token(), [signerOf(third)])), 'good: worker')
})

test('check() follows a rotation of keys, without a restart and without a storm', async () => {
  await using rotating = await startOpenIdProvider()
  const { check, clock } = createChecker()
  const signers = [signerOf(rotating)]
  const old = await rotating.token()
  assert.equal(told(await check(old, signers)), 'good: worker')
  rotating.rotate(true)
  const fresh = await rotating.token()
  clock.advance(JWKS_LIMITS.retryMs)
  const verdicts = await Promise.all([fresh, old, fresh, fresh].map(token => check(token, signers)))
  assert.deepEqual(verdicts.map(told), Array(4).fill('good: worker'))
  rotating.rotate()
  clock.advance(JWKS_LIMITS.freshMs)
  assert.equal(told(await check(fresh, signers)), 'kid-unknown')
  assert.equal(rotating.jwksRequestCount, 3)
})

test('check() matches issuer and kid together, and the audience', async () => {
  const { check } = createChecker()
  const signers = [signerOf(provider), signerOf(other, { name: 'other' })]
  const wrongAudience = await check(await provider.token({ audience: 'https://else.example' }), signers)
  assert.deepEqual(
    wrongAudience.isGood || [wrongAudience.problem, wrongAudience.detail, wrongAudience.signer?.name],
    ['audience', `aud: "https://else.example": wanted "${AUDIENCE}"`, 'iam'],
  )
  const cases: [string, string][] = [
    [await other.token(), 'good: worker'],
    [await forge({ iss: 'https://nobody.example' }), 'issuer-unknown'],
    [await forge({ iss: other.issuer }), 'kid-unknown'],
    [await forge({}, { kid: other.kid }), 'kid-unknown'],
    [await forge({ iss: other.issuer }, { kid: other.kid }), 'signature'],
    [await forge({}, { kid: 'nobody knows' }), 'kid-unknown'],
    [await forge({}, { kid: undefined }), 'kid-missing'],
    [await forge({}, { kid: 7 as unknown as string }), 'kid-missing'],
    [await forge({ aud: ['https://a.example', AUDIENCE] }), 'good: worker'],
    [await forge({ aud: [] }), 'audience'],
    [await forge({ aud: undefined } as unknown as JWTPayload), 'audience'],
  ]
  for (const [token, expected] of cases) assert.equal(told(await check(token, signers)), expected)
})

test('check() knows several signers of one issuer by their audience, and takes none that is disabled', async () => {
  const { check } = createChecker()
  const [off, elsewhere, on] = [
    signerOf(provider, { name: 'off', enabled: false }),
    signerOf(provider, { name: 'elsewhere', audience: 'https://else.example' }),
    signerOf(provider, { name: 'on' }),
  ]
  const token = await provider.token()
  const taken = await check(token, [off, elsewhere, on])
  assert.equal(taken.signer?.name, 'on')
  assert.equal(told(await check(token, [off])), 'signer-disabled')
  assert.equal(told(await check(token, [off, elsewhere])), 'audience')
})

test('check() takes no token before its time or after it, 30 s aside', async () => {
  const { check, clock } = createChecker()
  const now = Math.floor(clock.now() / 1_000)
  const cases: [JWTPayload, string][] = [
    [{ exp: now - 29 }, 'good: worker'],
    [{ exp: now - 31 }, 'expired'],
    [{ exp: undefined }, 'claim'],
    [{ exp: 'never' as unknown as number }, 'claim'],
    [{ nbf: now + 29 }, 'good: worker'],
    [{ nbf: now + 32 }, 'from-future'],
    [{ iat: now + 32 }, 'from-future'],
    [{ iat: now + 86_400 * 365 }, 'from-future'],
  ] as [JWTPayload, string][]
  for (const [claims, expected] of cases) assert.equal(told(await check(await forge(claims))), expected)
  const token = await provider.token()
  clock.advance(3_700_000)
  const late = await check(token)
  assert.match(late.isGood ? '' : late.detail, /^exp: it ended \d{4}-/)
})

test('check() finds the claim that says who it is, by name or JSON pointer', async () => {
  const { check } = createChecker()
  const token = await provider.token()
  const cases: [string, string][] = [
    ['mail', 'good: w@x'],
    ['/org/a~1b/1', 'good: y'],
    ['/org/a~1b', 'claim'],
    ['/org/none', 'claim'],
    ['org', 'claim'],
    ['iat', 'claim'],
    ['constructor', 'claim'],
    ['/__proto__/toString', 'claim'],
  ]
  for (const [claimsProperty, expected] of cases) {
    assert.equal(told(await check(token, [signerOf(provider, { claimsProperty })])), expected, claimsProperty)
  }
  for (const sub of ['', 'x'.repeat(513), 7]) {
    assert.equal(told(await check(await forge({ sub: sub as string }))), 'claim')
  }
})

test('check() believes no token about its own key or algorithm', async () => {
  const { check } = createChecker()
  const [, payload = ''] = (await provider.token()).split('.')
  const { kid } = provider
  const none = `${base64({ alg: 'none', kid })}.${payload}.`
  const pem = createPublicKey({ key: provider.publicKey as never, format: 'jwk' })
  const hmac = (secret: string | Buffer) => {
    const head = `${base64({ alg: 'HS256', kid })}.${payload}`
    return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`
  }
  const attackers = await createKeyPair()
  const own = { ...createPublicKey(attackers.publicKeyPem).export({ format: 'jwk' }), kid }
  const es256 = (header: object) =>
    new SignJWT({ iss: provider.issuer, aud: AUDIENCE, sub: 'root', exp: 4_000_000_000 })
      .setProtectedHeader({ alg: 'ES256', kid, ...header })
      .sign(createPrivateKey(attackers.privateKeyPem))
  const signRaw = (header: object) => {
    const head = `${base64(header)}.${payload}`
    const key = createPrivateKey({ key: provider.privateKey as never, format: 'jwk' })
    return `${head}.${sign('sha256', Buffer.from(head), key).toString('base64url')}`
  }
  const cases: [string, string][] = [
    [none, 'algorithm'],
    [none.replace(/^[^.]*/, base64({ alg: 'NONE', kid })), 'algorithm'],
    [hmac(pem.export({ type: 'spki', format: 'pem' })), 'algorithm'],
    [hmac(pem.export({ type: 'pkcs1', format: 'der' })), 'algorithm'],
    [await es256({ jwk: own }), 'signature'],
    [await es256({ jku: `${other.issuer}/jwks`, x5c: ['AAAA'] }), 'signature'],
    [signRaw({ alg: 'RS256', kid, crit: ['exp'], exp: 1 }), 'signature'],
    [signRaw({ alg: 'RS256', kid, crit: ['b64'], b64: false }), 'algorithm'],
    [signRaw({ alg: 'ES256', kid }), 'signature'],
    [signRaw({ alg: 'PS256', kid }), 'signature'],
    [signRaw({ alg: 'RS256', kid }), 'good: worker'],
  ]
  for (const [token, expected] of cases) assert.equal(told(await check(token)), expected)
})

test('check() takes nothing that is no token', async () => {
  const { check } = createChecker()
  const good = await provider.token()
  const [head = '', payload = '', signature = ''] = good.split('.')
  const noTokens = [
    '',
    'sk-an-api-key',
    '..',
    `${head}.${payload}`,
    `${good}.`,
    `${head}.${base64([])}.${signature}`,
    `${head}.${Buffer.from('{"iss":').toString('base64url')}.${signature}`,
    `${base64([])}.${payload}.${signature}`,
    `${base64(null)}.${payload}.${signature}`,
    'x'.repeat(20_000),
    `${'['.repeat(9_000)}.${payload}.x`,
  ]
  for (const token of noTokens) assert.equal(told(await check(token)), 'malformed', token.slice(0, 40))
  const changed = Buffer.from(payload, 'base64url').toString().replace('worker', 'root__')
  const forged = `${head}.${Buffer.from(changed).toString('base64url')}.${signature}`
  assert.equal(told(await check(forged)), 'signature')
  assert.equal(told(await check(`${head}.${payload}.${signature.slice(0, -4)}`)), 'signature')
})

test('check() judges whatever it is shown, and throws at nothing', async () => {
  const { check } = createChecker()
  const parts = (await provider.token()).split('.')
  const json = fc.json().map(text => Buffer.from(text).toString('base64url'))
  const header = fc.record({
    alg: fc.constantFrom('RS256', 'ES256', 'EdDSA', 'none', 7),
    kid: fc.constantFrom(provider.kid, '', null),
    crit: fc.constantFrom(undefined, [], ['exp'], 'x'),
    b64: fc.constantFrom(undefined, true),
  })
  const claims = fc.record({
    iss: fc.constantFrom(provider.issuer, 'x', [provider.issuer], null),
    exp: fc.constantFrom(4_000_000_000, 1e308, -1, 'x', undefined),
    aud: fc.constantFrom(AUDIENCE, [AUDIENCE, 7], {}, undefined),
    iat: fc.constantFrom(undefined, 'x', 1e300),
  })
  const token = fc
    .tuple(
      fc.oneof(header.map(base64), json, fc.string(), fc.constant(parts[0])),
      fc.oneof(claims.map(base64), json, fc.string(), fc.constant(parts[1])),
      fc.oneof(fc.base64String(), fc.constant(parts[2])),
    )
    .filter(all => all.join('.') !== parts.join('.'))
    .map(all => all.join('.'))
  await fc.assert(
    fc.asyncProperty(fc.oneof(token, fc.string({ unit: 'binary' })), async shown => {
      const verdict = await check(shown)
      assert.equal(verdict.isGood, false)
      assert.ok(!verdict.isGood && verdict.detail.length < 1_000)
    }),
    { numRuns: 200 },
  )
})

test('check() takes tokens of a signer that has a certificate instead of an address, by its kid', async () => {
  const { check } = createChecker()
  const keys = await createKeyPair()
  const [fromMs, untilMs] = [Date.now() - 3_600_000, Date.now() + 3_600_000]
  const certPem = await forgeCertificate({
    subject: 'signer',
    keys,
    issuer: { subject: 'signer', keys },
    uris: [],
    fromMs,
    untilMs,
  })
  const { jwksEndpoint: _, ...rest } = signerOf(provider)
  const signer = { ...rest, issuer: 'https://cluster.example', certPem, kid: 'k1' }
  const signedBy = (kid: string) =>
    new SignJWT({ iss: 'https://cluster.example', aud: AUDIENCE, sub: 'pod', exp: 4_000_000_000 })
      .setProtectedHeader({ alg: 'ES256', kid })
      .sign(createPrivateKey(keys.privateKeyPem))
  assert.equal(told(await check(await signedBy('k1'), [signer])), 'good: pod')
  assert.equal(told(await check(await signedBy('k2'), [signer])), 'kid-unknown')
  assert.equal(
    told(await check(await signedBy('k1'), [{ ...signer, certPem: 'no certificate' }])),
    'signature',
  )
})

test('check() finds the keys of a signer without an address by its OpenID configuration', async () => {
  const { check } = createChecker()
  const { jwksEndpoint: _, ...signer } = signerOf(provider)
  assert.equal(told(await check(await provider.token(), [signer])), 'good: worker')
  const nobody = { ...signer, issuer: 'http://127.0.0.1:1' }
  assert.equal(told(await check(await forge({ iss: nobody.issuer }), [nobody])), 'keys-unavailable')
})

test('check() names the issuer whose keys are slow, huge, moved without end, an error or no document', async () => {
  const token = await provider.token()
  const answers: Record<string, RequestListener> = {
    slow: () => undefined,
    huge: (_, response) => response.end(`{"keys":[${' '.repeat(1_000_000)}]}`),
    moved: (_, response) => response.writeHead(302, { location: '/' }).end(),
    error: (_, response) => response.writeHead(500).end('{}'),
    page: (_, response) => response.end('<html>'),
    keyless: (_, response) => response.end('{"keys":[]}'),
  }
  await Promise.all(
    Object.entries(answers).map(async ([what, answer]) => {
      const server = http.createServer(answer)
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      const jwksEndpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
      const verdict = await createChecker().check(token, [signerOf(provider, { jwksEndpoint })])
      assert.equal(told(verdict), 'keys-unavailable', what)
      server.closeAllConnections()
      server.close()
    }),
  )
})
