import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { test } from 'node:test'
import { parseName, parseUserName } from '../../core/model/names.ts'
import { type FilesPlace, hashOf, openFilesLab } from '../../testing/files-lab.ts'
import { until } from '../../testing/until.ts'
import { createFilesApp } from './files.ts'
import { FILES_LIMITS } from './limits.ts'
import { FILES_API } from './messages.ts'

test('a file is published where it is, found, and fetched whole with its time and mode', async t => {
  const { add } = openFilesLab(t)
  const [far, near] = [await add('far'), await add('near')]
  writeFileSync(far.file('größe.bin'), randomBytes(3 * 1_048_576 + 5), { mode: 0o640 })
  utimesSync(far.file('größe.bin'), 1_700_000_000.123456, 1_700_000_000.123456)
  const published = await far.publish('größe.bin', { name: 'docs/größe.bin', tags: ['big'] })
  assert.deepEqual([published.state, published.doneBytes, published.doneFiles], ['done', 3_145_733, 1])
  const [found] = await near.find({ tag: 'big' })
  assert.deepEqual(
    [found?.path, found?.kind, found?.sizeBytes, found?.holders.map(({ name }) => name)],
    ['/users/ann/docs/größe.bin', 'file', 3_145_733, ['far']],
  )
  const job = await near.get('/users/ann/docs/größe.bin', 'here.bin')
  assert.deepEqual(
    [job.state, job.error, job.doneBytes, job.holders[0]?.bytes],
    ['done', undefined, 3_145_733, 3_145_733],
  )
  assert.equal(hashOf(near.file('here.bin')), hashOf(far.file('größe.bin')))
  const [a, b] = [statSync(far.file('größe.bin')), statSync(near.file('here.bin'))]
  assert.deepEqual([b.mode, Math.abs(b.mtimeMs - a.mtimeMs) < 0.01], [a.mode, true])
  assert.deepEqual(readdirSync(near.file('.')), ['here.bin'])
  assert.deepEqual(
    (await near.find()).map(({ holders }) => holders.length),
    [2],
  )
})

test('a tree is fetched with its folders, links, modes, times and names in any script', async t => {
  const { add } = openFilesLab(t)
  const [far, near] = [await add('far'), await add('near')]
  const tree = far.file('tree')
  mkdirSync(`${tree}/a/b/leer`, { recursive: true })
  mkdirSync(`${tree}/closed`, { mode: 0o755 })
  const names = [
    '日本語.txt',
    'e\u0301',
    'é',
    'ملف',
    'a b',
    '-rf',
    '\u001b[2J',
    'back\\slash',
    '..%2f',
    'new\nline',
  ]
  for (const [index, name] of names.entries())
    writeFileSync(`${tree}/a/${name}`, `${index}`, { mode: 0o600 + index })
  writeFileSync(`${tree}/closed/one`, randomBytes(100_000))
  writeFileSync(`${tree}/empty`, '')
  symlinkSync('../a/e\u0301', `${tree}/closed/link`)
  symlinkSync('/etc/passwd', `${tree}/out`)
  symlinkSync('../../x', `${tree}/a/out`)
  chmodSync(`${tree}/closed`, 0o555)
  utimesSync(`${tree}/a`, 1_000, 2_000)
  const published = await far.publish('tree')
  assert.deepEqual([published.state, [...published.skipped].sort()], ['done', ['a/out', 'out']])
  const job = await near.get('tree', 'copy')
  assert.deepEqual([job.state, job.error], ['done', undefined])
  const copy = near.file('copy')
  for (const [index, name] of names.entries()) {
    assert.equal(readFileSync(`${copy}/a/${name}`, 'utf8'), `${index}`)
    assert.equal(statSync(`${copy}/a/${name}`).mode, statSync(`${tree}/a/${name}`).mode)
  }
  assert.deepEqual(
    readdirSync(copy, { recursive: true }).length,
    readdirSync(tree, { recursive: true }).length - 2,
  )
  assert.equal(readlinkSync(`${copy}/closed/link`), '../a/e\u0301')
  assert.equal(statSync(`${copy}/closed`).mode & 0o777, 0o555)
  assert.equal(statSync(`${copy}/a`).mtimeMs, 2_000_000)
  assert.deepEqual([statSync(`${copy}/empty`).size, readdirSync(`${copy}/a/b/leer`)], [0, []])
  // A part of it, and what is in it.
  const inside = await near.app.call(FILES_API.listInside, { query: { path: '/users/ann/tree/closed' } })
  assert.deepEqual(
    inside.entries.map(({ path, kind }) => [path, kind]),
    [
      ['/users/ann/tree/closed/link', 'link'],
      ['/users/ann/tree/closed/one', 'file'],
    ],
  )
  assert.equal((await near.get('tree/closed/one', 'one')).state, 'done')
  assert.equal(hashOf(near.file('one')), hashOf(`${tree}/closed/one`))
  const part = await near.get('tree/closed', 'part')
  assert.deepEqual([part.state, part.skipped], ['done', ['closed/link']])
})

