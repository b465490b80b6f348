import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { MeshError } from '../../core/model/errors.ts'
import { createManualClock } from '../../testing/manual-clock.ts'
import { createRecordedLog } from '../../testing/recorded-log.ts'
import { assertRefused } from '../../testing/refusal.ts'
import { createJwksCache, JWKS_LIMITS } from './jwks-cache.ts'

const URL = 'https://issuer.example/jwks'
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwk = publicKey.export({ format: 'jwk' })
const keyOf = (kid: string) => ({ ...jwk, kid })

/** An issuer whose answers a test sets, and the cache before it. */
function createIssuer(first: unknown = { keys: [keyOf('a')] }) {
  const clock = createManualClock()
  const log = createRecordedLog()
  const issuer = { answer: first, askedCount: 0 }
  const cache = createJwksCache({
    clock,
    log,
    fetchJson: async () => {
      issuer.askedCount++
      await Promise.resolve()
      if (issuer.answer instanceof Error) throw issuer.answer
      return issuer.answer
    },
  })
  const kidOf = async (kid: string) => (await cache.find({ jwksEndpoint: URL }, kid))?.kid
  return { clock, log, issuer, cache, kidOf }
}

const DOWN = new MeshError('unreachable', 'Cannot fetch keys: nothing listens there')

test('find() asks an issuer once for all who wait, and not again for five minutes', async () => {
  const { clock, issuer, kidOf } = createIssuer()
  assert.deepEqual(await Promise.all(Array.from({ length: 100 }, () => kidOf('a'))), Array(100).fill('a'))
  clock.advance(JWKS_LIMITS.freshMs - 1)
  await kidOf('a')
  assert.equal(issuer.askedCount, 1)
  clock.advance(1)
  await kidOf('a')
  assert.equal(issuer.askedCount, 2)
})

test('find() follows a rotation at once: an unknown kid makes it ask, at most every ten seconds', async () => {
  const { clock, issuer, kidOf } = createIssuer()
  await kidOf('a')
  issuer.answer = { keys: [keyOf('b')] }
  assert.equal(await kidOf('b'), undefined, 'asked a moment ago')
  clock.advance(JWKS_LIMITS.retryMs)
  assert.equal(await kidOf('b'), 'b')
  assert.equal(await kidOf('a'), undefined, 'the issuer took it back')
  for (let i = 0; i < 1_000; i++) assert.equal(await kidOf(`guess ${i}`), undefined)
  assert.equal(issuer.askedCount, 2)
})

test('find() goes on with old keys while the issuer is down, for an hour', async () => {
  const { clock, issuer, log, kidOf } = createIssuer()
  await kidOf('a')
  issuer.answer = DOWN
  clock.advance(JWKS_LIMITS.freshMs)
  assert.equal(await kidOf('a'), 'a')
  for (let i = 0; i < 100; i++) await kidOf('a')
  assert.equal(issuer.askedCount, 2, 'a dead issuer is not asked for each login')
  await assertRefused(kidOf('b'), 'unreachable')
  assert.equal(log.fieldsOf('jwks.not-fetched').length, 1)
  clock.advance(JWKS_LIMITS.staleMs)
  await assertRefused(kidOf('a'), 'unreachable')
  issuer.answer = { keys: [keyOf('a')] }
  clock.advance(JWKS_LIMITS.retryMs)
  assert.equal(await kidOf('a'), 'a')
})

test('find() tells why an issuer that was never reached gives no keys, and asks again after ten seconds', async () => {
  const { clock, issuer, kidOf } = createIssuer(DOWN)
  await assertRefused(kidOf('a'), 'unreachable')
  issuer.answer = { keys: [keyOf('a')] }
  await assertRefused(kidOf('a'), 'unreachable')
  clock.advance(JWKS_LIMITS.retryMs)
  assert.equal(await kidOf('a'), 'a')
})

test('find() passes over keys that cannot check a signature, and takes no set without a good one', async () => {
  const { clock, issuer, kidOf } = createIssuer({
    keys: [
      { kty: 'oct', kid: 'secret', k: 'AAAA' },
      { ...keyOf('for encryption'), use: 'enc' },
      { ...jwk },
      { ...keyOf('a'), d: 'AAAA', x5c: ['AAAA'] },
      { ...keyOf('a'), x: 'AAAA' },
      { kty: 'RSA', kid: 'dear', n: 'A'.repeat(1_366), e: 'A'.repeat(1_366) },
      null,
      7,
    ],
  })
  assert.deepEqual(await Promise.all(['secret', 'for encryption', 'dear', 'a'].map(kidOf)), [
    undefined,
    undefined,
    undefined,
    'a',
  ])
  for (const answer of [
    {},
    [],
    null,
    { keys: 7 },
    { keys: [] },
    { keys: [{ kty: 'oct', kid: 'a', k: 'AA' }] },
  ]) {
    issuer.answer = answer
    clock.advance(JWKS_LIMITS.staleMs)
    await assertRefused(kidOf('a'), 'bad-message')
  }
})

test('find() keeps no more keys and issuers than its limits', async () => {
  const { cache, issuer } = createIssuer({
    keys: Array.from({ length: 1_000 }, (_, i) => keyOf(`${i}`)),
  })
  assert.equal((await cache.find({ jwksEndpoint: URL }, '99'))?.kid, '99')
  assert.equal(await cache.find({ jwksEndpoint: URL }, '100'), undefined)
  for (let i = 0; i < JWKS_LIMITS.issuers; i++) await cache.find({ jwksEndpoint: `${URL}/${i}` }, '0')
  const { askedCount } = issuer
  await cache.find({ jwksEndpoint: `${URL}/${JWKS_LIMITS.issuers - 1}` }, '0')
  assert.equal(issuer.askedCount, askedCount)
  await cache.find({ jwksEndpoint: URL }, '0')
  assert.equal(issuer.askedCount, askedCount + 1, 'the first made room')
})
