import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isStale } from './stale-queries.ts'

test('isStale() keeps what a change does not concern: other things, and other meshes', () => {
  const keys = [['status'], ['endpoints', 'home', {}], ['endpoints', 'work', {}], ['log', 'home']]
  const staleAfter = (...changes: Parameters<typeof isStale>[1]) => keys.map(key => isStale(key, changes))
  assert.deepEqual(staleAfter({ topic: 'endpoints', mesh: 'home' }), [false, true, false, false])
  assert.deepEqual(staleAfter({ topic: 'paths', mesh: 'home' }), [true, false, false, false])
  assert.deepEqual(staleAfter({ topic: 'meshes' }), [true, true, true, true])
  assert.deepEqual(staleAfter({ topic: 'of a later agent', mesh: 'home' }), [true, true, true, true])
  assert.deepEqual(staleAfter(), [false, false, false, false])
})
