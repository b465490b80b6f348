import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../model/errors.ts'
import {
  createZapFrameDecoder,
  encodeZapFrame,
  MAX_ZAP_FRAME_BYTES,
  writeZapHeader,
  ZAP_HEADER_BYTES,
} from './zap-frame.ts'

/** How many random inputs: `ZTM_FUZZ_RUNS=1000000 node --test src/core/codec/zap-frame.test.ts`. */
const FUZZ_RUNS = Number(process.env.ZTM_FUZZ_RUNS ?? 2_000)

const bytes = (...values: number[]) => Uint8Array.from(values)
const copies = (list: readonly Uint8Array[]) => list.map(one => new Uint8Array(one))

// One byte; none; three bytes.
const GOLDEN = bytes(0, 0, 0, 1, 0x61, /**/ 0, 0, 0, 0, /**/ 0, 0, 0, 3, 0x62, 0x63, 0x64)
const GOLDEN_PAYLOADS = [bytes(0x61), bytes(), bytes(0x62, 0x63, 0x64)]

function header(length: number): Uint8Array {
  const written = new Uint8Array(ZAP_HEADER_BYTES)
  new DataView(written.buffer).setUint32(0, length)
  return written
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** Cut `input` at the given places, in any order, and push the pieces. */
function pushCut(input: Uint8Array, cuts: readonly number[], decoder = createZapFrameDecoder()) {
  const places = [...cuts.map(cut => cut % (input.length + 1)), input.length].sort((a, b) => a - b)
  let from = 0
  return places.flatMap(to => {
    const found = decoder.push(input.slice(from, to))
    from = to
    return copies(found)
  })
}

test('encodeZapFrame() writes the golden bytes', () => {
  assert.deepEqual(concat(GOLDEN_PAYLOADS.map(encodeZapFrame)), GOLDEN)
  assert.deepEqual(encodeZapFrame(new Uint8Array(0x010203)).subarray(0, 4), bytes(0, 1, 2, 3))
})

test('encodeZapFrame() takes 16 MiB and refuses one byte more', () => {
  assert.deepEqual(encodeZapFrame(new Uint8Array(MAX_ZAP_FRAME_BYTES)).subarray(0, 4), bytes(1, 0, 0, 0))
  assert.throws(() => encodeZapFrame(new Uint8Array(MAX_ZAP_FRAME_BYTES + 1)), { code: 'too-large' })
  assert.throws(() => writeZapHeader(new Uint8Array(4), 0, MAX_ZAP_FRAME_BYTES + 1), { code: 'too-large' })
})

test('push() finds many frames in one chunk, empty ones too', () => {
  const decoder = createZapFrameDecoder()
  assert.deepEqual(copies(decoder.push(GOLDEN)), GOLDEN_PAYLOADS)
  decoder.end()
})

test('push() finds the same frames when the stream is split at every byte', () => {
  assert.deepEqual(pushCut(GOLDEN, [...GOLDEN.keys()]), GOLDEN_PAYLOADS)
  for (let cut = 0; cut <= GOLDEN.length; cut++) assert.deepEqual(pushCut(GOLDEN, [cut]), GOLDEN_PAYLOADS)
})

test('push() gives views of the chunk, and copies only what came in pieces', () => {
  const chunk = concat([encodeZapFrame(bytes(1, 2)), encodeZapFrame(bytes(3, 4, 5)).subarray(0, 5)])
  const decoder = createZapFrameDecoder()
  const [whole] = decoder.push(chunk)
  assert.equal(whole?.buffer, chunk.buffer)
  const rest = bytes(4, 5)
  const [pieced] = decoder.push(rest)
  rest.fill(0)
  chunk.fill(0)
  assert.deepEqual(pieced, bytes(3, 4, 5))
})

test('takeWhole() takes a chunk that is one frame, as push() would, and of any other nothing', () => {
  const chunks = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map(encodeZapFrame),
    fc.array(fc.nat({ max: 6 }), { maxLength: 12 }).map(values => Uint8Array.from(values)),
  )
  fc.assert(
    fc.property(fc.array(chunks, { maxLength: 6 }), input => {
      const whole = createZapFrameDecoder(30)
      const plain = createZapFrameDecoder(30)
      for (const chunk of input) {
        const pendingByteCount = whole.pendingByteCount
        const taken = whole.takeWhole(chunk)
        assert.equal(whole.pendingByteCount, pendingByteCount)
        const pushed = outcomeOf(() => copies(plain.push(chunk)))
        if (taken === undefined)
          assert.deepEqual(
            outcomeOf(() => copies(whole.push(chunk))),
            pushed,
          )
        else assert.deepEqual([taken], pushed)
      }
    }),
    { numRuns: FUZZ_RUNS },
  )
  const buffer = Buffer.from([0, 0, 0, 1, 9])
  const taken = createZapFrameDecoder().takeWhole(buffer)
  assert.deepEqual(taken, bytes(9), 'a plain view, also of a Buffer')
  assert.equal(taken?.buffer, buffer.buffer)
})

