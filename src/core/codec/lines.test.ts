import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../model/errors.ts'
import { createLineSplitter, type LineSplitter } from './lines.ts'

const utf8 = new TextEncoder()

/** Cut `bytes` at the given places, in any order, and push the pieces. */
function pushCut(splitter: LineSplitter, bytes: Uint8Array, cuts: readonly number[]): string[] {
  const places = [...cuts.map(cut => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  let from = 0
  return places.flatMap(to => {
    const lines = splitter.push(bytes.slice(from, to))
    from = to
    return lines
  })
}

test('push() gives the lines of a chunk when their newlines came', () => {
  const splitter = createLineSplitter(100)
  assert.deepEqual(splitter.push(utf8.encode('{"a":1}\n{"b":"ü"}\n{"c"')), ['{"a":1}', '{"b":"ü"}'])
  assert.equal(splitter.pendingByteCount, 4)
  assert.deepEqual(splitter.push(utf8.encode(':3}\n')), ['{"c":3}'])
  assert.equal(splitter.pendingByteCount, 0)
})

test('push() leaves out empty lines', () => {
  assert.deepEqual(createLineSplitter(10).push(utf8.encode('\n\na\n\n')), ['a'])
})

test('push() does not keep the chunk', () => {
  const splitter = createLineSplitter(10)
  const chunk = utf8.encode('abc')
  splitter.push(chunk)
  chunk.fill(0)
  assert.deepEqual(splitter.push(utf8.encode('\n')), ['abc'])
})

test('push() joins a character that was cut in two', () => {
  const splitter = createLineSplitter(10)
  const bytes = utf8.encode('"€"\n')
  assert.deepEqual(splitter.push(bytes.slice(0, 2)), [])
  assert.deepEqual(splitter.push(bytes.slice(2)), ['"€"'])
})

test('push() takes a line of exactly the limit and refuses one byte more', () => {
  assert.deepEqual(createLineSplitter(3).push(utf8.encode('abc\n')), ['abc'])
  for (const pieces of [['abcd\n'], ['abcd'], ['ab', 'cd'], ['abc', 'd\n'], ['x\nabcd']]) {
    const splitter = createLineSplitter(3)
    assert.throws(
      () => {
        for (const piece of pieces) splitter.push(utf8.encode(piece))
      },
      { code: 'too-large' },
      JSON.stringify(pieces),
    )
    assert.equal(splitter.pendingByteCount, 0, 'nothing is kept of a stream that is no use')
  }
})

test('push() counts bytes, not characters', () => {
  assert.throws(() => createLineSplitter(4).push(utf8.encode('€€\n')), { code: 'too-large' })
})

test('push() refuses bytes that are not UTF-8', () => {
  assert.throws(() => createLineSplitter(9).push(Uint8Array.of(0x22, 0xff, 0x22, 0x0a)), {
    code: 'bad-message',
  })
  assert.throws(() => createLineSplitter(9).push(Uint8Array.of(0xe2, 0x82, 0x0a)), { code: 'bad-message' })
})

test('push() throws again after it threw', () => {
  const splitter = createLineSplitter(2)
  assert.throws(() => splitter.push(utf8.encode('abc')), { code: 'too-large' })
  assert.throws(() => splitter.push(utf8.encode('a\n')), { code: 'bad-message' })
})

test('push() gives the same lines for any chunking', () => {
  const documents = fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 12 })
  fc.assert(
    fc.property(documents, fc.array(fc.nat(), { maxLength: 12 }), (values, cuts) => {
      const lines = values.map(value => JSON.stringify(value))
      const bytes = utf8.encode(lines.map(line => `${line}\n`).join(''))
      assert.deepEqual(pushCut(createLineSplitter(100_000), bytes, cuts), lines)
    }),
  )
})

test('push() gives lines within the limit or a MeshError, whatever the bytes', () => {
  const bytes = fc.array(fc.oneof(fc.constant(0x0a), fc.constant(0x61), fc.nat({ max: 255 })), {
    maxLength: 120,
  })
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(), { maxLength: 6 }), fc.nat({ max: 20 }), (input, cuts, limit) => {
      const splitter = createLineSplitter(limit)
      try {
        const lines = pushCut(splitter, Uint8Array.from(input), cuts)
        for (const line of lines) assert.ok(line.length > 0 && line.length <= limit)
        assert.ok(splitter.pendingByteCount <= limit)
      } catch (error) {
        assert.ok(error instanceof MeshError, String(error))
        assert.match(error.code, /^(too-large|bad-message)$/)
      }
    }),
  )
})

test('push() does not slow down with a line that comes byte by byte', () => {
  // A hostile peer's: 200,000 chunks of one byte. Copying the line anew for each would move 20 GB.
  const splitter = createLineSplitter(1_000_000)
  const byte = utf8.encode('a')
  const before = process.cpuUsage()
  for (let i = 0; i < 200_000; i++) splitter.push(byte)
  assert.deepEqual(
    splitter.push(utf8.encode('\n')).map(line => line.length),
    [200_000],
  )
  const { user, system } = process.cpuUsage(before)
  assert.ok(user + system < 2_000_000, `${user + system} µs`)
})
