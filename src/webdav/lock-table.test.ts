import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLockTable, MAX_LOCKS } from './lock-table.ts'

test('a table takes so many locks, and more when some have ended', () => {
  let now = 0
  const table = createLockTable(
    () => now,
    path => path,
  )
  const terms = { isFolder: false, isDeep: false, isShared: false, owner: '', timeoutMs: 1_000 }
  const add = (number: number) => table.add({ ...terms, token: `urn:${number}`, root: `a${number}` })
  for (let number = 0; number < MAX_LOCKS; number++) add(number)
  assert.throws(() => add(MAX_LOCKS), { code: 'too-many' })
  now = 1_000
  assert.deepEqual(table.at('a0'), [])
  add(MAX_LOCKS)
  assert.equal(table.below('').length, 1)
})
