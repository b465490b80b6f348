import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { AppContents } from '../../core/model/content.ts'
import { makeScratchFolder, type ScratchFolder } from '../../testing/scratch-folder.ts'
import { createTestMesh } from '../../testing/test-host.ts'
import { createSyncApp } from './sync.ts'

const MIB = 1_048_576
const MODIFIED = 1_700_000_000_000

interface Place {
  readonly folder: ScratchFolder
  readonly contents: AppContents
  grant(folder: string, users: readonly string[], mayWrite: boolean): Promise<unknown>
}

async function openPlaces(t: TestContext) {
  const mesh = createTestMesh()
  const add = async (name: string, user: string): Promise<Place> => {
    const folder = makeScratchFolder()
    const app = await mesh.addEndpoint(name, user).start(createSyncApp())
    t.after(() => folder[Symbol.dispose]())
    return {
      folder,
      contents: app.contents as AppContents,
      grant: (path, users, mayWrite) =>
        app.request(
          { source: 'user' },
          { method: 'PUT', path: `/api/endpoints/${name}/grants`, body: { folder: path, users, mayWrite } },
        ),
    }
  }
  t.after(() => mesh[Symbol.asyncDispose]())
  return { near: await add('near', 'ann'), far: await add('far', 'ann'), other: await add('other', 'bob') }
}

