import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../model/errors.ts'
import {
  createDatagramDecoder,
  createDatagramQueue,
  encodeDatagrams,
  MAX_DATAGRAM_BYTES,
} from './datagram.ts'

const bytes = (...values: number[]) => Uint8Array.from(values)
const copies = (list: readonly Uint8Array[]) => list.map(one => new Uint8Array(one))

// One byte; none; three bytes.
const GOLDEN = bytes(0x00, 0x01, 0x61, /**/ 0x00, 0x00, /**/ 0x00, 0x03, 0x62, 0x63, 0x64)
const GOLDEN_PAYLOADS = [bytes(0x61), bytes(), bytes(0x62, 0x63, 0x64)]

test('encodeDatagrams() writes the golden bytes of a batch', () => {
  assert.deepEqual(encodeDatagrams(GOLDEN_PAYLOADS), GOLDEN)
  assert.deepEqual(encodeDatagrams([]), bytes())
  assert.deepEqual(encodeDatagrams([new Uint8Array(0x0102)]).subarray(0, 2), bytes(0x01, 0x02))
})

test('encodeDatagrams() takes 65,507 bytes and refuses one more', () => {
  assert.deepEqual(encodeDatagrams([new Uint8Array(MAX_DATAGRAM_BYTES)]).subarray(0, 2), bytes(0xff, 0xe3))
  assert.throws(() => encodeDatagrams([bytes(1), new Uint8Array(MAX_DATAGRAM_BYTES + 1)]), {
    code: 'too-large',
  })
})

test('push() finds the datagrams of the golden bytes', () => {
  assert.deepEqual(copies(createDatagramDecoder().push(GOLDEN)), GOLDEN_PAYLOADS)
})

test('push() finds the datagrams of the golden bytes when they come one by one', () => {
  const decoder = createDatagramDecoder()
  assert.deepEqual(copies([...GOLDEN].flatMap(byte => decoder.push(bytes(byte)))), GOLDEN_PAYLOADS)
  assert.equal(decoder.pendingByteCount, 0)
})

test('push() gives back what was encoded, for any batches and any chunking', () => {
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.nat({ max: MAX_DATAGRAM_BYTES }).map(length => new Uint8Array(length).fill(7)),
  )
  fc.assert(
    fc.property(
      fc.array(payload, { maxLength: 8 }),
      fc.array(fc.nat(), { maxLength: 10 }),
      (payloads, cuts) => {
        const stream = encodeDatagrams(payloads)
        const decoder = createDatagramDecoder()
        const places = [...cuts.map(cut => cut % (stream.length + 1)), stream.length].sort((a, b) => a - b)
        let from = 0
        const found = places.flatMap(to => {
          const chunk = stream.slice(from, to)
          from = to
          const list = copies(decoder.push(chunk))
          // Whoever gave the chunk may use it again once the payloads are done with.
          chunk.fill(0xee)
          return list
        })
        assert.deepEqual(found, payloads)
        assert.equal(decoder.pendingByteCount, 0)
      },
    ),
  )
})

test('push() refuses a length over 65,507, however the header is cut, and every call after it', () => {
  for (const chunks of [
    [bytes(0xff, 0xe4)],
    [bytes(0xff), bytes(0xe4)],
    [bytes(0, 1, 9, 0xff), bytes(0xff)],
  ]) {
    const decoder = createDatagramDecoder()
    assert.throws(() => chunks.forEach(chunk => void decoder.push(chunk)), { code: 'bad-message' })
    assert.throws(() => decoder.push(bytes(0, 0)), { code: 'bad-message' })
  }
})

test('push() takes no memory for a datagram that was only announced', () => {
  // 20,000 streams that each announce the longest datagram and send one byte of it: 1.3 GB if they were believed.
  const before = process.memoryUsage().arrayBuffers
  const decoders = Array.from({ length: 20_000 }, createDatagramDecoder)
  for (const decoder of decoders) decoder.push(bytes(0xff, 0xe3, 1))
  const taken = process.memoryUsage().arrayBuffers - before
  assert.ok(taken < 16 * 1_048_576, `${taken} bytes`)
  assert.equal(decoders[0]?.pendingByteCount, 3)
})

