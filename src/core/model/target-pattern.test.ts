import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePortSet, parseTargetPattern } from './target-pattern.ts'

const FITS: [pattern: string, fitting: string[], others: string[]][] = [
  ['*', ['example.com', '127.0.0.1', '::1'], []],
  [
    'Example.com',
    ['example.com', 'EXAMPLE.COM', 'example.com.'],
    ['www.example.com', 'badexample.com', 'com'],
  ],
  ['*.example.com', ['www.example.com', 'a.b.Example.com.'], ['example.com', 'badexample.com', '.com']],
  ['.example.com', ['www.example.com', 'example.com'], ['badexample.com', 'example.com.evil']],
  ['münchen.example', ['MÜNCHEN.example', 'mu\u0308nchen.example'], ['munchen.example']],
  ['192.0.2.7', ['192.0.2.7', '::ffff:192.0.2.7'], ['192.0.2.8', '192.0.2.70', 'a.192.0.2.7']],
  ['192.0.2.0/23', ['192.0.2.0', '192.0.3.255'], ['192.0.4.0', '192.0.1.255', '2001:db8::1', 'example.com']],
  ['0.0.0.0/0', ['1.2.3.4'], ['::1', 'example.com']],
  ['2001:db8::/33', ['2001:db8:7fff::1'], ['2001:db8:8000::1', '1.2.3.4']],
  ['::/0', ['::1', 'fe80::1'], ['1.2.3.4']],
  ['::1', ['::1', '0:0:0:0:0:0:0:1'], ['::2', '127.0.0.1']],
]

test('parseTargetPattern() reads what fits what it says, and nothing else', () => {
  for (const [text, fitting, others] of FITS) {
    const pattern = parseTargetPattern(text)
    assert.equal(pattern.isExplicit, text !== '*')
    for (const host of fitting) assert.equal(pattern.fits(host), true, `${text} fits ${host}`)
    for (const host of others) assert.equal(pattern.fits(host), false, `${text} does not fit ${host}`)
  }
})

test('parseTargetPattern() refuses what means nothing', () => {
  for (const text of [
    '',
    '*example.com',
    'a..b',
    'a b',
    'http://a',
    'a/24',
    '10.0.0.0/33',
    '::/129',
    'a:80',
    '*.',
    '.',
    '*.*',
  ]) {
    assert.throws(() => parseTargetPattern(text), { code: 'bad-input' }, JSON.stringify(text))
  }
})

test('parsePortSet() reads ports, spans and lists', () => {
  const set = parsePortSet('80, 443,8000-8010')
  assert.deepEqual([80, 443, 8000, 8010, 81, 7999, 8011].map(set.has), [
    true,
    true,
    true,
    true,
    false,
    false,
    false,
  ])
  assert.deepEqual(
    ['', '*'].map(text => parsePortSet(text).has(1)),
    [true, true],
  )
  for (const text of ['0', '65536', '9-8', 'a', '1,,2', '-1', '1-']) {
    assert.throws(() => parsePortSet(text), { code: 'bad-input' }, text)
  }
})
