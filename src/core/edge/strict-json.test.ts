import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EdgeError } from './edge-error.ts'
import { parseStrictJson } from './strict-json.ts'

test('parseStrictJson() reads what JSON.parse() reads', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), value => {
      fc.pre(!JSON.stringify(value).includes('__proto__'))
      assert.deepEqual(parseStrictJson(JSON.stringify(value)), JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('parseStrictJson() refuses members that are there twice, depth and what is no JSON', () => {
  const refused = [
    '{"a":1,"a":2}',
    '{"a":{"b":1,"\\u0062":2}}',
    '[{"x":[1,{"y":"{","y":1}]}]',
    '{"__proto__":{}}',
    '['.repeat(33) + ']'.repeat(33),
    '{"a":1',
    '',
    "{'a':1}",
  ]
  for (const text of refused) {
    assert.throws(
      () => parseStrictJson(text),
      (error: unknown) => {
        return error instanceof EdgeError && error.code === 'COULD_NOT_PARSE_BODY'
      },
    )
  }
  assert.deepEqual(parseStrictJson('{"a":"a","b":{"a":"\\"a\\":"},"c":[{"a":1},{"a":2}]}'), {
    a: 'a',
    b: { a: '"a":' },
    c: [{ a: 1 }, { a: 2 }],
  })
})
