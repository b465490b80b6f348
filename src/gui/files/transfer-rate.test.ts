import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRateMeter, formatSeconds, nextPieceBytes, secondsLeft } from './transfer-rate.ts'

const MIB = 1_048_576

test('a rate is that of the last while, and begins anew with what begins anew', () => {
  const meter = createRateMeter()
  assert.equal(meter.tell('a', 0, 0), undefined)
  assert.equal(meter.tell('a', 100, 100), undefined)
  assert.equal(meter.tell('a', 1_000, 1_000), 1_000)
  for (let second = 2; second <= 20; second += 1) meter.tell('a', 1_000 * second, second * 1_000)
  for (let second = 21; second <= 40; second += 1) meter.tell('a', 20_000, second * 1_000)
  assert.equal(meter.tell('a', 20_000, 41_000), 0)
  assert.equal(meter.tell('b', 5_000, 41_000), undefined)
  assert.equal(meter.tell('a', 10, 42_000), undefined)
})

test('what is left is told in seconds, if anybody knows', () => {
  assert.equal(secondsLeft(1_000, 300), 4)
  assert.deepEqual([secondsLeft(1_000, 0), secondsLeft(1_000, undefined)], [undefined, undefined])
  assert.deepEqual([7, 750, 3_900].map(formatSeconds), ['0:07', '12:30', '1:05:00'])
})

test('pieces grow while they are quick, shrink when they are slow, and stay within bounds', () => {
  assert.equal(nextPieceBytes(0, 0), MIB)
  assert.equal(nextPieceBytes(MIB, 10), 2 * MIB)
  assert.equal(nextPieceBytes(16 * MIB, 10), 16 * MIB)
  assert.equal(nextPieceBytes(8 * MIB, 4_000), 4 * MIB)
  assert.equal(nextPieceBytes(2 * MIB, 60_000), MIB)
  assert.equal(nextPieceBytes(MIB / 2, 10), MIB)
})
