import assert from 'node:assert/strict'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { test } from 'node:test'
import { MeshError } from '../core/model/errors.ts'
import { openDavRig } from '../testing/dav-rig.ts'

const LOCK =
  '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>'
const SHARED = LOCK.replace('exclusive', 'shared')

function tokenOf({ headers }: { readonly headers: Readonly<Record<string, unknown>> }): string {
  return String(headers['lock-token'])
}

test('a lock of a folder keeps others from its names, and a deep one from all below', async t => {
  const { ask, folder } = openDavRig(t)
  mkdirSync(folder.file('d'))
  writeFileSync(folder.file('d/a'), 'a')
  const flat = await ask('LOCK', '/d', { depth: '0' }, LOCK)
  assert.equal(flat.status, 200)
  assert.equal((await ask('PUT', '/d/new', {}, 'x')).status, 423)
  assert.equal((await ask('MKCOL', '/d/new')).status, 423)
  assert.equal((await ask('DELETE', '/d/a')).status, 423)
  assert.equal((await ask('MOVE', '/d/a', { destination: '/b' })).status, 423)
  assert.equal((await ask('PUT', '/d/a', {}, 'changed')).status, 204)
  const shown = { if: `</d> (${tokenOf(flat)})` }
  assert.equal((await ask('PUT', '/d/new', shown, 'x')).status, 201)
  assert.equal((await ask('UNLOCK', '/d/a', { 'lock-token': tokenOf(flat) })).status, 409)
  assert.equal((await ask('UNLOCK', '/d', { 'lock-token': tokenOf(flat) })).status, 204)
  const deep = await ask('LOCK', '/d', {}, LOCK)
  const refused = await ask('PUT', '/d/a', {}, 'x')
  assert.equal(refused.status, 423)
  assert.match(refused.body, /lock-token-submitted><D:href>\/d\/<\/D:href>/)
  assert.equal((await ask('LOCK', '/d/a', { depth: '0' }, SHARED)).status, 423)
  assert.equal((await ask('DELETE', '/d')).status, 423)
  assert.equal((await ask('DELETE', '/d', { if: `(${tokenOf(deep)})` })).status, 204)
  mkdirSync(folder.file('d'))
  assert.equal((await ask('PUT', '/d/a', {}, 'x')).status, 201, 'the lock went with the folder')
})

test('shared locks stand beside each other, and each of them opens', async t => {
  const { ask, folder } = openDavRig(t)
  writeFileSync(folder.file('a'), 'a')
  const [one, other] = [await ask('LOCK', '/a', {}, SHARED), await ask('LOCK', '/a', {}, SHARED)]
  assert.deepEqual([one.status, other.status], [200, 200])
  assert.equal((await ask('LOCK', '/a', {}, LOCK)).status, 423)
  assert.equal((await ask('PUT', '/a', {}, 'x')).status, 423)
  assert.equal((await ask('PUT', '/a', { if: `(${tokenOf(other)})` }, 'x')).status, 204)
})

test('a lock ends when its time is over, and lasts when it is renewed', async t => {
  const { ask, folder, clock } = openDavRig(t)
  writeFileSync(folder.file('a'), 'a')
  const lock = await ask('LOCK', '/a', { timeout: 'Infinite, Second-100' }, LOCK)
  clock.advance(90_000)
  const renewed = await ask('LOCK', '/a', { timeout: 'Second-100', if: `(${tokenOf(lock)})` })
  assert.match(renewed.body, /Second-100</)
  clock.advance(90_000)
  assert.equal((await ask('PUT', '/a', {}, 'x')).status, 423)
  clock.advance(20_000)
  assert.equal((await ask('PUT', '/a', {}, 'x')).status, 204)
  assert.equal((await ask('LOCK', '/a', { if: `(${tokenOf(lock)})` })).status, 412)
})

test('a file that is locked while it is written stays as it was', async t => {
  const { ask, folder } = openDavRig(t)
  writeFileSync(folder.file('a'), 'old')
  async function* body() {
    yield Buffer.from('new')
    assert.equal((await ask('LOCK', '/a', {}, LOCK)).status, 200)
    yield Buffer.from('er')
  }
  assert.equal((await ask('PUT', '/a', {}, body())).status, 423)
  assert.equal(readFileSync(folder.file('a'), 'utf8'), 'old')
  assert.deepEqual(readdirSync(folder.path), ['a'])
})

test('a write that a condition holds does not replace what another program wrote meanwhile', async t => {
  const { ask, folder } = openDavRig(t)
  writeFileSync(folder.file('a'), 'old')
  const etag = String((await ask('HEAD', '/a')).headers.etag)
  async function* body() {
    yield Buffer.from('by WebDAV')
    writeFileSync(folder.file('a'), 'by somebody else')
  }
  assert.equal((await ask('PUT', '/a', { 'if-match': etag }, body())).status, 412)
  assert.equal(readFileSync(folder.file('a'), 'utf8'), 'by somebody else')
  assert.deepEqual(readdirSync(folder.path), ['a'])
})

