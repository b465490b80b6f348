import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findNumericConstants } from './numeric-constants.ts'
import { parseSource } from './source-file.ts'

function namesAndValues(...texts: string[]): Record<string, number> {
  const files = texts.map((text, at) => parseSource(`src/net/file-${at}.ts`, text))
  return Object.fromEntries(findNumericConstants(files).map(({ name, value }) => [name, value]))
}

test('findNumericConstants() reads literals, sums and products', () => {
  const text = [
    'const PLAIN = 10_000',
    'export const TIMES = 16 * 1_048_576 // MiB',
    'const SUM = 3 + 4 * 5',
    'const SHARE = 3_000 / 2',
    'const HEX = 0x16',
    'const FRACTION = 10 * 365.25',
    'export const TYPED: number = 7',
  ].join('\n')
  assert.deepEqual(namesAndValues(text), {
    PLAIN: 10_000,
    TIMES: 16_777_216,
    SUM: 23,
    SHARE: 1_500,
    HEX: 22,
    FRACTION: 3_652.5,
    TYPED: 7,
  })
})

test('findNumericConstants() reads tables, of one line and of several', () => {
  const text = [
    'export const TIMES: Times = { firstMs: 1_000, lastMs: 60_000 }',
    'export const LIMITS = {',
    '  // why',
    '  maxBytes: 64 * 1_024,',
    "  name: 'x',",
    '  maxCount: 8,',
    '} as const',
  ].join('\n')
  assert.deepEqual(namesAndValues(text), {
    'TIMES.firstMs': 1_000,
    'TIMES.lastMs': 60_000,
    'LIMITS.maxBytes': 65_536,
    'LIMITS.maxCount': 8,
  })
})

test('findNumericConstants() follows names, its own file first', () => {
  const one = 'const SIZE = 2\nexport const SHARED = 5\nconst DOUBLE = SIZE * 2'
  const two = 'const SIZE = 3\nexport const LIMITS = { size: SIZE, shared: SHARED }'
  assert.deepEqual(namesAndValues(one, two), {
    SIZE: 3,
    SHARED: 5,
    DOUBLE: 4,
    'LIMITS.size': 3,
    'LIMITS.shared': 5,
  })
})

test('findNumericConstants() leaves out what it cannot read, and names that go in a circle', () => {
  const text =
    'const TEXT = "1"\nconst CALL = size(1)\nconst A = B\nconst B = A\nconst LENGTH = LIST.length + 1'
  assert.deepEqual(namesAndValues(text), {})
})
