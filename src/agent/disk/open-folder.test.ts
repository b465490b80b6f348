import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { readlink, rename, rm, symlink } from 'node:fs/promises'
import { test } from 'node:test'
import { createPageMemory } from '../../core/files/page-memory.ts'
import type { DiskFile, Folder } from '../../core/model/disk.ts'
import type { MeshError } from '../../core/model/errors.ts'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import { mountSmallDisk } from '../../testing/small-disk.ts'
import { until } from '../../testing/until.ts'
import { findByDescriptor, findByLooking, type SpotFinder } from './disk-spot.ts'
import { createDisk } from './open-folder.ts'

const WAYS: [string, SpotFinder][] = [['by looking at names', findByLooking]]
if (process.platform === 'linux') WAYS.unshift(['by descriptors', findByDescriptor])

async function readAll(file: DiskFile): Promise<string> {
  const bytes = new Uint8Array(100)
  return Buffer.from(bytes.subarray(0, await file.read(bytes, 0))).toString()
}

async function readText(folder: Folder, path: string): Promise<string> {
  await using file = await folder.openFile(path, 'read')
  return await readAll(file)
}

for (const [way, findSpot] of WAYS) {
  test(`${way}: a folder is read and changed`, async () => {
    using scratch = makeScratchFolder()
    await using folder = await createDisk({ findSpot }).openFolder(scratch.path)
    await folder.makeFolder('ä/日本/e\u0301', 0o750)
    {
      await using file = await folder.openFile('ä/日本/e\u0301/\u00e9', 'create', 0o640)
      await file.write(Buffer.from('there'), 2_000_000)
      await file.write(Buffer.from('hello'), 0)
      await file.change({ mode: 0o600, modifiedAtMs: 1_500.25 })
      await file.sync()
    }
    const entry = await folder.stat('ä/日本/e\u0301/\u00e9')
    assert.deepEqual(
      { ...entry, storedBytes: entry.storedBytes < 1_000_000, identity: '', version: '' },
      {
        kind: 'file',
        sizeBytes: 2_000_005,
        storedBytes: true,
        mode: 0o600,
        modifiedAtMs: 1_500.25,
        identity: '',
        version: '',
      },
    )
    await assert.rejects(folder.openFile('ä/日本/e\u0301/\u00e9', 'create'), { code: 'conflict' })
    await folder.makeLink('ä/link', '日本/e\u0301')
    await folder.change('ä/link', { modifiedAtMs: 5_000 })
    assert.equal((await folder.stat('ä/link')).modifiedAtMs, 5_000)
    assert.equal(await folder.readLink('ä/link'), '日本/e\u0301')
    assert.deepEqual(
      (await folder.list('ä')).sort((a, b) => (a.name < b.name ? -1 : 1)),
      [
        { name: 'link', kind: 'link' },
        { name: '日本', kind: 'folder' },
      ],
    )
    await folder.writeFile('a', Buffer.from('one'))
    await folder.writeFile('b', Buffer.from('two'))
    await assert.rejects(folder.rename('a', 'b', false), { code: 'conflict' })
    await assert.rejects(folder.rename('a', 'ä', false), { code: 'conflict' })
    await folder.rename('a', 'b')
    assert.equal(await readText(folder, 'b'), 'one')
    await folder.rename('b', 'c', false)
    await folder.link('c', 'second')
    await assert.rejects(folder.link('c', 'second'), { code: 'conflict' })
    await assert.rejects(folder.link('c', '../second'), { code: 'bad-name' })
    await folder.remove('second')
    await assert.rejects(folder.remove('ä'), { code: 'conflict' })
    await folder.remove('ä', true)
    await folder.remove('gone')
    assert.deepEqual(readdirSync(scratch.path), ['c'])
    assert.ok((await folder.freeSpace()) > 0)
    assert.equal((await folder.stat('')).kind, 'folder')
  })

  test(`${way}: many small files are read and put at once, each whole or not at all`, async () => {
    using scratch = makeScratchFolder()
    await using folder = await createDisk({ findSpot }).openFolder(scratch.path)
    const file = { bytes: Buffer.from('one'), mode: 0o640, modifiedAtMs: 1_500 }
    const [made] = await folder.placeFiles('', [{ ...file, name: 'a\u0007é', over: null, isDurable: true }])
    assert.ok(made !== undefined && !(made instanceof Error))
    assert.deepEqual([made.mode, made.modifiedAtMs, made.sizeBytes], [0o640, 1_500, 3])
    const other = { ...file, bytes: Buffer.from('three') }
    const results = await folder.placeFiles('', [
      { ...other, name: 'a\u0007é', over: null },
      { ...other, name: 'a\u0007é', over: 'something else' },
      { ...other, name: 'b', over: made.version },
      { ...other, name: 'c' },
    ])
    assert.deepEqual(
      results.map(one => (one instanceof Error ? (one as MeshError).code : one.sizeBytes)),
      ['conflict', 'conflict', 'conflict', 5],
    )
    const aside = await folder.placeFiles('', [
      { ...other, name: 'd', isAside: true },
      { ...file, name: 'd', isAside: true },
    ])
    // One after the other or at once: what is there in the end is one of them, and whole.
    assert.ok(aside.every(one => !(one instanceof Error) && one.mode === 0o640 && one.modifiedAtMs === 1_500))
    assert.match(await readText(folder, 'd'), /^(one|three)$/)
    await folder.remove('d')
    const [over] = await folder.placeFiles('', [{ ...other, name: 'a\u0007é', over: made.version }])
    assert.ok(over !== undefined && !(over instanceof Error) && over.version !== made.version)
    symlinkSync('c', scratch.file('link'))
    mkdirSync(scratch.file('folder'))
    const read = await folder.readFiles('', ['a\u0007é', 'link', 'gone', 'folder'], 5)
    assert.deepEqual(
      read.map(one => (one instanceof Error ? (one as MeshError).code : Buffer.from(one.bytes).toString())),
      ['three', 'denied', 'not-found', 'bad-input'],
    )
    assert.equal(((await folder.readFiles('', ['c'], 4))[0] as MeshError).code, 'too-large')
    const found = await folder.look('')
    assert.deepEqual(found.map(({ name, entry, target }) => [name, entry.kind, target]).sort(), [
      ['a\u0007é', 'file', undefined],
      ['c', 'file', undefined],
      ['folder', 'folder', undefined],
      ['link', 'link', 'c'],
    ])
    for (const name of ['../a', '..', '', 'a/b', 'a\0b']) {
      assert.throws(() => folder.placeFiles('', [{ ...file, name }]), { code: 'bad-name' })
      assert.throws(() => folder.readFiles('', [name], 5), { code: 'bad-name' })
    }
    await assert.rejects(folder.placeFiles('link', [{ ...file, name: 'x' }]), { code: 'denied' })
  })

  test(`${way}: no path and no link leads out of a folder`, async () => {
    using scratch = makeScratchFolder()
    const [inner, secret] = [scratch.file('inner'), scratch.file('secret')]
    mkdirSync(inner)
    mkdirSync(secret)
    writeFileSync(`${secret}/key`, 'secret')
    symlinkSync('../secret', `${inner}/out`)
    symlinkSync('../secret/key', `${inner}/key`)
    symlinkSync('out', `${inner}/chain`)
    await using folder = await createDisk({ findSpot }).openFolder(inner)
    const paths = ['../secret/key', 'out/key', 'key', 'chain/key', '/etc/passwd', 'out/../../secret/key']
    for (const path of paths) {
      for (const access of ['read', 'write'] as const)
        await assert.rejects(folder.openFile(path, access), error =>
          ['denied', 'bad-name'].includes((error as { code: string }).code),
        )
    }
    for (const work of [
      () => folder.list('out'),
      () => folder.openFile('out/new', 'create'),
      () => folder.writeFile('out/new', Buffer.from('x')),
      () => folder.makeFolder('out/new'),
      () => folder.makeLink('out/new', 'x'),
      () => folder.rename('key', 'out/new'),
      () => folder.rename('out/key', 'new'),
      () => folder.remove('out/key'),
      () => folder.change('out/key', { mode: 0 }),
      () => folder.watch('out', () => {}),
      () => folder.makeLink('new', '../secret'),
      () => folder.makeLink('new', '/etc'),
    ])
      await assert.rejects(work(), { code: 'denied' })
    await folder.remove('out', true)
    await folder.change('key', { mode: 0o777 })
    assert.equal(readFileSync(`${secret}/key`, 'utf8'), 'secret')
    assert.deepEqual(readdirSync(secret), ['key'])
    assert.equal((await folder.stat('key')).kind, 'link')
  })

  test(`${way}: a link that takes a folder's place while a file is opened shows nothing from outside`, async () => {
    using scratch = makeScratchFolder()
    const [inner, secret] = [scratch.file('inner'), scratch.file('secret')]
    mkdirSync(`${inner}/a`, { recursive: true })
    mkdirSync(secret)
    writeFileSync(`${inner}/a/file`, 'good')
    writeFileSync(`${secret}/file`, 'secret')
    await using folder = await createDisk({ findSpot }).openFolder(inner)
    let isOver = false
    const swapping = (async () => {
      while (!isOver) {
        await rename(`${inner}/a`, `${inner}/kept`)
        await symlink('../secret', `${inner}/a`)
        await rm(`${inner}/a`)
        await rename(`${inner}/kept`, `${inner}/a`)
      }
    })()
    const seen = new Set<string>()
    for (let count = 0; count < 400; count += 1) {
      await readText(folder, 'a/file').then(
        text => seen.add(text),
        () => {},
      )
    }
    isOver = true
    await swapping
    assert.ok(!seen.has('secret'))
  })

  test(`${way}: the state folder of an agent cannot be entered`, async () => {
    using scratch = makeScratchFolder()
    mkdirSync(scratch.file('state/deep'), { recursive: true })
    writeFileSync(scratch.file('state/key'), 'secret')
    const disk = createDisk({ findSpot, closedFolders: [scratch.file('state'), scratch.file('none')] })
    await using folder = await disk.openFolder(scratch.path)
    await assert.rejects(folder.openFile('state/key', 'read'), { code: 'denied' })
    await assert.rejects(folder.list('state'), { code: 'denied' })
    symlinkSync('state/deep', scratch.file('way'))
    for (const path of ['state', 'state/deep', 'way'])
      await assert.rejects(disk.openFolder(scratch.file(path)), { code: 'denied' })
    renameSync(scratch.file('state'), scratch.file('moved'))
    symlinkSync('moved', scratch.file('state'))
    await assert.rejects(folder.openFile('moved/key', 'read'), { code: 'denied' })
    await assert.rejects(disk.openFolder(scratch.file('moved')), { code: 'denied' })
  })

  test(`${way}: the state folder of an agent, and what it is in, cannot be moved away`, async () => {
    using scratch = makeScratchFolder()
    mkdirSync(scratch.file('a/b/state'), { recursive: true })
    mkdirSync(scratch.file('a/other'))
    const disk = createDisk({ findSpot, closedFolders: [scratch.file('a/b/state')] })
    await using folder = await disk.openFolder(scratch.path)
    for (const path of ['a', 'a/b', 'a/b/state'])
      await assert.rejects(folder.rename(path, 'moved'), { code: 'denied' }, path)
    await folder.rename('a/other', 'moved')
    await assert.rejects(folder.remove('a', true), { code: 'denied' })
    assert.deepEqual(readdirSync(scratch.file('a/b')), ['state'])
  })
}

