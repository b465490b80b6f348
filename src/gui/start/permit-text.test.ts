import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkOfHash, readGivenPermit } from './permit-text.ts'

const LINK = `ztm://hub.example:8888/${'a'.repeat(26)}#${'0'.repeat(16)}${'x'.repeat(43)}`

test('linkOfHash() finds a link as it is, encoded, and as browsers pass it on; and nothing else', () => {
  assert.equal(linkOfHash(`#${LINK}`), LINK)
  assert.equal(linkOfHash(`#${encodeURIComponent(LINK)}`), LINK)
  assert.equal(linkOfHash(`#${encodeURIComponent(`web+${LINK}`)}`), `web+${LINK}`)
  for (const hash of ['', '#', '#x', '#https://x', '#%E0%A4%A', '#javascript:alert(1)'])
    assert.equal(linkOfHash(hash), '', hash)
})

test('readGivenPermit() says where a permit leads, and takes nothing that is none', () => {
  const permit = {
    ca: '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n',
    agent: {},
    bootstraps: ['hub.example:8888'],
    token: `${'0'.repeat(16)}${'x'.repeat(43)}`,
    user: 'bob',
  }
  const { hubs, user } = readGivenPermit(JSON.stringify(permit))
  assert.deepEqual({ hubs, user }, { hubs: ['hub.example:8888'], user: 'bob' })
  for (const text of ['', 'ztm://', LINK.slice(0, -1), '{}', 'https://x'])
    assert.throws(() => readGivenPermit(text), { code: 'bad-permit' }, text)
})
