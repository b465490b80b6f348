import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../model/errors.ts'
import { checkCapnpMessage, MAX_POINTER_DEPTH, MAX_SEGMENTS } from './capnp-message.ts'

/** How many random inputs: `ZTM_FUZZ_RUNS=1000000 node --test src/core/codec/capnp-message.test.ts`. */
const FUZZ_RUNS = Number(process.env.ZTM_FUZZ_RUNS ?? 2_000)

type Word = readonly [low: number, high: number]

const NULL: Word = [0, 0]
const struct = (offset: number, dataWords: number, pointers: number): Word => [
  offset << 2,
  (pointers << 16) | dataWords,
]
const list = (offset: number, elementSize: number, count: number): Word => [
  (offset << 2) | 1,
  (count << 3) | elementSize,
]
const far = (segment: number, word: number): Word => [(word << 3) | 2, segment]
const doubleFar = (segment: number, word: number): Word => [(word << 3) | 6, segment]
const BYTES = 2
const POINTERS = 6
const COMPOSITE = 7

/** A message of these segments, in stream framing. */
function message(...segments: readonly (readonly Word[])[]): Uint8Array {
  const table = [segments.length - 1, ...segments.map(words => words.length)]
  if (table.length % 2 === 1) table.push(0)
  const numbers = [...table, ...segments.flat(2)]
  const bytes = new Uint8Array(numbers.length * 4)
  const view = new DataView(bytes.buffer)
  for (const [index, number] of numbers.entries()) view.setUint32(index * 4, number >>> 0, true)
  return bytes
}

function refuses(bytes: Uint8Array, why: RegExp): void {
  assert.throws(() => checkCapnpMessage(bytes), { code: 'bad-message', message: why })
}

/** A chain of structs, `depth` pointers long. */
function chain(depth: number): Word[] {
  return Array.from({ length: depth }, (_, index) => (index < depth - 1 ? struct(0, 0, 1) : struct(-1, 0, 0)))
}

test('checkCapnpMessage() takes what is well made, and leaves a reader of it', () => {
  const bytes = message([struct(0, 1, 2), [7, 0], list(1, BYTES, 3), NULL, [0x00636261, 0]])
  const reader = checkCapnpMessage(bytes)
  reader.follow(0, 0)
  assert.deepEqual([reader.kind, reader.word, reader.dataWords, reader.pointerCount], ['struct', 1, 1, 2])
  reader.follow(0, 2)
  assert.deepEqual([reader.kind, reader.elementSize, reader.count], ['list', BYTES, 3])
  assert.equal(reader.offsetOf(reader.segment, reader.word), 8 + 4 * 8)
  reader.follow(0, 3)
  assert.equal(reader.kind, 'null')
})

test('checkCapnpMessage() takes empty, far, doubly far and composite things', () => {
  const good = [
    message([NULL]),
    message([struct(-1, 0, 0)]),
    message([struct(0, 0, 0)]),
    message([list(0, 0, 65_536)]),
    message([list(0, 1, 65), [0, 0], [1, 0]]),
    message([far(1, 0)], [struct(0, 1, 0), [1, 2]]),
    message([doubleFar(1, 0)], [far(2, 1), struct(0, 1, 0)], [NULL, [1, 2]]),
    message([doubleFar(1, 0)], [far(0, 0), list(0, POINTERS, 0)]),
    message([list(0, COMPOSITE, 4), struct(2, 1, 1), [1, 0], NULL, [2, 0], struct(-1, 0, 0)]),
    message([list(0, COMPOSITE, 0), struct(60_000, 0, 0)]),
    message(...Array.from({ length: MAX_SEGMENTS }, () => [NULL])),
    message([NULL], []),
    message(chain(MAX_POINTER_DEPTH)),
  ]
  for (const bytes of good) checkCapnpMessage(bytes)
})

test('checkCapnpMessage() refuses a segment table that does not fit the message', () => {
  refuses(new Uint8Array(0), /0 bytes are none/)
  refuses(new Uint8Array(8), /8 bytes are none/)
  refuses(new Uint8Array(20), /20 bytes are none/)
  refuses(message(...Array.from({ length: MAX_SEGMENTS + 1 }, () => [NULL])), /513 segments: at most 512/)
  const many = message([NULL])
  for (const count of [0xffffffff, 0xfffffffe, 0x7fffffff]) {
    new DataView(many.buffer).setUint32(0, count, true)
    refuses(many, /segments: at most/)
  }
  new DataView(many.buffer).setUint32(0, 4, true)
  refuses(many, /ends in its segment table/)
  const long = message([NULL, NULL])
  for (const words of [0, 1, 3, 0xffffffff]) {
    new DataView(long.buffer).setUint32(4, words, true)
    refuses(long, /its segments take \d+ bytes, it has 24/)
  }
  refuses(message([], [NULL]), /first segment is empty/)
})