async function* once(bytes: Uint8Array, pieceBytes = 65_536) {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

const give = ({ contents }: Place, query: Record<string, unknown>, bytes = new Uint8Array(0)) => {
  const texts = Object.fromEntries(Object.entries(query).map(([name, value]) => [name, String(value)]))
  return (contents.take as NonNullable<AppContents['take']>)(texts, once(bytes))
}

test('a file on the disk of an endpoint is read from anywhere in it', async t => {
  const { near, far } = await openPlaces(t)
  const bytes = randomBytes(2 * MIB + 99)
  writeFileSync(far.folder.file('film.mp4'), bytes)
  await using content = await near.contents.open({ endpoint: 'far', path: far.folder.file('film.mp4') })
  assert.deepEqual([content.name, content.sizeBytes], ['film.mp4', bytes.length])
  for (const [start, end] of [
    [0, bytes.length],
    [MIB - 1, MIB + 2],
    [bytes.length - 1, bytes.length],
  ] as const) {
    const parts: Uint8Array[] = []
    for await (const part of content.read(start, end)) parts.push(part)
    assert.ok(Buffer.concat(parts).equals(bytes.subarray(start, end)))
  }
  writeFileSync(far.folder.file('film.mp4'), randomBytes(2 * MIB + 99))
  await assert.rejects(content.read(0, 10).next(), { code: 'conflict' })
  await assert.rejects(near.contents.open({ path: near.folder.path }), { code: 'bad-input' })
  await assert.rejects(near.contents.open({ path: near.folder.file('none') }), { code: 'not-found' })
  await assert.rejects(near.contents.open({ path: '/x', more: '1' }), { code: 'bad-input' })
})

test('a folder on the disk of an endpoint is read as one archive, from anywhere in it, and unpacks as it was', async t => {
  const { near, far } = await openPlaces(t)
  const top = far.folder.file('my photos')
  mkdirSync(`${top}/déep/empty`, { recursive: true })
  const bytes = randomBytes(2 * MIB + 99)
  writeFileSync(`${top}/large.bin`, bytes)
  writeFileSync(`${top}/zeros.bin`, new Uint8Array(MIB + 1))
  for (let number = 0; number < 200; number += 1) writeFileSync(`${top}/déep/${number}`, `${number}`)
  symlinkSync('déep/7', `${top}/inside`)
  symlinkSync('/etc/passwd', `${top}/outside`)
  symlinkSync('../other', `${top}/déep/up`)
  symlinkSync('../..', `${top}/déep/out`)
  const query = { endpoint: 'far', path: top, as: 'tar' }
  await using content = await near.contents.open(query)
  assert.equal(content.name, 'my photos.tar')
  const read = async (start: number, end: number) => {
    const parts: Uint8Array[] = []
    for await (const part of content.read(start, end)) parts.push(part)
    return Buffer.concat(parts)
  }
  const whole = await read(0, content.sizeBytes)
  assert.equal(whole.length, content.sizeBytes)
  for (const [start, end] of [
    [1, 700],
    [MIB, 2 * MIB + 3],
    [whole.length - 2_000, whole.length],
  ] as const)
    assert.ok((await read(start, end)).equals(whole.subarray(start, end)))
  mkdirSync(near.folder.file('to'))
  execFileSync('tar', ['-xf', '-', '-C', near.folder.file('to')], { input: whole })
  const to = near.folder.file('to/my photos')
  assert.ok(readFileSync(`${to}/large.bin`).equals(bytes))
  assert.equal(readFileSync(`${to}/inside`, 'utf8'), '7')
  assert.deepEqual(readdirSync(to).sort(), ['déep', 'inside', 'large.bin', 'zeros.bin'])
  assert.equal(readdirSync(`${to}/déep`).length, 202)
  // One file that is another by now breaks it off, whatever was read before.
  writeFileSync(`${top}/large.bin`, randomBytes(2 * MIB + 99))
  await assert.rejects(read(0, content.sizeBytes), { code: 'conflict' })
  await assert.rejects(near.contents.open({ ...query, path: `${top}/large.bin` }), { code: 'bad-input' })
  await assert.rejects(near.contents.open({ ...query, path: `${top}/none` }), { code: 'not-found' })
  await assert.rejects(near.contents.open({ ...query, as: 'zip' }), { code: 'bad-input' })
})

test('a file comes piece by piece, is written aside, and is there when it is whole', async t => {
  const { near, far } = await openPlaces(t)
  const bytes = randomBytes(2 * MIB + 5)
  const upload = {
    endpoint: 'far',
    path: far.folder.path,
    name: 'new/deep/film.mp4',
    size: bytes.length,
    modifiedAtMs: MODIFIED,
  }
  const file = far.folder.file('new/deep/film.mp4')
  const begun = await give(near, upload)
  assert.deepEqual(
    [begun.doneBytes, begun.totalBytes, begun.name, begun.place],
    [0, bytes.length, 'film.mp4', file],
  )
  const first = await give(near, { ...upload, offset: 0 }, bytes.subarray(0, MIB + 1))
  assert.deepEqual([first.id, first.doneBytes], [begun.id, MIB + 1])
  assert.equal(existsSync(file), false)
  // Whoever comes back is told where to go on; a piece that does not fit is refused.
  assert.equal((await give(near, upload)).doneBytes, MIB + 1)
  await assert.rejects(give(near, { ...upload, offset: 0 }, bytes.subarray(0, 5)), { code: 'conflict' })
  const tooMuch = Buffer.concat([bytes.subarray(MIB + 1), randomBytes(9)])
  await assert.rejects(give(near, { ...upload, offset: MIB + 1 }, tooMuch), { code: 'bad-input' })
  const at = (await give(near, upload)).doneBytes
  assert.equal((await give(near, { ...upload, offset: at }, bytes.subarray(at))).doneBytes, bytes.length)
  assert.ok(readFileSync(file).equals(bytes))
  assert.equal(statSync(file).mtimeMs, MODIFIED)
  assert.deepEqual(readdirSync(far.folder.file('new/deep')), ['film.mp4'])
})

test('what is there is replaced only if told so, and what was begun can be thrown away', async t => {
  const { near } = await openPlaces(t)
  const upload = { path: near.folder.path, name: 'a.txt', size: 3, modifiedAtMs: MODIFIED }
  await give(near, upload)
  await give(near, { ...upload, offset: 0 }, Buffer.from('one'))
  await assert.rejects(give(near, upload), { code: 'conflict' })
  await assert.rejects(give(near, { ...upload, offset: 0 }, Buffer.from('two')), { code: 'conflict' })
  assert.equal(readFileSync(near.folder.file('a.txt'), 'utf8'), 'one')
  const over = { ...upload, replace: 'yes' }
  await give(near, over)
  await give(near, { ...over, offset: 0 }, Buffer.from('two'))
  assert.equal(readFileSync(near.folder.file('a.txt'), 'utf8'), 'two')
  const next = { ...upload, name: 'b.txt' }
  await give(near, next)
  await give(near, { ...next, offset: 0 }, Buffer.from('o'))
  assert.equal(readdirSync(near.folder.path).length, 2)
  assert.equal((await give(near, { ...next, drop: 'yes' })).doneBytes, 0)
  assert.deepEqual(readdirSync(near.folder.path), ['a.txt'])
  const empty = { ...upload, name: 'empty', size: 0 }
  await give(near, empty)
  await give(near, { ...empty, offset: 0 })
  assert.equal(statSync(near.folder.file('empty')).size, 0)
})

test('no name leads out of the folder, and no link in it', async t => {
  const { near } = await openPlaces(t)
  mkdirSync(near.folder.file('in'))
  symlinkSync('..', near.folder.file('in/up'))
  const upload = { path: near.folder.file('in'), size: 1, modifiedAtMs: MODIFIED }
  for (const name of ['../x', '/x', 'a/../../x', 'a//x', '.', 'a/.', 'x\0y', 'x'.repeat(300)])
    await assert.rejects(give(near, { ...upload, name }), { code: 'bad-name' }, name)
  for (const name of ['up/x', '.ztm-part-0123456789abcdef', '.ztm-mirror/x'])
    await assert.rejects(give(near, { ...upload, name }), { code: 'denied' }, name)
  assert.deepEqual(readdirSync(near.folder.path), ['in'])
  // Names that only look dangerous are names.
  for (const name of ['<img src=x onerror=alert(1)>.png', '\u202egpj.exe', 'a\\..\\b', 'x\ny', '-rf']) {
    await give(near, { ...upload, name })
    await give(near, { ...upload, name, offset: 0 }, Buffer.from('x'))
    assert.ok(existsSync(near.folder.file(`in/${name}`)), name)
  }
})

test('others put files only where they were let write', async t => {
  const { far, other } = await openPlaces(t)
  for (const name of ['read', 'write']) mkdirSync(far.folder.file(name))
  await far.grant(far.folder.file('read'), ['bob'], false)
  await far.grant(far.folder.file('write'), ['bob'], true)
  const upload = { endpoint: 'far', user: 'ann', name: 'x', size: 1, modifiedAtMs: MODIFIED }
  for (const path of [far.folder.file('read'), far.folder.path])
    await assert.rejects(give(other, { ...upload, path }), { code: 'denied' }, path)
  const path = far.folder.file('write')
  await give(other, { ...upload, path })
  await give(other, { ...upload, path, offset: 0 }, Buffer.from('x'))
  assert.deepEqual(readdirSync(path), ['x'])
})
