import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../model/errors.ts'
import { isZeroChunk, layOutChunks, ZERO_CHUNK_HASH } from './chunk-layout.ts'
import { parseDiskPath } from './disk-path.ts'
import { CHUNK_BYTES, encodeManifest, type FileEntry, type ManifestEntry, parseManifest } from './manifest.ts'

const at = parseDiskPath
const root: ManifestEntry = { kind: 'folder', path: at(''), mode: 0o755, modifiedAtUs: 0 }

function file(path: string, sizeBytes: number, fill = 1): FileEntry {
  const hashes = new Uint8Array(Math.ceil(sizeBytes / CHUNK_BYTES) * 32).fill(fill)
  return { kind: 'file', path: at(path), mode: 0o644, modifiedAtUs: 1_700_000_000_000_001, sizeBytes, hashes }
}

test('a manifest is these bytes', () => {
  const bytes = encodeManifest({
    entries: [root, file('a', 1, 0xaa), { kind: 'link', path: at('b'), modifiedAtUs: 1, target: 'a' }],
  })
  const text = [
    '5a544d46 01 00000003',
    // the tree itself, 0755
    '02 0000 01ed 0000000000000000',
    // a, 0644, µs, one byte, one hash
    '01 0001 61 01a4 00060a24181e4001 0000000000000001',
    'aa'.repeat(32),
    // b -> a
    '03 0001 62 0000 0000000000000001 0001 61',
  ]
  assert.equal(Buffer.from(bytes).toString('hex'), text.join('').replaceAll(' ', ''))
  assert.equal(parseManifest(bytes).entries.length, 3)
})

test('a manifest comes back as it was', () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).filter(text => {
    try {
      return at(text) !== ''
    } catch {
      return false
    }
  })
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 12 }), fc.nat(3 * CHUNK_BYTES), (names, size) => {
      const sorted = [...new Set(names.filter(text => !text.includes('/')))].sort((a, b) => (a < b ? -1 : 1))
      const entries = [root, ...sorted.map(text => file(text, size))]
      assert.deepEqual(parseManifest(encodeManifest({ entries })).entries, entries)
    }),
  )
})

const link = (path: string, target: string): ManifestEntry => ({
  kind: 'link',
  path: at(path),
  modifiedAtUs: 0,
  target,
})

test('a manifest that leads out, repeats itself or has no folder for something is refused', () => {
  const raw = (path: string, entry: ManifestEntry = file('x', 0)) =>
    ({ ...entry, path }) as never as ManifestEntry
  const bad: ManifestEntry[][] = [
    [],
    [file('a', 1)],
    [link('', 'a')],
    [root, raw('../a')],
    [root, raw('/a')],
    [root, raw('a/../b')],
    [root, raw('')],
    [root, raw('a\0b')],
    [root, file('a', 0), file('a', 0)],
    [root, file('b', 0), file('a', 0)],
    [root, file('a', 0), file('a/b', 0)],
    [root, file('a/b', 0)],
    [root, link('a', '/etc/passwd')],
    [root, link('a', '../x')],
    [root, link('a', 'x/../../y')],
    [root, link('a', 'b'), file('a/b', 0)],
    [{ ...root, mode: 0o4755 } as ManifestEntry],
    [{ ...file('', 1), hashes: new Uint8Array(0) }],
    [{ ...file('', CHUNK_BYTES + 1), hashes: new Uint8Array(32) }],
  ]
  for (const entries of bad)
    assert.throws(() => encodeManifest({ entries }), { code: 'bad-message' }, JSON.stringify(entries))
})

test('any bytes are a manifest or bad-message, and no length that is announced is believed', () => {
  const good = encodeManifest({ entries: [root, file('a', CHUNK_BYTES + 5), link('z', 'a'), file('ü', 0)] })
  const read = (bytes: Uint8Array) => {
    try {
      parseManifest(bytes)
    } catch (error) {
      assert.ok(error instanceof MeshError && error.code === 'bad-message', String(error))
    }
  }
  for (let length = 0; length < good.length; length += 1)
    assert.throws(() => parseManifest(good.subarray(0, length)), { code: 'bad-message' })
  assert.throws(() => parseManifest(Uint8Array.from([...good, 0])), { code: 'bad-message' })
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (place, value) => {
      const changed = good.slice()
      changed[place] = value
      read(changed)
    }),
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), bytes => read(bytes)))
})

test('chunks are numbered through all files, and a whole one of zeros is known', () => {
  assert.deepEqual(
    createHash('sha256').update(new Uint8Array(CHUNK_BYTES)).digest(),
    Buffer.from(ZERO_CHUNK_HASH),
  )
  const zeros = { ...file('c', CHUNK_BYTES), hashes: ZERO_CHUNK_HASH }
  const layout = layOutChunks({
    entries: [root, file('a', 2 * CHUNK_BYTES + 7), file('b', 0), zeros, file('d', 3)],
  })
  assert.deepEqual([layout.chunkCount, layout.fileCount, layout.totalBytes], [5, 4, 3 * CHUNK_BYTES + 10])
  assert.deepEqual(
    [0, 1, 2, 3, 4].map(chunk => {
      const place = layout.place(chunk)
      return [place.entry.path, place.offset, place.length, isZeroChunk(place)]
    }),
    [
      ['a', 0, CHUNK_BYTES, false],
      ['a', CHUNK_BYTES, CHUNK_BYTES, false],
      ['a', 2 * CHUNK_BYTES, 7, false],
      ['c', 0, CHUNK_BYTES, true],
      ['d', 0, 3, false],
    ],
  )
})