test('nobody sees or fetches what is not theirs: users, groups, everyone, changed while it is served', async t => {
  const { add, mesh } = openFilesLab(t)
  const far = await add('far')
  const [bob, eve] = [await add('bob-pc', 'bob'), await add('eve-pc', 'eve')]
  writeFileSync(far.file('secret'), 'secret')
  await far.publish('secret')
  writeFileSync(far.file('open'), 'open')
  await far.publish('open', { access: { everyone: true } })
  const seen = async (place: FilesPlace) => (await place.find()).map(({ path }) => path)
  assert.deepEqual([await seen(bob), await seen(eve)], [['/users/ann/open'], ['/users/ann/open']])
  const share = (access: Record<string, unknown>) =>
    far.app.call(FILES_API.share, { params: { endpoint: 'far' }, body: { path: 'secret', access } })
  const both = ['/users/ann/open', '/users/ann/secret']
  await share({ users: ['bob'] })
  assert.deepEqual([await seen(bob), await seen(eve)], [both, ['/users/ann/open']])
  await share({ groups: ['friends'] })
  assert.deepEqual(await seen(eve), ['/users/ann/open'])
  mesh.groups.set(parseUserName('eve'), [parseName('friends')])
  assert.deepEqual([await seen(bob), await seen(eve)], [['/users/ann/open'], both])
  mesh.groups.clear()
  const refused = await eve.get('/users/ann/secret', 'stolen')
  assert.deepEqual([refused.state, refused.error?.code], ['failed', 'not-found'])
  for (const path of [
    '/users/ann/open/../secret',
    '/users/eve/../ann/secret',
    '../secret',
    '/users/ann/%2e%2e/secret',
    '/users/ann/open%2f..%2fsecret',
    '/users/ann/open/\uff0e\uff0e/secret',
    '/users/ann/open\\..\\secret',
    '/users/ann/open/..',
    '//users/ann/secret',
    '/etc/passwd',
  ])
    assert.ok(
      await eve.get(path, 'stolen').then(
        ({ state }) => state === 'failed',
        () => true,
      ),
      path,
    )
  assert.ok(!existsSync(eve.file('stolen')))
  // Somebody else cannot say what is done here.
  await assert.rejects(eve.app.call(FILES_API.listHeld, { params: { endpoint: 'far' } }), { code: 'denied' })
})

test('a copy is given on to those the owner lets, and no more when the owner withdraws', async t => {
  const { add, mesh } = openFilesLab(t)
  const [far, second] = [await add('far'), await add('second')]
  const bob = await add('bob-pc', 'bob')
  writeFileSync(far.file('x'), randomBytes(2_000_000))
  await far.publish('x', { access: { users: ['bob'] } })
  assert.equal((await second.get('x', 'x')).state, 'done')
  far.endpoint.isOnline = false
  assert.deepEqual(
    (await bob.find()).map(({ holders }) => holders.map(({ name }) => name)),
    [['second']],
  )
  assert.equal((await bob.get('/users/ann/x', 'x')).state, 'done')
  // Another's is not given on unless told so.
  assert.deepEqual((await bob.app.call(FILES_API.listHeld, { params: { endpoint: 'bob-pc' } })).items, [])
  far.endpoint.isOnline = true
  const { endpoints } = await far.app.call(FILES_API.withdraw, {
    params: { endpoint: 'far' },
    body: { path: 'x' },
  })
  assert.deepEqual(endpoints, ['second'])
  assert.deepEqual(await bob.find(), [])
  assert.ok(existsSync(far.file('x')) && existsSync(second.file('x')))
  // One whose publisher was not heard of for long is not given away either.
  await far.publish('x', { access: { users: ['bob'] } })
  await second.get('x', 'again')
  far.endpoint.isOnline = false
  assert.equal((await bob.find()).length, 1)
  mesh.timers.advance(FILES_LIMITS.leaseMs + 1)
  assert.equal((await bob.find()).length, 0)
})

