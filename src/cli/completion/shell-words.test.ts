import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { escapeWord, splitLine } from './shell-words.ts'

test('splitLine() splits as a shell does, the last word maybe unfinished', () => {
  const lines = {
    '': [''],
    'ztm get ': ['ztm', 'get', ''],
    'ztm  get\tep': ['ztm', 'get', 'ep'],
    'a "b c" d\\ e': ['a', 'b c', 'd e'],
    "a 'b\\'c": ['a', 'b\\c'],
    'a "b \\"c': ['a', 'b "c'],
    'a "" b': ['a', '', 'b'],
    'a\\  b': ['a ', 'b'],
    'x --mesh=ho': ['x', '--mesh=ho'],
  }
  for (const [line, words] of Object.entries(lines)) assert.deepEqual(splitLine(line).words, words, line)
})

test('splitLine() tells which quote is open', () => {
  assert.equal(splitLine('a "b').openQuote, '"')
  assert.equal(splitLine("a 'b").openQuote, "'")
  assert.equal(splitLine('a "b"').openQuote, undefined)
})

test('escapeWord() writes any word so that splitLine() reads it back', () => {
  const word = fc
    .string({ unit: 'grapheme', minLength: 1 })
    .filter(text => !/\s/.test(text) || / /.test(text))
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), words => {
      assert.deepEqual(splitLine(words.map(escapeWord).join(' ')).words, words)
    }),
  )
})