test('checkCapnpMessage() refuses pointers that lead out of their segment', () => {
  const hostile = [
    message([struct(0, 1, 0)]),
    message([struct(0, 0xffff, 0xffff)]),
    message([struct(-2, 1, 0), NULL]),
    message([struct(0x1fffffff, 0, 1), NULL]),
    message([struct(-0x20000000, 0, 1), NULL]),
    message([list(0, BYTES, 9), NULL]),
    message([list(0, POINTERS, 0x1fffffff), NULL]),
    message([list(0, 1, 65), NULL]),
    message([list(-2, BYTES, 1), NULL]),
    message([list(0, COMPOSITE, 1), struct(1, 1, 0)]),
    message([list(0, COMPOSITE, 0x1fffffff), struct(1, 1, 0)]),
    message([list(0, COMPOSITE, 0)]),
    message([far(0, 1)]),
    message([far(0, 0x1fffffff)]),
    message([doubleFar(0, 1), NULL]),
    message([doubleFar(0, 1), far(0, 9), struct(0, 1, 0)]),
  ]
  for (const bytes of hostile) refuses(bytes, /leads out of its segment/)
  refuses(message([far(1, 0)]), /leads into segment 1, which is not there/)
  refuses(message([far(0xffffffff, 0)]), /segment 4294967295/)
  refuses(message([list(0, COMPOSITE, 1), struct(2, 1, 0), NULL]), /more elements than it has room for/)
  refuses(message([list(0, COMPOSITE, 1), list(0, BYTES, 0), NULL]), /tag of a list/)
  refuses(message([[3, 0]]), /capability/)
  refuses(message([[7, 1]]), /capability/)
})

test('checkCapnpMessage() refuses loops of pointers', () => {
  refuses(message([struct(-1, 0, 1)]), /over 64 pointers/)
  refuses(message([struct(0, 0, 1), struct(-2, 0, 1)]), /over 64 pointers/)
  refuses(message([list(-1, POINTERS, 1)]), /over 64 pointers/)
  refuses(message([list(-1, POINTERS, 2), struct(-2, 0, 1)]), /over 64 pointers/)
  refuses(message(chain(MAX_POINTER_DEPTH + 1)), /over 64 pointers/)
  // Far pointers to each other, to themselves, and landing pads that are none.
  refuses(message([far(1, 0)], [far(0, 0)]), /far pointer leads to another/)
  refuses(message([far(0, 0)]), /far pointer leads to another/)
  refuses(message([doubleFar(0, 0), NULL]), /landing pad of two words has no far pointer/)
  refuses(message([doubleFar(1, 0)], [far(1, 0), far(1, 0)]), /far pointer leads to another/)
  refuses(message([doubleFar(1, 0)], [doubleFar(1, 0), struct(0, 1, 0)]), /has no far pointer/)
})

test('checkCapnpMessage() refuses a small message that lists gigabytes', () => {
  // Things without a size: eight bytes that list half a milliard of them.
  refuses(message([list(0, 0, 0x1fffffff)]), /more is to be read than it has/)
  refuses(message([list(0, COMPOSITE, 0), struct(0x1fffffff, 0, 0)]), /more is to be read than it has/)
  // Ten lists, each of 64 pointers to the next: 64^10 things in 5 KiB.
  const fans = Array.from({ length: 10 }, () =>
    Array.from({ length: 64 }, (_, index) => list(63 - index, POINTERS, 64)),
  )
  refuses(
    message([list(0, POINTERS, 64), ...fans.flat(), ...(fans[0]?.map(() => NULL) ?? [])]),
    /more is to be read/,
  )
  // A thousand pointers to one text of 64 KiB.
  const shared = Array.from({ length: 1_000 }, (_, index) => list(999 - index, BYTES, 65_536))
  refuses(
    message([list(0, POINTERS, 1_000), ...shared, ...Array<Word>(8_192).fill(NULL)]),
    /more is to be read/,
  )
})

test('checkCapnpMessage() is quick with the worst there is', () => {
  // 16 MiB of pointers, all to one place.
  const words = 2_000_000
  const bytes = new Uint8Array((words + 2) * 8)
  const view = new DataView(bytes.buffer)
  view.setUint32(4, words + 1, true)
  view.setUint32(8, 1, true)
  view.setUint32(12, (words << 3) | POINTERS, true)
  for (let at = 16; at < bytes.length; at += 8) view.setInt32(at, -4, true)
  const before = process.cpuUsage()
  refuses(bytes, /more is to be read/)
  const { user, system } = process.cpuUsage(before)
  assert.ok(user + system < 2_000_000, `${user + system} µs`)
})

const words = fc.oneof(
  fc.constant(NULL),
  fc
    .tuple(fc.integer({ min: -4, max: 12 }), fc.nat({ max: 3 }), fc.nat({ max: 3 }))
    .map(([o, d, p]) => struct(o, d, p)),
  fc
    .tuple(fc.integer({ min: -4, max: 12 }), fc.nat({ max: 7 }), fc.nat({ max: 20 }))
    .map(([o, s, n]) => list(o, s, n)),
  fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 12 })).map(([s, w]) => far(s, w)),
  fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 12 })).map(([s, w]) => doubleFar(s, w)),
  fc.tuple(fc.integer(), fc.integer()).map(([low, high]): Word => [low, high]),
)

test('checkCapnpMessage() gives a reader or a MeshError, whatever the pointers', () => {
  const segments = fc.array(fc.array(words, { maxLength: 12 }), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(segments, parts => survives(message(...parts))),
    { numRuns: FUZZ_RUNS },
  )
})

test('checkCapnpMessage() gives a reader or a MeshError, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), noise => {
      survives(noise)
      // With a table that fits, so that the noise is looked at.
      const framed = new Uint8Array(8 + (noise.length & ~7))
      new DataView(framed.buffer).setUint32(4, noise.length >> 3, true)
      framed.set(noise.subarray(0, noise.length & ~7), 8)
      survives(framed)
    }),
    { numRuns: FUZZ_RUNS },
  )
})

function survives(bytes: Uint8Array): void {
  try {
    checkCapnpMessage(bytes)
  } catch (error) {
    assert.ok(error instanceof MeshError, String(error))
    assert.equal(error.code, 'bad-message')
  }
}