test('push() gives payloads or a MeshError, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }), chunks => {
      const decoder = createDatagramDecoder()
      try {
        for (const chunk of chunks) {
          for (const payload of decoder.push(chunk)) assert.ok(payload.length <= MAX_DATAGRAM_BYTES)
          assert.ok(decoder.pendingByteCount <= MAX_DATAGRAM_BYTES + 2)
        }
      } catch (error) {
        assert.ok(error instanceof MeshError, String(error))
        assert.equal(error.code, 'bad-message')
      }
    }),
  )
})

test('createDatagramQueue() gives datagrams out in the order they came', () => {
  const queue = createDatagramQueue({ maxBytes: 100, maxCount: 10 })
  for (const value of [1, 2, 3]) queue.push(bytes(value))
  assert.deepEqual(
    [queue.shift(), queue.shift(), queue.shift(), queue.shift()],
    [bytes(1), bytes(2), bytes(3), undefined],
  )
})

test('createDatagramQueue() drops the oldest when there are too many', () => {
  const queue = createDatagramQueue({ maxBytes: 100, maxCount: 2 })
  for (const value of [1, 2, 3]) queue.push(bytes(value))
  assert.deepEqual(queue.take(100), [bytes(2), bytes(3)])
  assert.equal(queue.droppedCount, 1)
})

test('createDatagramQueue() drops as many of the oldest as a large one needs, and one too large itself', () => {
  const queue = createDatagramQueue({ maxBytes: 10, maxCount: 100 })
  for (let i = 0; i < 10; i++) queue.push(bytes(i))
  queue.push(new Uint8Array(9))
  assert.deepEqual([queue.count, queue.byteCount, queue.droppedCount], [2, 10, 9])
  queue.push(new Uint8Array(11))
  assert.deepEqual([queue.count, queue.byteCount, queue.droppedCount], [0, 0, 12])
})

test('take() gives what fits, but one at least', () => {
  const queue = createDatagramQueue({ maxBytes: 100, maxCount: 10 })
  for (const length of [4, 4, 4]) queue.push(new Uint8Array(length))
  assert.deepEqual(
    [queue.take(1), queue.take(8), queue.take(8)].map(list => list.length),
    [1, 2, 0],
  )
})

test('createDatagramQueue() behaves as a list that is cut at its old end, for any use', () => {
  const use = fc.oneof(
    { weight: 3, arbitrary: fc.record({ push: fc.nat({ max: 60 }) }) },
    fc.constant({ shift: true }),
    fc.record({ take: fc.nat({ max: 150 }) }),
  )
  fc.assert(
    fc.property(
      fc.array(use, { maxLength: 400, size: 'max' }),
      fc.nat({ max: 200 }),
      fc.nat({ max: 20 }),
      (uses, maxBytes, maxCount) => {
        const queue = createDatagramQueue({ maxBytes, maxCount })
        let model: Uint8Array[] = []
        let dropped = 0
        const sum = (list: Uint8Array[]) => list.reduce((total, { length }) => total + length, 0)
        for (const step of uses) {
          if ('push' in step) {
            const payload = new Uint8Array(step.push)
            queue.push(payload)
            model.push(payload)
            for (; model.length > maxCount || sum(model) > maxBytes; dropped++) model = model.slice(1)
          } else if ('take' in step) {
            let count = Math.min(1, model.length)
            while (count < model.length && sum(model.slice(0, count + 1)) <= step.take) count++
            assert.deepEqual(queue.take(step.take), model.slice(0, count))
            model = model.slice(count)
          } else {
            assert.equal(queue.shift(), model[0])
            model = model.slice(1)
          }
          assert.deepEqual(
            [queue.count, queue.byteCount, queue.droppedCount],
            [model.length, sum(model), dropped],
          )
        }
      },
    ),
  )
})
