import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { assertRefused } from '../testing/refusal.ts'
import { formatPem, readPem } from './pem.ts'

it('readPem() gives back what formatPem() wrote', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 4 }), blocks => {
      const text = blocks.map(bytes => formatPem(bytes, 'THING')).join('')
      assert.deepEqual(
        readPem(text, 'THING'),
        blocks.map(bytes => Buffer.from(bytes)),
      )
      assert.deepEqual(readPem(text.replaceAll('\n', '\r\n'), 'THING'), readPem(text, 'THING'))
    }),
  )
})

it('formatPem() breaks lines after 64 characters', () => {
  const text = formatPem(new Uint8Array(49), 'THING')
  assert.equal(text, `-----BEGIN THING-----\n${'A'.repeat(64)}\nAA==\n-----END THING-----\n`)
})

it('readPem() refuses anything but whole blocks of the label in canonical base64', async () => {
  const good = formatPem(Buffer.from('hello'), 'THING')
  const texts = [
    ' ',
    `\n${good}`,
    ` ${good}`,
    `${good}\n`,
    `${good}x`,
    `text\n${good}`,
    good.slice(0, -2),
    good.replace('aGVsbG8=', 'aGVsbG9='),
    good.replace('aGVsbG8=', 'aGVsbG8'),
    good.replace('aGVsbG8=', 'aGV sbG8='),
    good.replace('aGVsbG8=', '\n'),
    good.replace('aGVsbG8=', '===='),
    good.replace('BEGIN THING', 'BEGIN OTHER'),
    good.replace('END THING', 'END OTHER'),
    formatPem(Buffer.from('hello'), 'OTHER'),
    good.replace('-----BEGIN THING-----\n', '-----BEGIN THING-----\nProc-Type: 4,ENCRYPTED\n\n'),
  ]
  for (const text of texts) await assertRefused(() => readPem(text, 'THING'), 'bad-input', /Cannot read PEM/)
})

it('readPem() takes no longer for nasty text', () => {
  const started = performance.now()
  for (const text of [
    '-----BEGIN THING-----\n'.repeat(50_000),
    `-----BEGIN THING-----\n${'A\n'.repeat(500_000)}`,
  ]) {
    assert.throws(() => readPem(text, 'THING'))
  }
  assert.ok(performance.now() - started < 5_000)
})
