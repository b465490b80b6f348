import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseSeed, createSeededRandom, withSeed } from './seeded-random.ts'

test('createSeededRandom() gives the same numbers for the same seed, all from 0 to below 1', () => {
  const [a, b] = [createSeededRandom(42), createSeededRandom(42)]
  const numbers = Array.from({ length: 10_000 }, a)
  assert.deepEqual(Array.from({ length: 10_000 }, b), numbers)
  assert.ok(numbers.every(number => number >= 0 && number < 1))
  const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length
  assert.ok(Math.abs(mean - 0.5) < 0.02, `mean ${mean}`)
})

test('chooseSeed() takes SEED from the environment, and else a new one', () => {
  assert.equal(chooseSeed({ SEED: '12' }), 12)
  const seeds = new Set(Array.from({ length: 10 }, () => chooseSeed({})))
  assert.ok(seeds.size > 1)
})

test('withSeed() names the seed when what it runs fails', async () => {
  await assert.rejects(
    withSeed(() => {
      throw new Error('lost')
    }),
    /^Error: SEED=\d+: lost$/,
  )
})
