import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../model/errors.ts'
import { isInsidePath } from './manifest.ts'
import { PACKAGE_LIMITS, type PackageFile, readPackage, writePackage } from './package-archive.ts'

const text = (value: string) => new TextEncoder().encode(value)
const MANIFEST = { path: 'app.json', bytes: text('{"name":"notes","version":"1.0.0","entry":"app.js"}') }
const ENTRY = { path: 'app.js', bytes: text('//') }
const GOOD: PackageFile[] = [MANIFEST, ENTRY, { path: 'gui/index.html', bytes: text('<p>') }]

/** Frame files without any check, as an attacker would. */
function frame(files: readonly PackageFile[], count = files.length): Uint8Array {
  const parts: number[] = [...text('ZTMPKG1\n'), ...numberBytes(count, 4)]
  for (const { path, bytes } of files)
    parts.push(...numberBytes(text(path).length, 2), ...text(path), ...numberBytes(bytes.length, 4), ...bytes)
  return Uint8Array.from(parts)
}

function numberBytes(value: number, width: number): number[] {
  return Array.from({ length: width }, (_, at) => (value >>> (8 * (width - 1 - at))) & 255)
}

const fileOf = fc.record({
  // `prn` and its like are no names to Windows.
  path: fc.stringMatching(/^[a-z]{1,5}(?:\/[a-z0-9]{1,5}){0,3}$/).filter(isInsidePath),
  bytes: fc.uint8Array({ maxLength: 64 }),
})

test('a package is the same bytes in whatever order its files come', () => {
  const bytes = writePackage(GOOD)
  assert.deepEqual(writePackage([...GOOD].reverse()), bytes)
  assert.deepEqual(
    readPackage(bytes).files.map(({ path }) => path),
    ['app.js', 'app.json', 'gui/index.html'],
  )
  assert.equal(readPackage(bytes).manifest.name, 'notes')
})

test('what was written is read again, any files; and nothing else has those bytes', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fileOf, { selector: file => file.path.split('/')[0], maxLength: 8 }),
      files => {
        const all = [MANIFEST, ENTRY, ...files.filter(({ path }) => !/^app/.test(path))]
        const bytes = writePackage(all)
        const content = readPackage(bytes)
        assert.deepEqual(writePackage(content.files), bytes)
        assert.equal(content.files.length, all.length)
      },
    ),
  )
})

test('a path that leads out, or that a file system reads otherwise, is refused', () => {
  for (const path of [
    '../x',
    'a/../../x',
    '/etc/passwd',
    'C:\\x',
    'a\\..\\x',
    './x',
    'a//x',
    'a/',
    '',
    'nul',
    'x.',
    'a\0b',
    'x'.repeat(201),
  ]) {
    const files = [MANIFEST, ENTRY, { path, bytes: text('x') }].toSorted((a, b) => (a.path < b.path ? -1 : 1))
    assert.throws(() => readPackage(frame(files)), { code: 'bad-message' }, JSON.stringify(path))
    assert.throws(() => writePackage(files), { code: 'bad-message' }, JSON.stringify(path))
  }
})

test('two paths that one file system may take for one are refused', () => {
  for (const pair of [
    ['B.js', 'b.js'],
    ['x', 'x/y'],
    ['X', 'x/y'],
    ['D/a', 'd/b'],
    ['x', 'x'],
  ])
    assert.throws(
      () =>
        readPackage(
          frame(
            [...pair.map(path => ({ path, bytes: text('') })), ENTRY, MANIFEST].toSorted((a, b) =>
              a.path < b.path ? -1 : 1,
            ),
          ),
        ),
      { code: 'bad-message' },
      pair.join(' and '),
    )
})

test('huge announced sizes allocate nothing and are refused', () => {
  const good = frame([ENTRY, MANIFEST])
  const cases: [number, number[]][] = [
    [8, [255, 255, 255, 255]],
    [12, [255, 255]],
    [12 + 2 + 6, [255, 255, 255, 255]],
  ]
  for (const [at, bytes] of cases) {
    const forged = good.slice()
    forged.set(bytes, at)
    assert.throws(() => readPackage(forged), { code: 'bad-message' })
  }
})

test('wrong order, bytes left over, bytes missing at every place: refused', () => {
  assert.throws(() => readPackage(frame([MANIFEST, ENTRY])), { code: 'bad-message' })
  const good = writePackage(GOOD)
  assert.throws(() => readPackage(Uint8Array.from([...good, 0])), { code: 'bad-message' })
  for (let length = 0; length < good.length; length++)
    assert.throws(() => readPackage(good.subarray(0, length)), { code: 'bad-message' })
})

test('any bytes give a package or a MeshError', () => {
  const good = writePackage(GOOD)
  const mangled = fc
    .tuple(fc.nat(good.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }))
    .map(([at, bytes]) => {
      const forged = good.slice()
      forged.set(bytes.subarray(0, good.length - at), at)
      return forged
    })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mangled), bytes => {
      try {
        assert.deepEqual(writePackage(readPackage(bytes).files), bytes)
      } catch (error) {
        assert.ok(error instanceof MeshError, String(error))
      }
    }),
    { numRuns: 500 },
  )
})

test('a package without app.json, or whose app.json names what is not there, is none', () => {
  assert.throws(() => readPackage(writePackage([ENTRY])), { code: 'bad-input' })
  assert.throws(() => readPackage(writePackage([MANIFEST])), /"app.js"/)
})

test('too many files or bytes are refused', () => {
  const many = Array.from({ length: PACKAGE_LIMITS.files + 1 }, (_, at) => ({
    path: `f${at}`,
    bytes: text(''),
  }))
  assert.throws(() => writePackage(many), { code: 'too-large' })
  const huge = { path: 'huge', bytes: new Uint8Array(PACKAGE_LIMITS.contentBytes + 1) }
  assert.throws(() => writePackage([huge]), { code: 'too-large' })
  assert.throws(() => readPackage(new Uint8Array(PACKAGE_LIMITS.archiveBytes + 1)), { code: 'too-large' })
})
