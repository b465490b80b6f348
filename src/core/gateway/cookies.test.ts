import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { takeCookie } from './cookies.ts'

test('takeCookie() takes every cookie of a name, and leaves the others as they were', () => {
  assert.deepEqual(takeCookie(['A', '1', 'Cookie', 'x=1; s=2;y=3; s=4', 'cookie', 's=5'], 's'), {
    values: ['2', '4', '5'],
    headers: ['A', '1', 'Cookie', 'x=1; y=3'],
  })
  const none = ['cookie', 'xs=1; sx=2; =s; s']
  assert.equal(takeCookie(none, 's').headers, none)
})

test('takeCookie() gives back the cookies it was given, in any order', () => {
  const cookie = fc.tuple(fc.constantFrom('s', 'a', 'ss'), fc.stringMatching(/^[\w=-]{0,8}$/))
  fc.assert(
    fc.property(fc.array(fc.array(cookie, { minLength: 1, maxLength: 4 }), { maxLength: 4 }), lists => {
      const headers = lists.flatMap(list => ['cookie', list.map(pair => pair.join('=')).join('; ')])
      const { values, headers: rest } = takeCookie(headers, 's')
      const all = lists.flat()
      const others = rest.filter((_, i) => i % 2 === 1).flatMap(text => text.split('; '))
      assert.deepEqual(
        values,
        all.filter(([name]) => name === 's').map(([, value]) => value),
      )
      assert.deepEqual(
        others,
        all.filter(([name]) => name !== 's').map(pair => pair.join('=')),
      )
    }),
  )
})
