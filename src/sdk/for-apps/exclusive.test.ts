import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createExclusive } from './exclusive.ts'

it('createExclusive() runs work of one key in order, of two keys side by side', async () => {
  const exclusive = createExclusive()
  const steps: string[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  const first = exclusive.run('a', async () => {
    await promise
    steps.push('a1')
    return 1
  })
  const second = exclusive.run('a', async () => {
    steps.push('a2')
    return 2
  })
  await exclusive.run('b', async () => steps.push('b'))
  resolve()
  assert.deepEqual(await Promise.all([first, second]), [1, 2])
  assert.deepEqual(steps, ['b', 'a1', 'a2'])
})

it('createExclusive() goes on after work that throws', async () => {
  const exclusive = createExclusive()
  const failed = exclusive.run('a', async () => {
    throw new Error('no')
  })
  const next = exclusive.run('a', async () => 'yes')
  await assert.rejects(failed, /no/)
  assert.equal(await next, 'yes')
})

it('whenIdle() waits for what was asked for, whether it throws or not', async () => {
  const exclusive = createExclusive()
  const steps: string[] = []
  exclusive
    .run('a', async () => {
      throw new Error('no')
    })
    .catch(() => steps.push('failed'))
  void exclusive.run('b', async () => steps.push('done'))
  await exclusive.whenIdle()
  assert.deepEqual(steps.sort(), ['done', 'failed'])
})