test('erasing removes it from disk, here and where it was copied to', async t => {
  const { add } = openFilesLab(t)
  const [far, second] = [await add('far'), await add('second')]
  mkdirSync(far.file('tree'))
  writeFileSync(far.file('tree/x'), 'x')
  await far.publish('tree')
  await second.get('tree', 'tree')
  const { erased } = await far.app.call(FILES_API.withdraw, {
    params: { endpoint: 'far' },
    body: { path: 'tree', isErased: true },
  })
  assert.equal(erased.length, 2)
  assert.deepEqual([existsSync(far.file('tree')), existsSync(second.file('tree'))], [false, false])
})

test('a file that changes is refused as it was, published again, and fetched as it is then', async t => {
  const { add } = openFilesLab(t)
  const [far, near] = [await add('far'), await add('near')]
  writeFileSync(far.file('x'), randomBytes(1_500_000))
  await far.publish('x')
  writeFileSync(far.file('x'), randomBytes(1_600_000))
  const job = await near.ended(await near.begin('x', 'x'), 50)
  assert.deepEqual([job.state, job.error], ['done', undefined])
  assert.equal(hashOf(near.file('x')), hashOf(far.file('x')))
  assert.deepEqual(readdirSync(near.file('.')), ['x'])
})

test('what is there already is not replaced unless asked for', async t => {
  const { add } = openFilesLab(t)
  const [far, near] = [await add('far'), await add('near')]
  mkdirSync(far.file('tree'))
  writeFileSync(far.file('tree/x'), 'new')
  await far.publish('tree')
  mkdirSync(near.file('tree'))
  writeFileSync(near.file('tree/old'), 'old')
  const refused = await near.get('tree', 'tree')
  assert.deepEqual([refused.state, refused.error?.code], ['failed', 'conflict'])
  assert.equal((await near.get('tree', 'tree', { mayReplace: true })).state, 'done')
  assert.deepEqual(readdirSync(near.file('tree')), ['x'])
  assert.deepEqual(readdirSync(near.file('.')), ['tree'])
})

test('names do not nest, and belong to the endpoint that published them', async t => {
  const { add } = openFilesLab(t)
  const [far, near] = [await add('far'), await add('near')]
  for (const place of [far, near]) writeFileSync(place.file('x'), 'x')
  await far.publish('x', { name: 'a/b' })
  for (const name of ['a', 'a/b/c']) assert.equal((await far.publish('x', { name })).error?.code, 'conflict')
  await assert.rejects(near.publish('x', { name: 'a/b' }), { code: 'conflict' })
  for (const name of ['../x', '/x', 'a/../b', 'a\0'])
    await assert.rejects(far.publish('x', { name }), { code: 'bad-name' })
  await assert.rejects(far.publish('none'), { code: 'not-found' })
  assert.equal((await far.publish('x', { name: 'a/b' })).state, 'done')
  assert.deepEqual(
    (await near.find()).map(({ serial }) => serial),
    [2],
  )
})

test('what is published is still there after a restart', async t => {
  const { add } = openFilesLab(t)
  const [far, near] = [await add('far'), await add('near')]
  writeFileSync(far.file('x'), 'x')
  await far.publish('x')
  await far.app[Symbol.asyncDispose]()
  assert.deepEqual(await near.find(), [])
  await far.endpoint.start(createFilesApp())
  assert.deepEqual(
    (await near.find()).map(({ path }) => path),
    ['/users/ann/x'],
  )
  assert.equal((await near.get('x', 'x')).state, 'done')
})

test('finding says who did not answer', async t => {
  const { add, mesh } = openFilesLab(t)
  const [far, near] = [await add('far'), await add('near')]
  writeFileSync(far.file('x'), 'x')
  await far.publish('x')
  const release = mesh.holdDials()
  const finding = near.app.call(FILES_API.findFiles, {})
  await until(() => near.endpoint.dials.length > 0, 'it asks')
  mesh.timers.advance(FILES_LIMITS.answerTimeoutMs)
  const { items, unanswered } = await finding
  release()
  assert.deepEqual([items, unanswered.map(({ name }) => name)], [[], ['far']])
  far.endpoint.isOnline = false
  assert.deepEqual(
    (await near.app.call(FILES_API.findFiles, {})).unanswered.map(({ reason }) => reason),
    ['offline'],
  )
})