test('a folder is opened by its whole path, and must be there', async () => {
  using scratch = makeScratchFolder()
  const disk = createDisk()
  await assert.rejects(disk.openFolder('relative'), { code: 'bad-name' })
  await assert.rejects(disk.openFolder(scratch.file('none')), { code: 'not-found' })
  writeFileSync(scratch.file('file'), '')
  await assert.rejects(disk.openFolder(scratch.file('file')), { code: 'not-found' })
})

test('pipes and devices are never waited for', {
  skip: process.platform === 'win32' && 'Windows has no such files',
}, async () => {
  using scratch = makeScratchFolder()
  execFileSync('mkfifo', [scratch.file('pipe')])
  await using folder = await createDisk().openFolder(scratch.path)
  assert.equal((await folder.stat('pipe')).kind, 'other')
  await assert.rejects(folder.openFile('pipe', 'read'), { code: 'bad-input' })
  await assert.rejects(folder.openFile('pipe', 'write'), { code: 'bad-input' })
  await assert.rejects(folder.change('pipe', { mode: 0o600 }), { code: 'bad-input' })
})

test('a name that is no Unicode is told as something that cannot be used', {
  skip: process.platform !== 'linux' && 'needs Linux',
}, async () => {
  using scratch = makeScratchFolder()
  writeFileSync(Buffer.concat([Buffer.from(`${scratch.path}/`), Buffer.from([0x61, 0xff])]), '')
  await using folder = await createDisk().openFolder(scratch.path)
  assert.deepEqual(await folder.list(''), [{ name: 'a\ufffd', kind: 'other' }])
})

