import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createRateLimitedLog } from '../../sdk/for-apps/rate-limited-log.ts'
import { createTestMesh } from '../../testing/test-host.ts'
import { tunnelApp } from './tunnel.ts'

it('createRateLimitedLog() writes one line a key and interval, and counts the others', () => {
  const mesh = createTestMesh()
  const endpoint = mesh.addEndpoint('here')
  const warn = createRateLimitedLog(endpoint.host(tunnelApp), 'x.failed', 1_000)
  warn('offline', { code: 'offline' })
  for (let i = 0; i < 3; i++) warn('offline', { code: 'offline' })
  warn('denied', { code: 'denied' })
  mesh.timers.advance(1_000)
  warn('offline', { code: 'offline' })
  assert.deepEqual(endpoint.log.fieldsOf('x.failed'), [
    { code: 'offline' },
    { code: 'denied' },
    { code: 'offline', repeatCount: 3 },
  ])
})

it('createRateLimitedLog() is not silenced by a clock that is set back', () => {
  const mesh = createTestMesh()
  const endpoint = mesh.addEndpoint('here')
  const warn = createRateLimitedLog(endpoint.host(tunnelApp), 'x.failed', 1_000)
  warn('offline', {})
  mesh.timers.advance(-86_400_000)
  warn('offline', {})
  assert.equal(endpoint.log.fieldsOf('x.failed').length, 2)
})