test('a download that is told no place goes below its folder, by owner and name', async t => {
  const { add } = openFilesLab(t)
  const [far, near] = [await add('far'), await add('near', 'bob')]
  mkdirSync(far.file('tree'))
  writeFileSync(far.file('tree/x'), 'x')
  await far.publish('tree', { name: 'a/b/tree', access: { users: ['bob'] } })
  const params = { endpoint: 'near' }
  const folder = near.file('.')
  await near.app.call(FILES_API.changeFilesConfig, { params, body: { folder } })
  const begun = await near.app.call(FILES_API.download, { params, body: { path: '/users/ann/a/b/tree' } })
  const job = await near.ended(begun)
  assert.deepEqual([job.state, job.error], ['done', undefined])
  assert.equal(readFileSync(near.file('users/ann/a/b/tree/x'), 'utf8'), 'x')
  assert.deepEqual(readdirSync(near.file('users/ann/a/b')), ['tree'])
  await assert.rejects(
    near.app.call(FILES_API.download, { params, body: { path: '/users/ann/../../etc/x' } }),
    { code: 'bad-name' },
  )
})

test('a download that is cancelled leaves nothing behind', async t => {
  const { add } = openFilesLab(t)
  const [far, near] = [await add('far'), await add('near')]
  writeFileSync(far.file('x'), randomBytes(8_000_000))
  await far.publish('x')
  const begun = await near.begin('x', 'x')
  await until(() => readdirSync(near.file('.')).length > 0, 'some of it is there')
  const params = { endpoint: 'near', job: begun.id }
  const { state } = await near.app.call(FILES_API.cancelJob, { params })
  assert.ok(state === 'cancelled' || state === 'done')
  assert.deepEqual(readdirSync(near.file('.')), state === 'done' ? ['x'] : [])
})

test('a download is paused, kept so by a restart, and goes on from what came', async t => {
  const { add } = openFilesLab(t)
  const [far, near] = [await add('far'), await add('near')]
  writeFileSync(far.file('x'), randomBytes(80_000_000))
  await far.publish('x')
  const { id } = await near.begin('x', 'x')
  const call = { params: { endpoint: 'near', job: id } }
  const show = () => near.app.call(FILES_API.showJob, call)
  const change = (isPaused: boolean) => near.app.call(FILES_API.changeJob, { ...call, body: { isPaused } })
  await until(async () => (await show()).doneBytes > 0, 'some of it is there')
  assert.equal((await change(true)).state, 'paused')
  assert.equal((await change(true)).state, 'paused')
  const [aside] = readdirSync(near.file('.'))
  assert.match(aside ?? '', /^\.ztm-get-/)
  await near.app[Symbol.asyncDispose]()
  const again = await near.endpoint.start(createFilesApp())
  assert.equal((await again.call(FILES_API.showJob, call)).state, 'paused')
  await again.call(FILES_API.changeJob, { ...call, body: { isPaused: false } })
  const done = await again.call(FILES_API.showJob, { ...call, query: { waitMs: 10_000 } })
  assert.deepEqual([done.state, done.keptBytes > 0, readdirSync(near.file('.'))], ['done', true, ['x']])
  assert.equal(hashOf(near.file('x')), hashOf(far.file('x')))
  await assert.rejects(again.call(FILES_API.changeJob, { ...call, body: { isPaused: true } }), {
    code: 'conflict',
  })
})

test('a download that was paused and is cancelled leaves nothing behind', async t => {
  const { add } = openFilesLab(t)
  const [far, near] = [await add('far'), await add('near')]
  writeFileSync(far.file('x'), randomBytes(80_000_000))
  await far.publish('x')
  const { id } = await near.begin('x', 'x')
  const call = { params: { endpoint: 'near', job: id } }
  await until(async () => (await near.app.call(FILES_API.showJob, call)).doneBytes > 0, 'some is there')
  await near.app.call(FILES_API.changeJob, { ...call, body: { isPaused: true } })
  assert.equal((await near.app.call(FILES_API.cancelJob, call)).state, 'cancelled')
  assert.deepEqual(readdirSync(near.file('.')), [])
})
