import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  createTerminalFrameDecoder,
  encodeTerminalHead,
  MAX_TERMINAL_FRAME_BYTES,
  TERMINAL_FRAMES,
  type TerminalFrameKind,
} from './terminal-frame.ts'

const kinds = Object.keys(TERMINAL_FRAMES) as TerminalFrameKind[]
const frame = fc.record(
  { kind: fc.constantFrom(...kinds), payload: fc.uint8Array({ maxLength: 30 }) },
  { noNullPrototype: true },
)

test('frames of terminals come back as they were written, at any split', () => {
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 6 }),
      fc.array(fc.nat(200), { maxLength: 6 }),
      (frames, cuts) => {
        const bytes = Buffer.concat(
          frames.flatMap(({ kind, payload }) => [encodeTerminalHead(kind, payload.length), payload]),
        )
        const decoder = createTerminalFrameDecoder()
        const places = [
          0,
          ...cuts.map(cut => Math.min(cut, bytes.length)).sort((a, b) => a - b),
          bytes.length,
        ]
        const found = places.slice(1).flatMap((end, i) => decoder.push(bytes.subarray(places[i], end)))
        assert.deepEqual(
          found.map(({ kind, payload }) => ({ kind, payload: Uint8Array.from(payload) })),
          frames,
        )
      },
    ),
  )
})

test('frames that are none break the stream for good', () => {
  const long = encodeTerminalHead('output', MAX_TERMINAL_FRAME_BYTES)
  assert.deepEqual(createTerminalFrameDecoder().push(long), [])
  assert.throws(() => encodeTerminalHead('output', MAX_TERMINAL_FRAME_BYTES + 1), { code: 'too-large' })
  for (const bytes of [Uint8Array.of(0, 0, 0, 0), Uint8Array.of(1, 1, 0, 1), Uint8Array.of(0xff, 0, 0, 0)]) {
    const decoder = createTerminalFrameDecoder()
    assert.throws(() => decoder.push(bytes), { code: 'bad-message' })
    assert.throws(() => decoder.push(encodeTerminalHead('input', 0)), { code: 'bad-message' })
  }
})
