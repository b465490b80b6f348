import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { printable, quote } from './quote.ts'

test('quote() shows text as it is, in quotes', () => {
  assert.equal(quote('ünï "quoted" 家 🏠'), '"ünï \\"quoted\\" 家 🏠"')
})

test('quote() writes characters that act on a terminal as escapes', () => {
  assert.equal(quote('\u001b[2J\u009b31m\n'), '"\\u001b[2J\\u{9b}31m\\n"')
  assert.equal(quote('a\u202eb\u200b\u2028'), '"a\\u{202e}b\\u{200b}\\u{2028}"')
  assert.equal(quote('\ud800'), '"\\ud800"')
})

test('quote() cuts long text, and not through a character', () => {
  assert.equal(quote('abcdef', 3), '"abc…"')
  assert.equal(quote('ab🏠', 3), '"ab\ufffd…"')
})

test('quote() tells the kind of what is not text', () => {
  const circular: unknown[] = []
  circular.push(circular)
  const hostile = {
    toJSON() {
      throw new Error('toJSON was called')
    },
  }
  const values = [1, true, null, undefined, 10n, Symbol('s'), quote, hostile, circular]
  assert.deepEqual(
    values.map(value => quote(value)),
    ['1', 'true', 'null', 'undefined', '10', 'a symbol', 'a function', 'an object', 'a list'],
  )
})

test('quote() and printable() give short, printable, well-formed text, whatever the value', () => {
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.string({ unit: 'binary' })), value => {
      const text = quote(value, 20)
      assert.doesNotMatch(text, /[\p{C}\p{Zl}\p{Zp}]/u)
      assert.ok(text.isWellFormed())
      assert.ok(text.length <= 20 * 8 + 10 || typeof value !== 'string')
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      const shown = printable(text, 10)
      assert.doesNotMatch(shown, /[\p{C}\p{Zl}\p{Zp}]/u)
      assert.ok(shown.length <= 10)
    }),
  )
})

test('printable() keeps what a person can read', () => {
  assert.equal(printable('Cannot dial "tcp/wéb": 家 🏠', 100), 'Cannot dial "tcp/wéb": 家 🏠')
  assert.equal(printable('a\u001b[2Jb\nc', 100), 'a\ufffd[2Jb\ufffdc')
})
