import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withSeed } from '../../testing/seeded-random.ts'
import { createTreeFrameDecoder, encodeTreeHead, type TreeFrame, type TreeFrameKind } from './tree-frame.ts'

function encode(frame: TreeFrame): Buffer {
  return Buffer.concat([encodeTreeHead(frame), frame.head, frame.body])
}

test('a frame is 11 bytes, its JSON and its bytes', () => {
  const frame = {
    kind: 'answer',
    number: 0x01020304,
    head: Buffer.from('{}'),
    body: Buffer.from('abc'),
  } as const
  assert.equal(encode(frame).toString('hex'), `02${'01020304'}${'000002'}${'000003'}7b7d616263`)
})

test('createTreeFrameDecoder() finds the frames that were sent, however the stream is cut', () =>
  withSeed(random => {
    for (let round = 0; round < 30; round++) {
      const kinds: TreeFrameKind[] = ['ask', 'answer', 'refusal']
      const sent = Array.from({ length: 5 }, (_, number) => ({
        kind: kinds[number % 3] as TreeFrameKind,
        number,
        head: Buffer.alloc(Math.floor(random() * 20), 'h'),
        body: Buffer.alloc(Math.floor(random() ** 4 * 80_000), number),
      }))
      const bytes = Buffer.concat(sent.map(encode))
      const decoder = createTreeFrameDecoder()
      const found: TreeFrame[] = []
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + Math.floor(random() ** 3 * 30_000)
        found.push(...decoder.push(bytes.subarray(at, at + size)))
        at += size
      }
      assert.deepEqual(
        found.map(({ head, body, ...rest }) => ({
          ...rest,
          head: Buffer.from(head),
          body: Buffer.from(body),
        })),
        sent,
      )
    }
  }))

test('createTreeFrameDecoder() refuses what is no frame, for ever', () => {
  for (const bad of ['00', '04', 'ff']) {
    const decoder = createTreeFrameDecoder()
    assert.throws(() => decoder.push(Buffer.from(`${bad}00000001000000000000`, 'hex')), {
      code: 'bad-message',
    })
    assert.throws(() => decoder.push(Buffer.alloc(0)), { code: 'bad-message' })
  }
  for (const lengths of ['100001000000', '000000100001']) {
    const decoder = createTreeFrameDecoder()
    assert.throws(() => decoder.push(Buffer.from(`0100000001${lengths}`, 'hex')), { code: 'bad-message' })
  }
  const tooLong = { kind: 'ask', number: 1, head: Buffer.alloc(1_048_577), body: Buffer.alloc(0) } as const
  assert.throws(() => encodeTreeHead(tooLong), { code: 'too-large' })
})
