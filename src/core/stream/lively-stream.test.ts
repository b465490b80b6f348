import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ms } from '../model/time.ts'
import { LivelyStream } from './lively-stream.ts'

/** Which of the pieces, each `[ms, bytes]`, say that somebody waits. */
function livelyAt(pieces: readonly (readonly [number, number])[]): number[] {
  const stream = new LivelyStream()
  return pieces.flatMap(([atMs, byteCount]) => (stream.carried(byteCount, ms(atMs)) ? [atMs] : []))
}

test('keys and their echo are lively, one by one or held down', () => {
  assert.deepEqual(
    livelyAt([
      [0, 1],
      [5, 1],
      [400, 1],
      [2_000, 3],
      [2_001, 600],
    ]),
    [0, 400, 2_000],
  )
  const held = Array.from({ length: 100 }, (_, index) => [index * 30, 1] as const)
  assert.ok(livelyAt(held).length > 20)
})

test('bulk is not, also where it comes in small pieces or stalls', () => {
  const bulk = Array.from({ length: 1_000 }, (_, index) => [index, index % 2 === 0 ? 16_384 : 200] as const)
  assert.deepEqual(livelyAt(bulk), [])
  assert.deepEqual(livelyAt([...bulk, [5_000, 300], [5_001, 16_384]]), [])
  // Nothing came: nobody waits for that.
  assert.deepEqual(
    livelyAt([
      [0, 0],
      [500, 0],
    ]),
    [],
  )
})

test('a request that brings much is lively once, and again when there is a next one', () => {
  const answer = Array.from({ length: 50 }, (_, index) => [10 + index * 10, 65_536] as const)
  assert.deepEqual(livelyAt([[0, 300], ...answer, [600, 300], [800, 300]]), [0, 800])
})
