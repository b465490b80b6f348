import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { test } from 'node:test'
import { openMirrorRig } from '../../testing/mirror-rig.ts'
import { SYNC_API } from './messages.ts'

test('two folders become equal, and what changes on one side is so on the other, by what the system tells', async t => {
  const rig = openMirrorRig(t)
  const { left, right } = rig
  mkdirSync(left.file('d/日本'), { recursive: true })
  writeFileSync(left.file('d/日本/a\u0007'), 'left', { mode: 0o640 })
  writeFileSync(right.file('b'), 'right')
  writeFileSync(left.file('same'), 'same')
  writeFileSync(right.file('same'), 'same')
  utimesSync(right.file('same'), 1_000, 1_000)
  await rig.mirror()
  await rig.inSync()
  assert.deepEqual(rig.contents(left), { b: 'right', 'd/日本/a\u0007': 'left', same: 'same' })
  assert.deepEqual(rig.contents(right), rig.contents(left))
  assert.equal(statSync(right.file('d/日本/a\u0007')).mode & 0o777, 0o640)
  writeFileSync(left.file('d/new'), 'new')
  writeFileSync(right.file('b'), 'changed')
  rmSync(right.file('same'))
  renameSync(left.file('d/日本'), left.file('d/moved'))
  chmodSync(left.file('d/new'), 0o600)
  await rig.becomes(left, { b: 'changed', 'd/moved/a\u0007': 'left', 'd/new': 'new' })
  await rig.becomes(right, { b: 'changed', 'd/moved/a\u0007': 'left', 'd/new': 'new' })
  await rig.until(() => statSync(right.file('d/new')).mode % 0o1000 === 0o600)
  assert.ok(rig.trash(left).some(path => path.endsWith('/same')))
})

test('both sides edit at once: each gets both, and the second is told of', async t => {
  const rig = openMirrorRig(t)
  const { left, right } = rig
  writeFileSync(left.file('notes.txt'), 'one')
  await rig.mirror()
  await rig.inSync()
  rig.stopTime()
  writeFileSync(left.file('notes.txt'), 'of the left')
  writeFileSync(right.file('notes.txt'), 'of the right')
  utimesSync(right.file('notes.txt'), 4_000_000_000, 4_000_000_000)
  rig.letTimeGo()
  await rig.until(info => info.conflicts.length === 1 && info.state === 'in sync')
  const [copy = ''] = (await rig.info()).conflicts
  assert.match(copy, /^notes\.conflict-\d{8}-\d{6}-far\.txt$/)
  assert.deepEqual(rig.contents(left), { 'notes.txt': 'of the left', [copy]: 'of the right' })
  assert.deepEqual(rig.contents(right), rig.contents(left))
})

test('one side that was offline for long comes back with its edits', async t => {
  const rig = openMirrorRig(t)
  const { left, right } = rig
  for (const name of ['kept', 'removed there', 'removed here', 'changed here'])
    writeFileSync(left.file(name), 'old')
  await rig.mirror()
  await rig.inSync()
  await rig.setOnline(false)
  await rig.until(({ state }) => state === 'waiting')
  rmSync(right.file('removed there'))
  rmSync(left.file('removed here'))
  writeFileSync(right.file('removed here'), 'but changed there')
  writeFileSync(left.file('changed here'), 'new')
  mkdirSync(right.file('new'))
  await rig.setOnline(true)
  const all = { kept: 'old', 'removed here': 'but changed there', 'changed here': 'new' }
  await rig.becomes(left, all)
  await rig.becomes(right, all)
  assert.ok(existsSync(left.file('new')))
})

test('a mirror goes on after a restart, pauses, resumes and ends', async t => {
  const rig = openMirrorRig(t)
  const { left, right } = rig
  writeFileSync(left.file('a'), 'one')
  await rig.mirror()
  await rig.inSync()
  await rig.restart(() => {
    writeFileSync(left.file('a'), 'while it was away')
    writeFileSync(left.file('b'), 'two')
    rmSync(right.file('a'))
  })
  await rig.becomes(right, { a: 'while it was away', b: 'two' })
  await rig.change({ isPaused: true })
  writeFileSync(left.file('c'), 'three')
  assert.equal((await rig.info()).state, 'paused')
  await rig.change({ isPaused: false })
  await rig.becomes(right, { a: 'while it was away', b: 'two', c: 'three' })
  await rig.end()
  assert.deepEqual(await rig.list(), [])
  assert.deepEqual(rig.contents(left), { a: 'while it was away', b: 'two', c: 'three' })
})

