import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { createPendingBytes } from './pending-bytes.ts'

test('append() adds up to all bytes that came since clear()', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 30 }), chunks => {
      const pending = createPendingBytes()
      pending.append(Uint8Array.of(9, 9, 9))
      pending.clear()
      for (const chunk of chunks) pending.append(chunk)
      const all = Uint8Array.from(chunks.flatMap(chunk => [...chunk]))
      assert.equal(pending.length, all.length)
      assert.deepEqual(new Uint8Array(pending.view()), all)
      assert.deepEqual(pending.copy(1, 5), all.slice(1, 5))
    }),
  )
})

test('append() takes memory for what came, at most twice that', () => {
  const pending = createPendingBytes()
  for (let i = 0; i < 5_000; i++) {
    pending.append(new Uint8Array(997))
    const heldBytes = pending.view().buffer.byteLength
    assert.ok(heldBytes <= Math.max(pending.length * 2, 4_096), `${heldBytes} for ${pending.length}`)
    assert.ok(heldBytes <= pending.length + 1_048_576)
  }
})

test('clear() gives a large buffer back', () => {
  const pending = createPendingBytes()
  pending.append(new Uint8Array(1_000_000))
  pending.clear()
  assert.equal(pending.view().buffer.byteLength, 0)
  assert.equal(pending.length, 0)
})

test('copy() gives bytes that later calls do not change', () => {
  const pending = createPendingBytes()
  pending.append(Uint8Array.of(1, 2, 3))
  const copy = pending.copy(0, 3)
  pending.clear()
  pending.append(Uint8Array.of(7, 7, 7))
  assert.deepEqual(copy, Uint8Array.of(1, 2, 3))
})
