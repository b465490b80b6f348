import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jainIndex, median, pairedRatio, percentile, type Sample } from './figures.ts'

function sample(contestant: string, round: number, value: number, more: Partial<Sample> = {}): Sample {
  return { contestant, round, measure: 'send-1', value, ...more }
}

test('median() takes the middle, and the mean of two', () => {
  assert.deepEqual(
    [median([9, 1, 5]), median([4, 1, 3, 2]), median([7]), median([])],
    [5, 2.5, 7, Number.NaN],
  )
})

test('percentile() takes the nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  assert.deepEqual(
    [percentile(hundred, 0.5), percentile(hundred, 0.99), percentile(hundred, 1), percentile([3], 0.99)],
    [50, 99, 100, 3],
  )
  assert.equal(percentile([], 0.5), Number.NaN)
})

test('jainIndex() is 1 where all have the same, and 1/n where one has it all', () => {
  assert.deepEqual([jainIndex([3, 3, 3]), jainIndex([0, 0, 0, 8]), jainIndex([])], [1, 0.25, Number.NaN])
})

test('pairedRatio() compares within a round, so that a slow round does not count', () => {
  const samples = [
    [10, 5],
    [1, 0.5],
    [12, 6],
  ].flatMap(([one = 0, other = 0], index) => [sample('a', index + 1, one), sample('b', index + 1, other)])
  assert.equal(pairedRatio(samples, 'send-1', { one: 'a', other: 'b' }), 2)
})

test('pairedRatio() leaves out rounds that only one has', () => {
  const samples = [sample('a', 1, 8), sample('a', 2, 100), sample('b', 1, 2), sample('b', 3, 1)]
  assert.equal(pairedRatio(samples, 'send-1', { one: 'a', other: 'b' }), 4)
  assert.equal(pairedRatio(samples, 'wrk', { one: 'a', other: 'b' }), Number.NaN)
})