test('what is ignored stays where it is; a folder that goes takes it to the trash', async t => {
  const rig = openMirrorRig(t)
  const { left, right } = rig
  writeFileSync(left.file('.ztmignore'), '*.tmp\nbuild/\n!keep.tmp\n')
  mkdirSync(left.file('p/build'), { recursive: true })
  for (const name of ['x.tmp', 'keep.tmp', 'p/build/out', 'p/src', 'y.log'])
    writeFileSync(left.file(name), name)
  await rig.mirror({ ignores: ['*.log'] })
  await rig.becomes(right, {
    'keep.tmp': 'keep.tmp',
    'p/src': 'p/src',
  })
  writeFileSync(right.file('p/z.tmp'), 'only here')
  rmSync(left.file('p'), { recursive: true })
  await rig.until(() => !existsSync(right.file('p')))
  assert.ok(rig.trash(right).some(path => path.endsWith('/z.tmp')))
  writeFileSync(left.file('.ztmignore'), 'keep.tmp')
  await rig.until(() => existsSync(right.file('x.tmp')))
})

test('a file and a folder take each other’s place', async t => {
  const rig = openMirrorRig(t)
  const { left, right } = rig
  mkdirSync(left.file('b'))
  for (const name of ['a', 'b/x']) writeFileSync(left.file(name), name)
  await rig.mirror()
  await rig.inSync()
  rig.stopTime()
  rmSync(left.file('a'))
  mkdirSync(left.file('a'))
  writeFileSync(left.file('a/y'), 'below')
  rmSync(right.file('b'), { recursive: true })
  writeFileSync(right.file('b'), 'file')
  rig.letTimeGo()
  await rig.becomes(left, { 'a/y': 'below', b: 'file' })
  await rig.becomes(right, { 'a/y': 'below', b: 'file' })
})

test('one that cannot be mirrored is told, and the rest goes on', async t => {
  const rig = openMirrorRig(t)
  const { left, right } = rig
  symlinkSync('/etc/passwd', left.file('out'))
  symlinkSync('good', left.file('in'))
  writeFileSync(left.file('good'), 'good')
  await rig.mirror()
  await rig.until(({ state }) => state === 'in sync but for problems')
  const { problems } = await rig.info()
  assert.deepEqual(
    problems.map(({ path }) => path),
    ['out'],
  )
  assert.deepEqual(readdirSync(right.path).sort(), ['.ztm-mirror', 'good', 'in'])
})

test('a folder that is not there, as its disk is not mounted, removes nothing on the other side', async t => {
  const rig = openMirrorRig(t)
  const { left, right } = rig
  writeFileSync(left.file('precious'), 'precious')
  await rig.mirror()
  await rig.inSync()
  await rig.restart(() => {
    rmSync(right.path, { recursive: true })
    mkdirSync(right.path)
  })
  await rig.until(({ state }) => state === 'failed')
  assert.match((await rig.info()).error ?? '', /is its disk mounted/)
  assert.equal(readFileSync(left.file('precious'), 'utf8'), 'precious')
})

test('a tree of many files becomes equal, and one change later is dealt with by itself', async t => {
  const rig = openMirrorRig(t)
  const { left, right } = rig
  for (let folder = 0; folder < 5; folder++) {
    mkdirSync(left.file(`${folder}`))
    for (let i = 0; i < 40; i++) writeFileSync(left.file(`${folder}/${i}`), `${folder} ${i}`)
  }
  await rig.mirror()
  await rig.inSync()
  const { sentBytes } = await rig.info()
  assert.equal(
    readdirSync(right.path, { recursive: true }).filter(path => /^\d+.\d+$/.test(String(path))).length,
    200,
  )
  renameSync(left.file('3'), left.file('moved'))
  await rig.until(() => existsSync(right.file('moved/39')) && !existsSync(right.file('3')))
  await rig.inSync()
  assert.equal((await rig.info()).sentBytes, sentBytes, 'a rename sends nothing')
  writeFileSync(right.file('moved/7'), 'changed')
  await rig.until(() => readFileSync(left.file('moved/7'), 'utf8') === 'changed')
})

