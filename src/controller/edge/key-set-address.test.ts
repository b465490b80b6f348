import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLimitedFetch } from '../../net/limited-fetch.ts'
import { startOpenIdProvider } from '../../testing/openid-provider.ts'
import { assertRefused } from '../../testing/refusal.ts'
import { findKeySet, isDiscoverable } from './key-set-address.ts'

const ISSUER = 'https://issuer.example/a/'

test('findKeySet() asks an OpenID provider where its keys are', async () => {
  await using provider = await startOpenIdProvider()
  await using limited = createLimitedFetch({ reach: 'computer' })
  const { issuer, jwksUrl } = provider
  assert.equal(await findKeySet({ issuer }, limited.json), jwksUrl)
})

test('findKeySet() believes no configuration of another issuer, nor one that leads from https to http', async () => {
  const answer = (document: unknown) =>
    findKeySet({ issuer: ISSUER }, async url => {
      assert.equal(url, 'https://issuer.example/a/.well-known/openid-configuration')
      return document
    })
  const good = { issuer: ISSUER, jwks_uri: 'https://keys.example/set' }
  assert.equal(await answer(good), good.jwks_uri)
  for (const document of [
    { ...good, issuer: 'https://issuer.example/a' },
    { ...good, issuer: 'https://issuer.example/b/' },
    { ...good, jwks_uri: 'http://keys.example/set' },
    { ...good, jwks_uri: 'file:///etc/passwd' },
    { ...good, jwks_uri: '/set' },
    { ...good, jwks_uri: 7 },
    { keys: [] },
    'text',
    null,
  ]) {
    await assertRefused(answer(document), 'bad-message')
  }
})

test('isDiscoverable() is for web addresses without query', () => {
  assert.deepEqual(
    [ISSUER, 'http://10.0.0.1:80', 'accounts.example', 'urn:x', 'https://a/?b=1', 'https://a/#b'].map(
      isDiscoverable,
    ),
    [true, true, false, false, false, false],
  )
})
