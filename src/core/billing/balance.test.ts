import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../model/errors.ts'
import { insufficientBalance, isEnough, parseBalance, shortageOf } from './balance.ts'

test('parseBalance() reads the answer of the seed and the superset of shops', () => {
  assert.deepEqual(parseBalance({ balance: 12.5 }, 'major'), {
    available: 12_500_000,
    minimum: 0,
    currency: 'USD',
  })
  const shop = { user: 'acme/bob', currency: 'eur', balance: 900, holds: 250, available: 650, minimum: 100 }
  assert.deepEqual(parseBalance(shop, 'cents'), {
    available: 6_500_000,
    minimum: 1_000_000,
    currency: 'EUR',
  })
})

test('parseBalance() does not let holds or a floor of zero hide what is owed', () => {
  assert.equal(parseBalance({ balance: 5, holds: 7 }, 'major').available, -2_000_000)
  assert.equal(parseBalance({ balance: -5, available: 0 }, 'major').available, -5_000_000)
})

test('parseBalance() refuses answers of another form', () => {
  const wrong = [
    undefined,
    null,
    [],
    'x',
    {},
    { balance: '5' },
    { balance: 5, holds: -1 },
    { balance: 5, holds: 'x' },
    { balance: 5, currency: '<b>' },
    { balance: 1e300 },
  ]
  for (const value of wrong)
    assert.throws(() => parseBalance(value, 'major'), { code: 'billing-failed' }, JSON.stringify(value))
})

test('parseBalance() gives a balance or billing-failed for any JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      try {
        assert.ok(Number.isSafeInteger(parseBalance(value, 'cents').available))
      } catch (error) {
        assert.ok(error instanceof MeshError && error.code === 'billing-failed', String(error))
      }
    }),
  )
})

test('isEnough() wants more than nothing, and the minimum', () => {
  const cases = [
    [0.01, 0, true],
    [0, 0, false],
    [-1, 0, false],
    [1, 1, true],
    [0.99, 1, false],
  ] as const
  for (const [balance, minimum, wanted] of cases)
    assert.equal(isEnough(parseBalance({ balance, minimum }, 'major')), wanted, `${balance} of ${minimum}`)
})

test('insufficientBalance() says what is left and what is needed', () => {
  const error = insufficientBalance('tcp/web', parseBalance({ balance: 0.2, minimum: 1 }, 'major'))
  assert.equal(
    error.message,
    'Cannot dial "tcp/web": 0.20 USD is left, and at least 1.00 USD is needed: top up the account',
  )
  const shortage = { service: 'tcp/web', available: 200_000, minimum: 1_000_000, currency: 'USD' }
  assert.deepEqual(shortageOf(error), shortage)
  assert.equal(shortageOf(new MeshError('insufficient-balance', 'told by a peer')), undefined)
})
