import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../model/errors.ts'
import { createStreamRecordDecoder, encodeStreamRecords, type StreamRecord } from './stream-record.ts'

const record: fc.Arbitrary<StreamRecord> = fc.record(
  {
    kind: fc.constantFrom('received', 'ended', 'broken'),
    stream: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    position: fc.maxSafeNat(),
  },
  { noNullPrototype: true },
)

test('a record is 16 bytes: kind, stream, position', () => {
  assert.equal(
    Buffer.from(
      encodeStreamRecords([
        { kind: 'received', stream: 5, position: 0x1_0000_0002 },
        { kind: 'ended', stream: 0x7fff_ffff, position: 10 },
      ]),
    ).toString('hex'),
    '00000001000000050000000100000002' + '000000027fffffff000000000000000a',
  )
})

test('what was encoded is decoded, however it is cut', () => {
  fc.assert(
    fc.property(fc.array(record), fc.array(fc.nat()), (records, cuts) => {
      const bytes = encodeStreamRecords(records)
      const places = [...cuts.map(cut => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
      const decoder = createStreamRecordDecoder()
      let from = 0
      const decoded = places.flatMap(to => {
        const some = decoder.push(bytes.slice(from, to))
        from = to
        return some
      })
      assert.deepEqual(decoded, records)
    }),
  )
})

test('any bytes give records or a MeshError, nothing else', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), chunks => {
      const decoder = createStreamRecordDecoder()
      try {
        for (const chunk of chunks) decoder.push(chunk)
      } catch (error) {
        assert.ok(error instanceof MeshError && error.code === 'bad-message')
      }
    }),
  )
})

test('push() refuses a kind, stream or position that cannot be', () => {
  for (const hex of [
    '00000000000000010000000000000000',
    '00000004000000010000000000000000',
    '00000001000000000000000000000000',
    '00000001800000000000000000000000',
    '00000001000000010020000000000000',
  ]) {
    assert.throws(() => createStreamRecordDecoder().push(Buffer.from(hex, 'hex')), MeshError, hex)
  }
})