test('a mode that lends the rights of its owner is not set', async () => {
  using scratch = makeScratchFolder()
  await using folder = await createDisk().openFolder(scratch.path)
  for (const mode of [0o4755, 0o2755, 0o1777, -1, 1.5]) {
    await assert.rejects(folder.openFile('x', 'create', mode), { code: 'bad-input' })
    await assert.rejects(folder.makeFolder('y', mode), { code: 'bad-input' })
    await folder.writeFile('z', Buffer.from('x'))
    await assert.rejects(folder.change('z', { mode }), { code: 'bad-input' })
  }
})

test('a disk that fills says so, and leaves nothing half there', async t => {
  using small = mountSmallDisk(t, 1_048_576)
  if (small === undefined) return
  await using folder = await createDisk().openFolder(small.path)
  await folder.writeFile('kept', Buffer.from('old'))
  await assert.rejects(folder.writeFile('kept', new Uint8Array(2_000_000)), { code: 'storage-full' })
  assert.deepEqual(readdirSync(small.path), ['kept'])
  assert.equal(await readText(folder, 'kept'), 'old')
  const file = { bytes: new Uint8Array(2_000_000), mode: 0o600, modifiedAtMs: 0 }
  const placed = await folder.placeFiles('', [
    { ...file, name: 'a' },
    { ...file, name: 'b', isAside: true },
  ])
  assert.deepEqual(
    placed.map(one => one instanceof Error && one.code),
    ['storage-full', 'storage-full'],
  )
  assert.deepEqual(readdirSync(small.path), ['kept'])
  const empty = small.fill()
  await assert.rejects(folder.writeFile('new', Buffer.from('x')), { code: 'storage-full' })
  empty()
  assert.deepEqual(readdirSync(small.path), ['kept'])
})

