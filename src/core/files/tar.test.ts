import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { lstatSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import { layOutTar, type TarEntry, type TarLayout } from './tar.ts'

const MODIFIED = 1_700_000_000_000
const folder = (path: string): TarEntry => ({ kind: 'folder', path, mode: 0o755, modifiedAtMs: MODIFIED })
const file = (path: string, sizeBytes = 3): TarEntry => ({
  kind: 'file',
  path,
  sizeBytes,
  mode: 0o640,
  modifiedAtMs: MODIFIED,
})
const link = (path: string, target: string): TarEntry => ({
  kind: 'link',
  path,
  target,
  modifiedAtMs: MODIFIED,
})

/** Each file is of one letter, by its index. */
function readOut(layout: TarLayout, start = 0, end = layout.sizeBytes): Buffer {
  const parts: Uint8Array[] = []
  for (const part of layout.parts(start, end))
    parts.push(part.kind === 'bytes' ? part.bytes : Buffer.alloc(part.end - part.start, letterOf(part.index)))
  return Buffer.concat(parts)
}
const letterOf = (index: number) => String.fromCharCode(97 + (index % 26))

const LONG = `${'very long '.repeat(20)}name`
const TREE: readonly TarEntry[] = [
  folder(''),
  folder('deep'),
  file('deep/ünïcode 文件 \n.txt', 5),
  folder(`deep/${LONG}`),
  file(`deep/${LONG}/x`, 1_024),
  file('empty', 0),
  link('here', 'deep/ünïcode 文件 \n.txt'),
  file('last', 700),
]

test('layOutTar() makes what tar unpacks: names of any script and length, empty files, links, modes and times', () => {
  using scratch = makeScratchFolder()
  const layout = layOutTar('photos', TREE)
  const bytes = readOut(layout)
  assert.equal(bytes.length, layout.sizeBytes)
  writeFileSync(scratch.file('a.tar'), bytes)
  execFileSync('tar', ['--no-same-owner', '-xpf', scratch.file('a.tar'), '-C', scratch.path])
  for (const [index, entry] of TREE.entries()) {
    const path = scratch.file(`photos/${entry.path}`)
    if (entry.kind === 'link') assert.equal(readlinkSync(path), entry.target)
    else assert.equal(lstatSync(path).mode & 0o777, entry.mode)
    if (entry.kind !== 'file') continue
    assert.equal(readFileSync(path, 'utf8'), letterOf(index).repeat(entry.sizeBytes))
    assert.equal(lstatSync(path).mtimeMs, MODIFIED)
  }
})

test('parts() gives of any range just what is there', () => {
  const layout = layOutTar('photos', TREE)
  const whole = readOut(layout)
  for (const start of [0, 1, 511, 512, 1_500, 4_096, whole.length - 1_025, whole.length - 1])
    for (const length of [0, 1, 512, 513, 3_000, whole.length]) {
      const end = Math.min(whole.length, start + length)
      assert.ok(readOut(layout, start, end).equals(whole.subarray(start, end)), `${start}-${end}`)
    }
})

test('a file over 8 GiB has its size in the newer form', () => {
  const size = 9 * 1_024 ** 3
  const layout = layOutTar('big', [folder(''), file('disk.img', size)])
  const [, head] = layout.parts(0, 4_096)
  assert.match(Buffer.from((head as { bytes: Uint8Array }).bytes).toString('latin1'), /\d+ size=9663676416\n/)
  assert.equal(layout.sizeBytes, 512 + 3 * 512 + size + 1_024)
  assert.deepEqual(
    [...layout.parts(size, size + 10)],
    [{ kind: 'file', index: 1, start: size - 2_048, end: size - 2_038 }],
  )
})

test('nothing gets in that would be unpacked elsewhere', () => {
  const bad = (entries: TarEntry[], code: string, top = 'top') =>
    assert.throws(() => layOutTar(top, [folder(''), ...entries]), { code }, JSON.stringify(entries))
  for (const path of ['/etc/passwd', '../up', 'a/../../up', 'a//b', './a', 'a\0b'])
    bad([file(path)], 'bad-name')
  for (const top of ['', '.', '..', 'a/b', '/']) bad([], 'bad-name', top)
  for (const target of ['/etc', '..', 'deep/../..']) bad([link('out', target)], 'denied')
  // By a link that was there before, or a file, or twice.
  bad([link('a', 'b'), file('a/x')], 'bad-input')
  bad([file('a'), file('a/x')], 'bad-input')
  bad([file('a'), file('a')], 'bad-input')
  bad([file('deep/x')], 'bad-input')
  assert.throws(() => layOutTar('top', [file('')]), { code: 'bad-input' })
})
