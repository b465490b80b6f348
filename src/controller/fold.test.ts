import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { foldName } from './fold.ts'

test('foldName() is equal for names that differ in case or composition', () => {
  const alike = [
    ['Café', 'CAFE\u0301'],
    ['ΟΔΟΣ', 'οδος'],
    ['straße', 'STRASSE'],
    ['ﬁx', 'FIX'],
    ['STRAẞE', 'strasse'],
    ['K', '\u212a'],
  ]
  for (const [a = '', b = ''] of alike) assert.equal(foldName(a), foldName(b))
  assert.notEqual(foldName('cafe'), foldName('café'))
})

test('foldName() of a fold is the same fold', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), name => foldName(foldName(name)) === foldName(name)))
})
