import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ms } from '../model/time.ts'
import { createPacer } from './pacer.ts'

test('createPacer() spreads bytes at the rate, after a burst', () => {
  const pacer = createPacer(1_000)
  const take = (byteCount: number, now: number) => pacer.take(byteCount, now as Ms)
  assert.deepEqual([take(250, 0), take(500, 0), take(1_000, 0), take(1, 1_000)], [0, 0, 500, 500])
  // Time in which nothing went is not saved up.
  assert.deepEqual([take(1_000, 100_000), take(1, 100_000)], [0, 750])
})
