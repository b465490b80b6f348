import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createOutputKeeper, plainText } from './run-output.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const written = (pieces: readonly { readonly text: string }[]) => pieces.map(({ text }) => text).join('')

test('output and errors stay apart, in the order they came', () => {
  const keeper = createOutputKeeper()
  keeper.push('output', bytes('one\n'))
  keeper.push('output', bytes('two\n'))
  keeper.push('errors', bytes('no\n'))
  keeper.push('output', bytes('three\n'))
  assert.deepEqual(keeper.read(), {
    pieces: [
      { kind: 'output', text: 'one\ntwo\n' },
      { kind: 'errors', text: 'no\n' },
      { kind: 'output', text: 'three\n' },
    ],
    cutUnits: 0,
  })
})

test('what was read does not change when more comes', () => {
  const keeper = createOutputKeeper()
  keeper.push('output', bytes('a'))
  const before = keeper.read()
  keeper.push('output', bytes('b'))
  assert.equal(written(before.pieces), 'a')
})

test('orders to a terminal are taken out, wherever they are cut', () => {
  const text = 'a\x1b[31;1mred\x1b[0m\x1b]0;title\x07b\x1b]8;;http://evil.example\x1b\\link\x1b(Bc\r\nd'
  assert.equal(plainText(text), 'aredblinkc\nd')
  for (let at = 0; at <= text.length; at++) {
    const keeper = createOutputKeeper()
    keeper.push('output', bytes(text.slice(0, at)))
    keeper.push('output', bytes(text.slice(at)))
    assert.equal(written(keeper.read().pieces), 'aredblinkc\nd', `cut at ${at}`)
  }
})

test('letters that turn text round or hide are boxes', () => {
  assert.equal(plainText('\u202egnp.exe\u0007\u2066x'), '␣gnp.exe␣␣x')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      assert.doesNotMatch(plainText(text), /[\x00-\x08\x0b-\x1f\x7f\u202e]/)
    }),
  )
})

test('characters whose bytes come apart are whole', () => {
  const keeper = createOutputKeeper()
  for (const byte of bytes('端点 ✓')) keeper.push('output', Uint8Array.of(byte))
  assert.equal(written(keeper.read().pieces), '端点 ✓')
})

test('of a flood the end is kept, and how much is missing', () => {
  const keeper = createOutputKeeper(1_000)
  for (let line = 0; line < 10_000; line++)
    keeper.push(line % 3 ? 'output' : 'errors', bytes(`line ${String(line).padStart(4, '0')}\n`))
  const { pieces, cutUnits } = keeper.read()
  const kept = written(pieces)
  assert.ok(kept.endsWith('line 9999\n'))
  assert.ok(kept.length >= 1_000 && kept.length <= 1_500, String(kept.length))
  assert.equal(kept.length + cutUnits, 100_000)
})