test('a folder is copied with its links, modes and properties, and never into itself', async t => {
  const { ask, folder } = openDavRig(t)
  mkdirSync(folder.file('d/deep'), { recursive: true })
  writeFileSync(folder.file('d/deep/tool'), Buffer.alloc(2_500_000, 1), { mode: 0o755 })
  symlinkSync('deep/tool', folder.file('d/link'))
  const set =
    '<propertyupdate xmlns="DAV:"><set><prop><x xmlns="u:">1 &lt; 2</x></prop></set></propertyupdate>'
  assert.equal((await ask('PROPPATCH', '/d/deep/tool', {}, set)).status, 207)
  assert.equal((await ask('COPY', '/d', { destination: 'http://127.0.0.1:7788/e/' })).status, 201)
  assert.ok(readFileSync(folder.file('e/deep/tool')).equals(Buffer.alloc(2_500_000, 1)))
  assert.equal(statSync(folder.file('e/deep/tool')).mode & 0o777, 0o755)
  assert.equal(readlinkSync(folder.file('e/link')), 'deep/tool')
  assert.match((await ask('PROPFIND', '/e/deep/tool', { depth: '0' })).body, /<x xmlns="u:">1 &#60; 2<\/x>/)
  assert.equal((await ask('COPY', '/d', { destination: '/e', overwrite: 'F' })).status, 412)
  for (const destination of ['/d', '/d/deep/in', '/'])
    for (const method of ['COPY', 'MOVE'])
      assert.equal((await ask(method, '/d', { destination })).status, 403)
  assert.deepEqual(readdirSync(folder.path).sort(), ['d', 'e'])
})

test('a file that takes the place of another does so in one moment, or not at all', async t => {
  const rig = openDavRig(t)
  writeFileSync(rig.folder.file('new'), 'new')
  writeFileSync(rig.folder.file('old'), 'old')
  rig.onTreeRequest = ({ do: what }) => {
    if (what === 'move') writeFileSync(rig.folder.file('old'), 'changed')
  }
  assert.equal((await rig.ask('MOVE', '/new', { destination: '/old' })).status, 409)
  assert.equal(readFileSync(rig.folder.file('old'), 'utf8'), 'changed')
  rig.onTreeRequest = ({ do: what }) => assert.notEqual(what, 'remove')
  assert.equal((await rig.ask('MOVE', '/new', { destination: '/old' })).status, 204)
  assert.deepEqual(readdirSync(rig.folder.path), ['old'])
  assert.equal(readFileSync(rig.folder.file('old'), 'utf8'), 'new')
})

test('a tree that broke is opened again: what reads is asked once more, what changes is not', async t => {
  const rig = openDavRig(t)
  writeFileSync(rig.folder.file('a'), 'a')
  const breakOnce = (kind: string) => {
    rig.onTreeRequest = ({ do: what }) => {
      if (what !== kind) return
      rig.onTreeRequest = () => {}
      throw new MeshError('link-closed', 'The connection to the endpoint broke')
    }
  }
  breakOnce('look')
  assert.deepEqual([(await rig.ask('GET', '/a')).body, rig.openCount()], ['a', 2])
  breakOnce('remove')
  assert.ok((await rig.ask('DELETE', '/a')).status >= 500)
  assert.deepEqual([(await rig.ask('GET', '/a')).body, rig.openCount()], ['a', 3])
})

test('properties of DAV cannot be set, and then nothing else of that request is', async t => {
  const { ask, folder } = openDavRig(t)
  writeFileSync(folder.file('a'), 'a')
  const set =
    '<propertyupdate xmlns="DAV:"><set><prop><x xmlns="u:"/><getetag>1</getetag></prop></set></propertyupdate>'
  const { body } = await ask('PROPPATCH', '/a', {}, set)
  assert.match(body, /getetag\/>.*403 Forbidden.*424 Failed Dependency/)
  assert.doesNotMatch((await ask('PROPFIND', '/a', { depth: '0' })).body, /u:/)
  const time =
    '<Win32LastModifiedTime xmlns="urn:schemas-microsoft-com:">Fri, 02 Jan 2026 03:04:05 GMT</Win32LastModifiedTime>'
  await ask(
    'PROPPATCH',
    '/a',
    {},
    `<propertyupdate xmlns="DAV:"><set><prop>${time}</prop></set></propertyupdate>`,
  )
  assert.equal(statSync(folder.file('a')).mtimeMs, Date.UTC(2026, 0, 2, 3, 4, 5))
})

test('names with what XML cannot have are listed, and lead back to their files', async t => {
  const { ask, folder } = openDavRig(t)
  for (const name of ['a\u0007\nb', '<&>"\'', 'e\u0301', '日本 100%', ']]>'])
    writeFileSync(folder.file(name), name)
  const { body } = await ask('PROPFIND', '/', { depth: '1' })
  // https://www.w3.org/TR/xml/#charsets
  assert.doesNotMatch(body, /[\u0000-\u0008\u000b-\u001f]/)
  const hrefs = [...body.matchAll(/<D:href>(\/[^<]+)<\/D:href>/g)].map(([, href = '']) =>
    href.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code))),
  )
  assert.equal(hrefs.length, 5)
  const found = await Promise.all(hrefs.map(async href => (await ask('GET', href)).body))
  assert.deepEqual(found.sort(), readdirSync(folder.path).sort())
})

test('where names fold, a lock holds for every spelling', async t => {
  const { ask, folder } = openDavRig(t, { foldsNames: true })
  writeFileSync(folder.file('A'), 'a')
  assert.equal((await ask('LOCK', '/A', {}, LOCK)).status, 200)
  assert.equal((await ask('PUT', '/a', {}, 'x')).status, 423)
})
