import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConnectionTarget } from './connection-target.ts'

test('parseConnectionTarget() reads URLs and addresses, and refuses what has no port', () => {
  assert.deepEqual(
    ['https://example.com/x', 'http://[::1]:8080', 'db.internal:5432', 'ssh://host'].map(
      parseConnectionTarget,
    ),
    [
      { host: 'example.com', port: 443 },
      { host: '::1', port: 8_080 },
      { host: 'db.internal', port: 5_432 },
      { host: 'host', port: 22 },
    ],
  )
  for (const text of ['gopher://x', 'https://', 'x', '://'])
    assert.throws(() => parseConnectionTarget(text), { code: 'bad-input' })
})
