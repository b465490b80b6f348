import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseStatusSet } from './status-set.ts'

test('parseStatusSet() reads statuses and spans of them, and nothing else', () => {
  const set = parseStatusSet('200-299, 404')
  assert.deepEqual(
    [199, 200, 299, 300, 404, 405].map(status => set.has(status)),
    [false, true, true, false, true, false],
  )
  for (const text of ['', 'x', '100', '600', '299-200', '200-', '20', '2000', '200;201'])
    assert.throws(() => parseStatusSet(text), { code: 'bad-input' }, text)
})