test('watch() tells what changes below a folder, also in folders that come', async () => {
  using scratch = makeScratchFolder()
  mkdirSync(scratch.file('a/b'), { recursive: true })
  await using folder = await createDisk().openFolder(scratch.path)
  const seen = new Set<string | undefined>()
  const hears = (path: string) =>
    until(
      () => [...seen].some(one => one !== undefined && (one === path || path.startsWith(`${one}/`))),
      `a change of ${path}`,
    )
  await using _ = await folder.watch('', path => seen.add(path))
  writeFileSync(scratch.file('a/b/one'), 'x')
  await hears('a/b/one')
  mkdirSync(scratch.file('c/d'), { recursive: true })
  await hears('c')
  await until(() => seen.has('c') || seen.has('c/d'), 'the new folder')
  seen.clear()
  await until(() => {
    writeFileSync(scratch.file('c/d/two'), String(seen.size))
    return seen.has('c/d/two')
  }, 'a change in the new folder')
  renameSync(scratch.file('a/b'), scratch.file('e'))
  await hears('a/b')
  await hears('e')
  symlinkSync('/', scratch.file('root'))
  await hears('root')
  assert.equal(await readlink(scratch.file('root')), '/')
})

test('a file with holes is read the same past the cache, at its odd end and into any memory too', async () => {
  using scratch = makeScratchFolder()
  await using folder = await createDisk().openFolder(scratch.path)
  const sizeBytes = 3 * 65_536 + 7
  {
    await using file = await folder.openFile('x', 'create')
    await file.setSize(sizeBytes)
    await file.write(Buffer.from('in a page'), 70_000)
    await file.write(Buffer.from('end'), sizeBytes - 3)
  }
  const whole = readFileSync(scratch.file('x'))
  await using file = await folder.openFile('x', 'read-holes')
  const page = Buffer.from(createPageMemory(65_536).buffer)
  for (const into of [page, page.subarray(3, 5_000), Buffer.alloc(65_536)]) {
    for (const position of [0, 65_536, 3 * 65_536, 69_999, sizeBytes]) {
      const count = await file.read(into.fill(1), position)
      const wanted = whole.subarray(position, position + into.length)
      assert.deepEqual([count, into.subarray(0, count).equals(wanted)], [wanted.length, true])
    }
  }
  assert.deepEqual((await file.stat()).version, (await folder.stat('x')).version)
})
