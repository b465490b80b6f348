import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatMoney, micros, moneyNumber, parseMoney } from './money.ts'

test('parseMoney() reads units and cents into millionths, halves away from zero', () => {
  const read = [
    [12.5, 'major', 12_500_000],
    [1_250, 'cents', 12_500_000],
    [0.1 + 0.2, 'major', 300_000],
    [1.005, 'major', 1_005_000],
    [0.000_000_5, 'major', 1],
    [-0.000_000_5, 'major', -1],
    [-3, 'cents', -30_000],
    [0, 'major', 0],
  ] as const
  for (const [value, unit, wanted] of read) assert.equal(parseMoney(value, unit), wanted, `${value} ${unit}`)
})

test('parseMoney() refuses what is no amount', () => {
  for (const value of [undefined, null, '12', Number.NaN, Number.POSITIVE_INFINITY, 1e10, {}, [1], true])
    assert.equal(parseMoney(value, 'major'), undefined)
})

test('an amount of whole cents comes back as it was', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e11, max: 1e11 }), cents => {
      const amount = parseMoney(cents, 'cents')
      assert.equal(amount === undefined ? undefined : moneyNumber(amount, 'cents'), cents)
    }),
  )
})

test('formatMoney() shows what counts', () => {
  const shown = [0, 1, 500_000, 12_500_000, -1_230_001, 1_000_000].map(one => formatMoney(micros(one), 'USD'))
  assert.deepEqual(shown, ['0.00 USD', '0.000001 USD', '0.50 USD', '12.50 USD', '-1.230001 USD', '1.00 USD'])
})
