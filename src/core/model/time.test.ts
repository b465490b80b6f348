import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { formatSpan, ms, parseSpan } from './time.ts'

test('parseSpan() reads spans as people write them', () => {
  const texts = ['500ms', '10s', '5m', '24h', '7d', '0s', '010s']
  assert.deepEqual(texts.map(parseSpan), [500, 10_000, 300_000, 86_400_000, 604_800_000, 0, 10_000].map(ms))
})

test('parseSpan() reads nothing else', () => {
  const texts = [
    '',
    '10',
    's',
    '1.5h',
    '-1s',
    '+1s',
    '1 s',
    ' 1s',
    '1s ',
    '1s\n',
    '1S',
    '1m30s',
    '1w',
    '1e3s',
    '٣s',
  ]
  assert.deepEqual(
    texts.map(parseSpan),
    texts.map(() => undefined),
  )
})

test('parseSpan() reads no span that is longer than all dates', () => {
  assert.equal(parseSpan('100000000d'), 8.64e15)
  assert.deepEqual(['100000001d', '999999999d', '9999999999s'].map(parseSpan), [
    undefined,
    undefined,
    undefined,
  ])
})

test('formatSpan() writes a span for a person', () => {
  const spans: [number, string][] = [
    [0, '0 ms'],
    [850, '850 ms'],
    [12_000, '12 s'],
    [119_000, '119 s'],
    [120_000, '2 min'],
    [300_000, '5 min'],
    [7_200_000, '2 h'],
    [172_800_000, '2 d'],
    [31_536_000_000, '365 d'],
  ]
  for (const [span, text] of spans) assert.equal(formatSpan(span), text)
})

test('formatSpan() writes a fraction of a millisecond below a second in seconds when it rounds up to one', () => {
  assert.deepEqual([999.4, 999.5, 999.9].map(formatSpan), ['999 ms', '1 s', '1 s'])
})

test('formatSpan() writes a span into the past with a minus and in the same unit', () => {
  assert.deepEqual([-850, -300_000, -172_800_000].map(formatSpan), ['-850 ms', '-5 min', '-2 d'])
})

test('formatSpan() is never further off than half of what it writes, for any span', () => {
  const units: Record<string, number> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 }
  fc.assert(
    fc.property(fc.double({ min: 0, max: 8.64e15, noNaN: true }), span => {
      const [, count = '', unit = ''] = /^(\d+) (\w+)$/.exec(formatSpan(span)) ?? []
      const unitMs = units[unit] ?? Number.NaN
      assert.ok(Math.abs(Number(count) * unitMs - span) <= unitMs / 2, formatSpan(span))
      assert.ok(unit === 'd' || Number(count) < 1_000)
    }),
  )
})

test('parseSpan() gives back whole seconds, minutes, hours and days that formatSpan() wrote', () => {
  const span = fc.tuple(
    fc.integer({ min: 2, max: 23 }),
    fc.constantFrom(1_000, 60_000, 3_600_000, 86_400_000),
  )
  fc.assert(
    fc.property(span, ([count, unitMs]) => {
      const text = formatSpan(count * unitMs)
        .replace(' ', '')
        .replace('min', 'm')
      assert.equal(parseSpan(text), count * unitMs)
    }),
  )
})

test('parseSpan() gives whole milliseconds within the dates or nothing, for any text', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^\d{1,12}(ms|s|m|h|d)$/))
  fc.assert(
    fc.property(text, written => {
      const span = parseSpan(written)
      assert.ok(span === undefined || (Number.isSafeInteger(span) && span >= 0 && span <= 8.64e15))
    }),
  )
})
