import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../model/errors.ts'
import { decodeEnvelope, encodeEnvelope, MAX_METHOD_BYTES, type ZapEnvelope } from './zap-envelope.ts'
import { createZapFrameDecoder, MAX_ZAP_FRAME_BYTES } from './zap-frame.ts'

/** How many random inputs: `ZTM_FUZZ_RUNS=1000000 node --test src/core/codec/zap-envelope.test.ts`. */
const FUZZ_RUNS = Number(process.env.ZTM_FUZZ_RUNS ?? 1_000)

const bytes = (...values: number[]) => Uint8Array.from(values)

/** The payload of the one frame that an envelope becomes. */
function payloadOf(envelope: ZapEnvelope): Uint8Array {
  const decoder = createZapFrameDecoder()
  const [payload = bytes(), ...rest] = decoder.push(new Uint8Array(Buffer.concat(encodeEnvelope(envelope))))
  decoder.end()
  assert.equal(rest.length, 0)
  return payload
}

const ids = fc.integer({ min: 0, max: 0xffffffff })
const values = fc.oneof(
  fc.uint8Array({ maxLength: 80 }),
  fc.nat({ max: 9_000 }).map(length => new Uint8Array(length).fill(7)),
)
const texts = fc.string({ unit: 'grapheme', maxLength: 20 })

/** A record with the prototype of an object literal. */
const plain = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(model, { noNullPrototype: true })

/** Any envelope that may be sent. */
const envelopes: fc.Arbitrary<ZapEnvelope> = fc.oneof(
  plain({
    kind: fc.constant('call' as const),
    id: ids,
    method: texts.filter(text => text !== ''),
    params: values,
    deadlineMs: ids,
    window: ids,
  }),
  plain({ kind: fc.constantFrom('result' as const, 'item' as const), id: ids, value: values }),
  plain({ kind: fc.constant('error' as const), id: ids, code: texts, message: texts }),
  plain({ kind: fc.constantFrom('end' as const, 'cancel' as const), id: ids }),
  plain({ kind: fc.constant('more' as const), id: ids, credit: ids }),
)

test('encodeEnvelope() writes the golden bytes of a call', () => {
  const params = bytes(1, 2, 3)
  const frame = encodeEnvelope({ kind: 'call', id: 7, method: 'add', params, deadlineMs: 500, window: 0 })
  assert.equal(
    Buffer.concat(frame)
      .toString('hex')
      .replace(/(.{8})(?=.)/g, '$1 '),
    // length 64; one segment of 7 words; root: struct of 2 words, 2 pointers
    '00000040 00000000 07000000 00000000 02000200 ' +
      // id 7, deadline 500; window 0, union tag 0
      '07000000 f4010000 00000000 00000000 ' +
      // list of 4 bytes at +1; list of 3 bytes at +1; "add\0"; 1 2 3
      '05000000 22000000 05000000 1a000000 61646400 00000000 01020300 00000000',
  )
})

test('encodeEnvelope() does not copy long values', () => {
  const value = new Uint8Array(5_001)
  const pieces = encodeEnvelope({ kind: 'result', id: 1, value })
  assert.deepEqual(
    pieces.map(piece => piece.length),
    [52, 5_001, 7],
  )
  assert.equal(pieces[1], value)
  const payload = payloadOf({ kind: 'result', id: 1, value })
  const read = decodeEnvelope(payload)
  assert.equal(read.kind === 'result' && read.value.buffer, payload.buffer, 'nor does decodeEnvelope()')
})

test('encodeEnvelope() refuses what does not fit a frame', () => {
  const value = new Uint8Array(MAX_ZAP_FRAME_BYTES - 48)
  assert.equal(encodeEnvelope({ kind: 'result', id: 1, value })[1], value)
  const longer = new Uint8Array(MAX_ZAP_FRAME_BYTES - 47)
  assert.throws(() => encodeEnvelope({ kind: 'result', id: 1, value: longer }), { code: 'too-large' })
})

test('encodeEnvelope() leaves nothing in the buffers that it is given', () => {
  const dirty = (byteCount: number) => new Uint8Array(byteCount).fill(0xff)
  fc.assert(
    fc.property(envelopes, envelope => {
      assert.deepEqual(encodeEnvelope(envelope, dirty), encodeEnvelope(envelope))
    }),
    { numRuns: FUZZ_RUNS },
  )
})

test('decodeEnvelope() reads what encodeEnvelope() writes', () => {
  fc.assert(
    fc.property(envelopes, envelope => {
      assert.deepEqual(decodeEnvelope(payloadOf(envelope)), envelope)
    }),
    { numRuns: FUZZ_RUNS },
  )
})

