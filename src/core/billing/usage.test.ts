import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseUsageBody, usageBody, usageId } from './usage.ts'

const USAGE = {
  service: 'tcp/web',
  sessionId: 's1',
  bytesSent: 10,
  bytesReceived: 20,
  durationMs: 30,
}

test('usageBody() writes the fields of the seed, which parseUsageBody() reads', () => {
  const body = usageBody({ ...USAGE, user: 'bob', metadata: { path: 'direct' } })
  assert.deepEqual(body, {
    service: 'tcp/web',
    session_id: 's1',
    bytes_sent: 10,
    bytes_received: 20,
    duration_ms: 30,
    user: 'bob',
    metadata: { path: 'direct' },
  })
  assert.deepEqual(parseUsageBody(body), { ...USAGE, user: 'bob', metadata: { path: 'direct' } })
})

test('parseUsageBody() reads camelCase too, and both where they agree', () => {
  assert.deepEqual(parseUsageBody(USAGE), USAGE)
  assert.deepEqual(parseUsageBody({ ...usageBody(USAGE), ...USAGE, more: 1 }), USAGE)
})

test('parseUsageBody() refuses what is not a usage', () => {
  const wrong = [
    null,
    7,
    {},
    { ...USAGE, bytesSent: -1 },
    { ...USAGE, bytesSent: 1.5 },
    { ...USAGE, durationMs: 2 ** 60 },
    { ...USAGE, service: '' },
    { ...USAGE, session_id: 'another' },
    { ...USAGE, metadata: { n: 1 } },
  ]
  for (const value of wrong)
    assert.throws(() => parseUsageBody(value), { code: 'bad-input' }, JSON.stringify(value))
})

test('usageId() tells streams of a session, and parts of a stream, apart', () => {
  assert.deepEqual([usageId('s', 'a'), usageId('s', 'a', 1), usageId('s', 'b')], ['s.a.0', 's.a.1', 's.b.0'])
})
