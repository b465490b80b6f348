import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fitsIf, parseIf, shownTokens } from './if-header.ts'

test('parseIf() reads lists, resources, tokens and ETags', () => {
  assert.deepEqual(parseIf('<http://h/a> (<urn:1> ["e"]) (Not <DAV:no-lock>) </b> (["x y"])'), [
    {
      resource: 'http://h/a',
      conditions: [
        { isNot: false, kind: 'token', value: 'urn:1' },
        { isNot: false, kind: 'etag', value: '"e"' },
      ],
    },
    { resource: 'http://h/a', conditions: [{ isNot: true, kind: 'token', value: 'DAV:no-lock' }] },
    { resource: '/b', conditions: [{ isNot: false, kind: 'etag', value: '"x y"' }] },
  ])
  for (const bad of ['', 'x', '()', '(<a>', '<a>', '(<a>) <b> (<c>)', '(not)', '([e])', '(<a>) x', '(<a b>)'])
    assert.throws(() => parseIf(bad), { code: 'bad-input' }, bad)
})

test('one list is enough, all of it must hold, and only what is said without Not is shown', () => {
  const lists = parseIf('(<urn:a> Not <urn:b>) (["e"])')
  assert.equal(
    fitsIf(lists, ({ value }) => value === 'urn:a'),
    true,
  )
  assert.equal(
    fitsIf(lists, ({ kind }) => kind === 'token'),
    false,
  )
  assert.equal(
    fitsIf(lists, ({ value }) => value === '"e"'),
    true,
  )
  assert.deepEqual([...shownTokens(lists)], ['urn:a'])
})

test('parseIf() ends with lists or an error, whatever comes', () => {
  const part = fc.constantFrom('(', ')', '<', '>', '[', ']', '"', 'Not', ' ', 'a', 'W/')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), parts => {
      try {
        parseIf(parts.join(''))
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'bad-input')
      }
    }),
  )
})