test('decodeEnvelope() gives an envelope or bad-message when bytes of one are changed', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat({ max: 7 }), fc.nat({ max: 255 }))), {
    minLength: 1,
    maxLength: 6,
  })
  fc.assert(
    fc.property(envelopes, changes, (envelope, places) => {
      const payload = payloadOf(envelope).slice(0, 600)
      for (const [place, value] of places) payload[place % Math.min(payload.length, 96)] = value
      try {
        const read = decodeEnvelope(payload)
        const size = 'value' in read ? read.value.length : 'params' in read ? read.params.length : 0
        assert.ok(size <= payload.length)
      } catch (error) {
        assert.ok(error instanceof MeshError, String(error))
        assert.equal(error.code, 'bad-message')
      }
    }),
    { numRuns: FUZZ_RUNS * 2 },
  )
})

/** What comes of a payload: an envelope, or the code of an error. */
function outcomeOf(payload: Uint8Array): unknown {
  try {
    return decodeEnvelope(payload)
  } catch (error) {
    assert.ok(error instanceof MeshError, String(error))
    return error.code
  }
}

/** The same message with a second, empty segment: not the usual form, so it is read by the way for all forms. */
function inTwoSegments(payload: Uint8Array): Uint8Array {
  const longer = new Uint8Array(payload.length + 8)
  longer.set([1], 0)
  longer.set(payload.subarray(4, 8), 4)
  longer.set(payload.subarray(8), 16)
  return longer
}

test('decodeEnvelope() reads the usual form as it would read any other, whatever is changed in it', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat({ max: 7 }), fc.nat({ max: 255 }))), {
    maxLength: 4,
  })
  fc.assert(
    fc.property(envelopes, changes, (envelope, places) => {
      const payload = payloadOf(envelope).slice(0, 600)
      // Neither the number of segments nor that of words: they are part of the form.
      for (const [place, value] of places) {
        payload[8 + (place % (Math.min(payload.length, 96) - 8))] = value
      }
      assert.deepEqual(outcomeOf(payload), outcomeOf(inTwoSegments(payload)))
    }),
    { numRuns: FUZZ_RUNS * 4 },
  )
})

test('decodeEnvelope() reads the same method, whichever was thought likely', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 70 }), fc.string({ maxLength: 70 }), (method, other) => {
      const call = { kind: 'call', id: 1, method, params: bytes(5), deadlineMs: 0, window: 0 } as const
      for (const likely of [method, other, `${method}x`, method.slice(1)]) {
        assert.deepEqual(decodeEnvelope(payloadOf(call), likely), call)
      }
    }),
    { numRuns: FUZZ_RUNS },
  )
})

test('decodeEnvelope() refuses texts without end, too long or not UTF-8, calls of nothing, and kinds to come', () => {
  const call = (method: string): ZapEnvelope => ({
    kind: 'call',
    id: 1,
    method,
    params: bytes(),
    deadlineMs: 0,
    window: 0,
  })
  const refuses = (change: (payload: Uint8Array) => void, why: RegExp, envelope = call('abc')) => {
    const payload = payloadOf(envelope)
    change(payload)
    assert.throws(() => decodeEnvelope(payload), { code: 'bad-message', message: why })
  }
  const nothing = () => {}
  refuses(nothing, /names no method/, call(''))
  refuses(nothing, /over 256 bytes/, call('a'.repeat(MAX_METHOD_BYTES + 1)))
  refuses(payload => payload.set([1], 51), /text does not end/)
  refuses(payload => payload.set([0xff], 48), /not UTF-8/)
  refuses(payload => payload.set([7], 28), /of a kind that we do not know/)
  // The root as a list of bytes; the method as a list of pairs of bytes.
  refuses(payload => payload.set([1, 0, 0, 0, 2, 0, 0, 0], 8), /a struct is none/)
  refuses(payload => payload.set([0x23], 36), /no list of bytes/)
})

test('decodeEnvelope() reads structs that are shorter, of an older schema or in canonical form', () => {
  // A struct of one word and one pointer: a call of "a" without params, deadline or window.
  const words = [0, 4, 0, 0x0001_0001, 9, 0, 1, 0x12, 0x61, 0]
  const payload = new Uint8Array(Uint32Array.from(words).buffer)
  assert.deepEqual(decodeEnvelope(payload), {
    kind: 'call',
    id: 9,
    method: 'a',
    params: bytes(),
    deadlineMs: 0,
    window: 0,
  })
})
