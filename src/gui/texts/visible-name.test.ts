import assert from 'node:assert/strict'
import { test } from 'node:test'
import { visibleName } from './visible-name.ts'

test('visibleName() shows a box for what turns letters round, breaks lines or is not seen, and leaves names of people', () => {
  assert.equal(visibleName('a\u202eb\u200bc\u0000d\ne\u2066f\ufeff'), 'a␣b␣c␣d␣e␣f␣')
  for (const name of ['Ärger', '数据库', 'אבג', '<b>', '👍🏽', "O'Neil"])
    assert.equal(visibleName(name), name)
})
