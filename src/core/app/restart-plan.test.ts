import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ms } from '../model/time.ts'
import { createRestartPlan } from './restart-plan.ts'

test('an app that crashes at once is started later and later, and then no more', () => {
  const plan = createRestartPlan()
  const delays = Array.from({ length: 8 }, (_, index) => plan.crashed(ms(index * 1_000), 0))
  assert.deepEqual(delays, [500, 1_000, 2_000, 4_000, 8_000, 16_000, undefined, undefined])
})

test('an app that ran well for long is started soon again, however often', () => {
  const plan = createRestartPlan()
  const delays = Array.from({ length: 20 }, (_, index) => plan.crashed(ms(index * 3_600_000), 3_600_000))
  assert.deepEqual(new Set(delays), new Set([500]))
})

test('an app that crashes now and then waits a minute at most', () => {
  const plan = createRestartPlan()
  const delays = Array.from({ length: 20 }, (_, index) => plan.crashed(ms(index * 150_000), 1_000))
  assert.equal(delays.at(-1), 60_000)
})
