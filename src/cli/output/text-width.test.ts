import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { padTo, textWidth, visible } from './text-width.ts'

test('textWidth() counts columns, not characters', () => {
  const widths = {
    abc: 3,
    '': 0,
    日本: 4,
    ｱ: 1,
    한글: 4,
    'e\u0301': 1,
    é: 1,
    '🚀': 2,
    '👩‍👩‍👧': 2,
    '☎️': 2,
    '…': 1,
  }
  for (const [text, width] of Object.entries(widths)) assert.equal(textWidth(text), width, text)
})

test('padTo() fills up to a width and never cuts', () => {
  assert.equal(padTo('日', 4), '日  ')
  assert.equal(padTo('abc', 2), 'abc')
})

test('visible() escapes what a terminal would obey or hide, and nothing else', () => {
  assert.equal(
    visible('a\u001b[2J\r\n\u202eb\u200bc\ud800'),
    'a\\u{1b}[2J\\u{d}\\u{a}\\u{202e}b\\u{200b}c\\u{d800}',
  )
  assert.equal(visible('Büro 日本 🚀'), 'Büro 日本 🚀')
})

test('visible() gives one line without control characters, whatever comes in', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      assert.doesNotMatch(visible(text), /[\p{C}\p{Zl}\p{Zp}]/u)
    }),
  )
})
