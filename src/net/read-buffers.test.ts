import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  LARGE_BUFFER_BYTES,
  MAX_LARGE_BUFFERS,
  MEDIUM_BUFFER_BYTES,
  ReadBuffers,
  SMALL_BUFFER_BYTES,
} from './read-buffers.ts'

/** The sizes of the buffers that a connection has after reads of so many bytes; `full` fills what it has. */
function sizesAfter(buffers: ReadBuffers, reads: readonly (number | 'full')[]): number[] {
  let buffer = buffers.take()
  return reads.map(read => {
    buffer = buffers.fit(buffer, read === 'full' ? buffer.length : read)
    return buffer.length
  })
}

describe('ReadBuffers', () => {
  test('gives bigger ones to who fills them, and smaller ones to who does not', () => {
    const reads = ['full', 30_000, 'full', 'full', 100_000, 60_000, 4_096, 1] as const
    assert.deepEqual(sizesAfter(new ReadBuffers(), reads), [
      MEDIUM_BUFFER_BYTES,
      MEDIUM_BUFFER_BYTES,
      LARGE_BUFFER_BYTES,
      LARGE_BUFFER_BYTES,
      LARGE_BUFFER_BYTES,
      MEDIUM_BUFFER_BYTES,
      SMALL_BUFFER_BYTES,
      SMALL_BUFFER_BYTES,
    ])
  })

  test('has so many large ones and no more, and one again when one is given back', () => {
    const buffers = new ReadBuffers()
    const grow = () => {
      let buffer = buffers.take()
      for (let step = 0; step < 3; step++) buffer = buffers.fit(buffer, buffer.length)
      return buffer
    }
    const large = Array.from({ length: MAX_LARGE_BUFFERS }, grow)
    assert.ok(large.every(({ length }) => length === LARGE_BUFFER_BYTES))
    assert.equal(grow().length, MEDIUM_BUFFER_BYTES)
    const [first] = large
    assert.ok(first)
    buffers.give(first)
    assert.equal(grow(), first)
  })
})
