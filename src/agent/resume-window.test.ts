import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createResumeWindow } from './resume-window.ts'

test('an item expires once, when its time is over, and not when it was taken out before', async () => {
  const expired: string[] = []
  await new Promise<void>(resolve => {
    const window = createResumeWindow<string>(1_500, item => {
      expired.push(item)
      if (item === 'late') resolve()
    })
    window.add('taken out')
    window.add('late')
    window.add('early', 10)
    window.add('early', 5_000)
    window.delete('taken out')
    assert.equal(window.size, 2)
    // The timer of a window keeps no process alive.
    setTimeout(() => {}, 4_000)
  })
  assert.deepEqual(expired, ['early', 'late'])
})

test('time in which the process did not run does not count', async () => {
  const expired: string[] = []
  using window = createResumeWindow<string>(5_000, item => expired.push(item))
  window.add('waits')
  // Nothing runs meanwhile, as when the computer sleeps.
  const untilMs = performance.now() + 6_000
  while (performance.now() < untilMs);
  await new Promise(resolve => setTimeout(resolve, 1_100))
  assert.deepEqual([expired, window.size], [[], 1])
})