test('a mirror into itself, a second of its name, and one that is not there are refused', async t => {
  const rig = openMirrorRig(t)
  const { left } = rig
  mkdirSync(left.file('inner'))
  await assert.rejects(rig.mirror({ to: { path: left.file('inner') } }), { code: 'conflict' })
  await rig.mirror()
  await assert.rejects(rig.mirror(), { code: 'conflict' })
  await assert.rejects(rig.mirror({ name: 'x', folder: left.file('nothing') }), { code: 'not-found' })
  await assert.rejects(
    rig.near.call(SYNC_API.deleteMirror, { params: { endpoint: 'near', mirror: 'none' } as never }),
    {
      code: 'not-found',
    },
  )
})

test('one way up: what is changed there neither comes here nor goes, and what is changed here wins', async t => {
  const rig = openMirrorRig(t)
  const { left, right } = rig
  for (const name of ['a', 'b', 'c', 'd']) writeFileSync(left.file(name), name)
  writeFileSync(right.file('own'), 'own')
  assert.equal((await rig.mirror({ direction: 'upload' })).direction, 'upload')
  await rig.inSync()
  assert.deepEqual(rig.contents(right), { a: 'a', b: 'b', c: 'c', d: 'd', own: 'own' })
  rig.stopTime()
  writeFileSync(right.file('a'), 'changed there')
  rmSync(right.file('b'))
  writeFileSync(right.file('c'), 'changed there too')
  writeFileSync(left.file('c'), 'changed here')
  rmSync(left.file('d'))
  rig.letTimeGo()
  await rig.until(({ state, conflicts }) => state === 'in sync' && conflicts.length === 1)
  await rig.until(({ apartCount }) => apartCount === 4)
  const [copy = ''] = (await rig.info()).conflicts
  const there = { a: 'changed there', c: 'changed here', [copy]: 'changed there too', own: 'own' }
  await rig.becomes(right, there)
  assert.deepEqual(rig.contents(left), { a: 'a', b: 'b', c: 'changed here' })
  assert.ok(rig.trash(right).some(path => path.endsWith('/d')))
  assert.deepEqual(rig.trash(left), [])
  // It stays so over a restart, until it is to go both ways.
  await rig.restart(() => writeFileSync(left.file('e'), 'e'))
  await rig.becomes(right, { ...there, e: 'e' })
  assert.deepEqual(rig.contents(left), { a: 'a', b: 'b', c: 'changed here', e: 'e' })
  await rig.change({ direction: 'both' })
  await rig.becomes(left, { ...there, e: 'e' })
  await rig.until(({ apartCount }) => apartCount === 0)
})

test('one way down: nothing is done to the other side, whatever is done here', async t => {
  const rig = openMirrorRig(t)
  const { left, right } = rig
  for (const name of ['a', 'b']) writeFileSync(right.file(name), name)
  await rig.mirror({ direction: 'download' })
  await rig.becomes(left, { a: 'a', b: 'b' })
  await rig.inSync()
  writeFileSync(left.file('a'), 'changed here')
  writeFileSync(left.file('mine'), 'mine')
  rmSync(left.file('b'))
  writeFileSync(right.file('c'), 'c')
  await rig.becomes(left, { a: 'changed here', c: 'c', mine: 'mine' })
  await rig.until(({ apartCount }) => apartCount === 3)
  assert.deepEqual(rig.contents(right), { a: 'a', b: 'b', c: 'c' })
  rmSync(right.file('c'))
  await rig.becomes(left, { a: 'changed here', mine: 'mine' })
  assert.deepEqual(rig.trash(right), [])
})
