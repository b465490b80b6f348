import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../model/errors.ts'
import { CHUNK_COST_BYTES, SentBytes } from './sent-bytes.ts'

const bytes = (...values: number[]) => Uint8Array.from(values)
const plain = (chunks: readonly Uint8Array[]) => chunks.map(chunk => [...chunk])
const isBadMessage = (error: unknown) => error instanceof MeshError && error.code === 'bad-message'

test('after() gives what was not acknowledged, and begins in the middle of a chunk', () => {
  const sent = new SentBytes()
  sent.add(bytes(1, 2, 3))
  sent.add(bytes(4, 5))
  sent.add(bytes(6))
  sent.acknowledge(1)
  assert.deepEqual(plain(sent.after(1)), [[2, 3], [4, 5], [6]])
  assert.deepEqual(plain(sent.after(4)), [[5], [6]])
  assert.equal(sent.acknowledged, 4)
  assert.deepEqual(plain(sent.after(6)), [])
})

test('acknowledge() lets chunks go when their last byte was acknowledged', () => {
  const sent = new SentBytes()
  sent.add(bytes(1, 2, 3))
  sent.add(bytes(4))
  assert.equal(sent.keptCost, 4 + 2 * CHUNK_COST_BYTES)
  sent.acknowledge(2)
  assert.equal(sent.keptCost, 4 + 2 * CHUNK_COST_BYTES)
  sent.acknowledge(3)
  assert.equal(sent.keptCost, 1 + CHUNK_COST_BYTES)
  sent.acknowledge(1)
  assert.equal(sent.acknowledged, 3)
})

test('the end counts as one more', () => {
  const sent = new SentBytes()
  sent.add(bytes(1))
  assert.throws(() => sent.acknowledge(2), isBadMessage)
  sent.end()
  sent.acknowledge(1)
  assert.equal(sent.isDelivered, false)
  sent.acknowledge(2)
  assert.equal(sent.isDelivered, true)
  assert.throws(() => sent.acknowledge(3), isBadMessage)
})

test('after() refuses what was never sent, and what is not kept any more', () => {
  const sent = new SentBytes()
  sent.add(bytes(1, 2, 3))
  sent.acknowledge(2)
  assert.throws(() => sent.after(4), isBadMessage)
  assert.throws(() => sent.after(1), isBadMessage)
  sent.letAllGo()
  sent.add(bytes(4))
  assert.equal(sent.keptCost, 0)
  assert.throws(() => sent.after(3), isBadMessage)
  sent.acknowledge(4)
  assert.equal(sent.acknowledged, 4)
})

type Step =
  | { readonly do: 'send'; readonly chunk: Uint8Array }
  | { readonly do: 'deliver'; readonly count: number }
  | { readonly do: 'acknowledge' }
  | { readonly do: 'lose' }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.uint8Array({ maxLength: 20 }).map(chunk => ({ do: 'send', chunk }) as const),
  fc.nat(30).map(count => ({ do: 'deliver', count }) as const),
  fc.constant({ do: 'acknowledge' } as const),
  fc.constant({ do: 'lose' } as const),
)

test('whatever is lost whenever, the other side gets every byte once and in order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), steps => {
      const sent = new SentBytes()
      // The naive model: everything ever sent, and what came. What is under way is lost with the path.
      const all: number[] = []
      const came: number[] = []
      let underWay: number[] = []
      const deliver = (count: number) => came.push(...underWay.splice(0, count))
      const resume = () => {
        underWay = plain(sent.after(came.length)).flat()
      }
      for (const one of steps) {
        if (one.do === 'send') {
          sent.add(one.chunk)
          all.push(...one.chunk)
          underWay.push(...one.chunk)
        } else if (one.do === 'deliver') deliver(one.count)
        else if (one.do === 'acknowledge') sent.acknowledge(came.length)
        else resume()
        assert.ok(sent.byteCount - sent.acknowledged <= sent.keptCost)
      }
      resume()
      deliver(underWay.length)
      assert.deepEqual(came, all)
      sent.acknowledge(all.length)
      assert.equal(sent.keptCost, 0)
    }),
  )
})
