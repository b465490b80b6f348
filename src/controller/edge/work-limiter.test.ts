import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EdgeError } from '../../core/edge/edge-error.ts'
import { createManualClock } from '../../testing/manual-clock.ts'
import { createWorkLimiter } from './work-limiter.ts'

/** Work that ends when a test says so. */
function createWork() {
  const ends: (() => void)[] = []
  const started: number[] = []
  const work = (name: number) => () => {
    started.push(name)
    return new Promise<void>(resolve => ends.push(resolve))
  }
  const endOne = async () => {
    // What begins or goes on in a turn of its own has done so by then.
    await new Promise(setImmediate)
    ends.shift()?.()
    await new Promise(setImmediate)
  }
  return { work, started, endOne }
}

test('run() lets so many go on, the others in their order, and refuses who would be one too many', async () => {
  const { work, started, endOne } = createWork()
  const limiter = createWorkLimiter({ atOnce: 2, waiting: 2, waitMs: 1_000 }, () => 0)
  const all = [0, 1, 2, 3].map(name => limiter.run(work(name)))
  await assert.rejects(limiter.run(work(4)), (error: unknown) => {
    assert.ok(error instanceof EdgeError)
    assert.deepEqual(
      [error.code, error.status, error.headers],
      ['SERVER_TOO_MANY_REQUESTS', 429, { 'retry-after': '1' }],
    )
    return true
  })
  assert.deepEqual(started, [0, 1])
  for (let i = 0; i < 4; i++) await endOne()
  await Promise.all(all)
  assert.deepEqual(started, [0, 1, 2, 3])
  const again = limiter.run(work(5))
  await endOne()
  await again
})

test('run() refuses who would wait too long, as the last ones took, and says when to come back', async () => {
  const clock = createManualClock()
  const { work, endOne } = createWork()
  const limiter = createWorkLimiter({ atOnce: 1, waiting: 100, waitMs: 5_000 }, clock.now)
  const slow = limiter.run(work(0))
  await new Promise(setImmediate)
  clock.advance(40_000)
  await endOne()
  await slow
  // One took 40 s; a tenth of that is what is expected now.
  const all = [limiter.run(work(1)), limiter.run(work(2))]
  await assert.rejects(limiter.run(work(3)), (error: unknown) => {
    assert.deepEqual(error instanceof EdgeError && error.headers, { 'retry-after': '8' })
    return true
  })
  await endOne()
  await endOne()
  await Promise.all(all)
})

test('run() goes on after work that failed', async () => {
  const limiter = createWorkLimiter({ atOnce: 1, waiting: 1, waitMs: 1_000 }, () => 0)
  const failing = limiter.run(() => Promise.reject(new Error('no')))
  const next = limiter.run(async () => 'done')
  await assert.rejects(failing, /no/)
  assert.equal(await next, 'done')
})
