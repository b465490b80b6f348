import assert from 'node:assert/strict'
import { test } from 'node:test'
import { joinSteps, lineOf, mean, type Step, sum, topOf } from './graph-shape.ts'

test('joinSteps() joins what is known, and leaves unknown where nothing is', () => {
  const steps = [1, 2, null, null, 5, null, 7]
  assert.deepEqual(joinSteps(steps, 4, sum), [3, null, 5, 7])
  assert.deepEqual(joinSteps(steps, 100, sum), steps)
  assert.deepEqual(joinSteps([], 4, sum), [])
})

test('topOf() is round and above everything', () => {
  for (const [steps, top] of [
    [[0.3], 0.5],
    [[1], 1],
    [[11, null, 19], 20],
    [[4_001], 5_000],
    [[9_999_999], 10_000_000],
  ] as [Step[], number][])
    assert.ok(Math.abs(topOf(steps) - top) < top * 1e-9, `${steps}`)
  assert.ok(topOf([]) > 0)
  assert.ok(topOf([null, 0]) > 0)
})

test('lineOf() goes from edge to edge, is broken where nothing is known, and has no number that is none', () => {
  const size = { width: 100, height: 10 }
  assert.equal(lineOf([0, 5, 10], 10, size), 'M0 10h0L50 5L100 0')
  assert.equal(lineOf([null, 1, null, 2, 3], 10, size), 'M25 9h0M75 8h0L100 7')
  assert.equal(lineOf([null, null], 10, size), '')
  assert.equal(lineOf([7], 10, size), 'M0 3h0')
  assert.equal(lineOf([20, 20], 10, size), 'M0 0h0L100 0')
})

test('mean() passes over what is not known', () => {
  assert.equal(mean([null, 2, 4]), 3)
  assert.equal(mean([null]), null)
})
