import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../model/errors.ts'
import {
  createFileFrameDecoder,
  encodeFileHead,
  encodeWant,
  FILE_FRAMES,
  type FileFrame,
  type FileFrameKind,
  MAX_FILE_FRAME_BYTES,
  parseWant,
  rangesOf,
} from './file-frame.ts'

const frames = fc.array(
  fc.record({
    kind: fc.constantFrom(...(Object.keys(FILE_FRAMES) as FileFrameKind[])),
    payload: fc.uint8Array({ maxLength: 300 }),
  }),
  { maxLength: 8 },
)

const join = (parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap(part => [...part]))

test('a frame of files is its kind, its length and its payload', () => {
  // want, of 8 bytes
  assert.deepEqual([...encodeFileHead('want', 8)], [0x02, 0x00, 0x00, 0x00, 0x08])
  assert.deepEqual([...encodeFileHead('chunk', 0x100004)], [0x13, 0x00, 0x10, 0x00, 0x04])
  assert.throws(() => encodeFileHead('chunk', MAX_FILE_FRAME_BYTES + 1), { code: 'too-large' })
})

test('frames of files come out as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sent, cuts) => {
      const bytes = join(sent.flatMap(({ kind, payload }) => [encodeFileHead(kind, payload.length), payload]))
      const decoder = createFileFrameDecoder()
      const got: FileFrame[] = []
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const length = cuts[turn % cuts.length] ?? 1
        got.push(...decoder.push(bytes.subarray(at, at + length)))
        at += length
      }
      assert.deepEqual(
        got.map(({ kind, payload }) => [kind, [...payload]]),
        sent.map(({ kind, payload }) => [kind, [...payload]]),
      )
    }),
  )
})

test('any bytes are frames of files or bad-message, and after that nothing more', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
      const decoder = createFileFrameDecoder(100)
      try {
        decoder.push(bytes)
      } catch (error) {
        assert.ok(error instanceof MeshError && error.code === 'bad-message')
        assert.throws(() => decoder.push(Uint8Array.of()), { code: 'bad-message' })
      }
    }),
  )
  assert.throws(() => createFileFrameDecoder(100).push(encodeFileHead('ask', 101)), { code: 'bad-message' })
})

test('what is wanted is a content and ranges of chunks', () => {
  const content = new Uint8Array(32).fill(7)
  const ranges = rangesOf([3, 4, 5, 1, 2, 9])
  assert.deepEqual(ranges, [
    { first: 3, count: 3 },
    { first: 1, count: 2 },
    { first: 9, count: 1 },
  ])
  assert.deepEqual(parseWant(encodeWant(content, ranges)), { content, ranges })
  for (const length of [0, 32, 39, 41])
    assert.throws(() => parseWant(new Uint8Array(length)), { code: 'bad-message' })
})