/** What a call gives, or the code of what it throws. */
function outcomeOf(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    assert.ok(error instanceof MeshError, String(error))
    return error.code
  }
}

test('push() takes a frame of 16 MiB and refuses one more before it holds anything', () => {
  const payload = new Uint8Array(MAX_ZAP_FRAME_BYTES).fill(7)
  const decoder = createZapFrameDecoder()
  const found = [header(payload.length), payload.subarray(0, 70_000), payload.subarray(70_000)].flatMap(
    chunk => decoder.push(chunk),
  )
  assert.equal(found.length, 1)
  assert.ok(Buffer.compare(found[0] ?? bytes(), payload) === 0)

  for (const length of [MAX_ZAP_FRAME_BYTES + 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
    const other = createZapFrameDecoder()
    assert.throws(() => other.push(header(length)), { code: 'too-large' })
    assert.equal(other.heldByteCount, 0)
    assert.throws(() => other.push(bytes(0, 0, 0, 0)), { code: 'too-large' }, 'and is no use any more')
  }
})

test('push() holds memory for what came, not for what was announced', () => {
  const decoder = createZapFrameDecoder()
  decoder.push(header(MAX_ZAP_FRAME_BYTES))
  assert.equal(decoder.heldByteCount, 0)
  decoder.push(bytes(1))
  assert.equal(decoder.heldByteCount, 4_096)
  decoder.push(new Uint8Array(65_536))
  assert.ok(decoder.heldByteCount <= 32 * 65_537, `${decoder.heldByteCount}`)
})

test('end() says where a stream ended inside a header or a payload', () => {
  const inHeader = createZapFrameDecoder()
  inHeader.push(bytes(0, 0))
  assert.throws(() => inHeader.end(), { code: 'link-closed', message: /after 2 of 4 bytes of its header/ })

  const inBody = createZapFrameDecoder()
  inBody.push(bytes(0, 0, 0, 9, 1, 2))
  assert.throws(() => inBody.end(), { code: 'link-closed', message: /after 2 of its 9 bytes/ })

  const between = createZapFrameDecoder()
  between.push(GOLDEN)
  between.end()
})

test('push() does not slow down with a frame that comes byte by byte', () => {
  // A hostile peer's: 300,000 chunks of one byte. Copying the frame anew for each would move 45 GB.
  const decoder = createZapFrameDecoder()
  decoder.push(header(300_000))
  const byte = bytes(1)
  const before = process.cpuUsage()
  for (let i = 1; i < 300_000; i++) decoder.push(byte)
  assert.equal(decoder.push(byte)[0]?.length, 300_000)
  const { user, system } = process.cpuUsage(before)
  assert.ok(user + system < 2_000_000, `${user + system} µs`)
})

test('push() gives the same frames for any payloads and any chunking', () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 })
  fc.assert(
    fc.property(payloads, fc.array(fc.nat(), { maxLength: 12 }), (sent, cuts) => {
      assert.deepEqual(pushCut(concat(sent.map(encodeZapFrame)), cuts), sent)
    }),
    { numRuns: FUZZ_RUNS },
  )
})

test('push() gives frames within the limit or a MeshError, whatever the bytes', () => {
  const input = fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 8 }), fc.nat({ max: 255 })), {
    maxLength: 120,
  })
  fc.assert(
    fc.property(input, fc.array(fc.nat(), { maxLength: 6 }), fc.nat({ max: 600 }), (values, cuts, limit) => {
      const decoder = createZapFrameDecoder(limit)
      try {
        for (const frame of pushCut(Uint8Array.from(values), cuts, decoder)) assert.ok(frame.length <= limit)
        assert.ok(decoder.heldByteCount <= limit)
        decoder.end()
      } catch (error) {
        assert.ok(error instanceof MeshError, String(error))
        assert.match(error.code, /^(too-large|link-closed)$/)
      }
    }),
    { numRuns: FUZZ_RUNS },
  )
})
