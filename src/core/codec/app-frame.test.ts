import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../model/errors.ts'
import { createAppFrameDecoder, encodeAppData, encodeAppMessage, MAX_APP_MESSAGE_BYTES } from './app-frame.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('frames have the bytes that the protocol says', () => {
  // kind 01, length 2, text
  assert.equal(hex(encodeAppMessage('{}')), '01000002' + '7b7d')
  // kind 02, length 4 + 2, number of the stream, bytes
  assert.equal(hex(encodeAppData(7, Uint8Array.of(0xca, 0xfe))), '02000006' + '00000007' + 'cafe')
})

const anyFrame = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 300 }).map(text => ({ kind: 'message' as const, text })),
  fc
    .tuple(fc.nat(0xffff_ffff), fc.uint8Array({ maxLength: 300 }))
    .map(([stream, bytes]) => ({ kind: 'data' as const, stream, bytes })),
)

test('any frames cut in any way are the same frames', () => {
  fc.assert(
    fc.property(
      fc.array(anyFrame),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
      (frames, cuts) => {
        const whole = Buffer.concat(
          frames.map(one =>
            one.kind === 'message' ? encodeAppMessage(one.text) : encodeAppData(one.stream, one.bytes),
          ),
        )
        const decoder = createAppFrameDecoder()
        const read = []
        for (let at = 0, turn = 0; at < whole.length; turn++) {
          const count = cuts[turn % cuts.length] ?? 1
          for (const frame of decoder.push(whole.subarray(at, at + count)))
            read.push(frame.kind === 'data' ? { ...frame, bytes: Uint8Array.from(frame.bytes) } : frame)
          at += count
        }
        assert.deepEqual(read, frames)
      },
    ),
  )
})

test('random bytes are frames or a MeshError, and an error stays one', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      const decoder = createAppFrameDecoder()
      try {
        decoder.push(bytes)
      } catch (error) {
        assert.ok(error instanceof MeshError && error.code === 'bad-message')
        assert.throws(() => decoder.push(encodeAppMessage('{}')), { code: 'bad-message' })
      }
    }),
  )
})

test('a frame that is too long is refused by its head, before it is kept', () => {
  assert.throws(() => createAppFrameDecoder().push(Uint8Array.of(1, 0xff, 0xff, 0xff)), {
    code: 'bad-message',
  })
  assert.throws(() => createAppFrameDecoder().push(Uint8Array.of(2, 0x01, 0x00, 0x05)), {
    code: 'bad-message',
  })
  assert.throws(() => createAppFrameDecoder().push(Uint8Array.of(2, 0, 0, 3)), { code: 'bad-message' })
  assert.throws(() => encodeAppMessage('x'.repeat(MAX_APP_MESSAGE_BYTES + 1)), { code: 'too-large' })
})
