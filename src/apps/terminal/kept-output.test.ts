import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createKeptOutput } from './kept-output.ts'

test('kept output is the end of what came, wherever it was cut, and no more than it may be', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40_000 }),
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 60 }),
      fc.nat(20_000),
      fc.nat(500),
      (maxBytes, chunks, from, most) => {
        const output = createKeptOutput(maxBytes)
        for (const chunk of chunks) output.push(chunk)
        const all = Buffer.concat(chunks)
        assert.equal(output.total, all.length)
        assert.ok(output.total - output.start <= maxBytes)
        assert.ok(output.total - output.start >= Math.min(maxBytes, all.length))
        const at = Math.min(Math.max(from, output.start), all.length)
        const { from: begins, bytes } = output.since(from, most)
        assert.equal(begins, at)
        assert.ok(Buffer.from(bytes).equals(all.subarray(at, at + most)))
      },
    ),
  )
})

test('what was given out stays as it was', () => {
  const output = createKeptOutput(4)
  output.push(Uint8Array.of(1, 2, 3, 4))
  const { bytes } = output.since(0)
  output.push(Uint8Array.of(5, 6, 7, 8, 9, 10))
  assert.deepEqual([...bytes], [1, 2, 3, 4])
  assert.deepEqual([...output.since(0).bytes], [7, 8, 9, 10])
})
