import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { type TestContext, test } from 'node:test'
import { openCopyRig } from '../../testing/copy-rig.ts'
import { mountSmallDisk } from '../../testing/small-disk.ts'

test('a tree is copied to another endpoint with modes, times, links, holes and all names', async t => {
  const { copy, near, far } = openCopyRig(t)
  mkdirSync(near.file('from/日本/empty'), { recursive: true })
  writeFileSync(near.file('from/日本/a\u0007\nb'), 'control')
  writeFileSync(near.file('from/e\u0301'), 'composed', { mode: 0o640 })
  writeFileSync(near.file('from/é'), 'other')
  symlinkSync('日本/empty', near.file('from/link'))
  symlinkSync('nowhere', near.file('from/dangling'))
  writeFileSync(near.file('from/medium'), randomBytes(300_000))
  writeFileSync(near.file('from/holes'), randomBytes(3_500_000))
  truncateSync(near.file('from/holes'), 40_000_000)
  utimesSync(near.file('from/é'), 1_000, 1_234.5)
  chmodSync(near.file('from/日本/empty'), 0o500)
  const { ended } = await copy(near.file('from'), `far:${far.file('to')}`)
  assert.deepEqual(
    { ...ended, bytes: 0, sentBytes: 0 },
    { event: 'ended', copiedCount: 7, sameCount: 0, removedCount: 0, failedCount: 0, bytes: 0, sentBytes: 0 },
  )
  assert.deepEqual(
    readdirSync(far.file('to'), { recursive: true }).sort(),
    readdirSync(near.file('from'), { recursive: true }).sort(),
  )
  for (const name of ['日本/a\u0007\nb', 'e\u0301', 'é', 'medium', 'holes']) {
    assert.ok(readFileSync(far.file(`to/${name}`)).equals(readFileSync(near.file(`from/${name}`))), name)
  }
  assert.equal(statSync(far.file('to/é')).mtimeMs, 1_234_500)
  assert.equal(statSync(far.file('to/e\u0301')).mode & 0o777, 0o640)
  assert.equal(statSync(far.file('to/日本/empty')).mode & 0o777, 0o500)
  assert.equal(readlinkSync(far.file('to/link')), '日本/empty')
  assert.ok(statSync(far.file('to/holes')).blocks * 512 < 5_000_000)
  assert.ok((ended?.sentBytes ?? 0) < 5_000_000)
  // And back, from there; into a folder that is there.
  mkdirSync(near.file('back'))
  await copy(`far:${far.file('to')}`, near.file('back'))
  assert.equal(readFileSync(near.file('back/to/é'), 'utf8'), 'other')
})

test('what is there already is not sent; of a large file only what differs', async t => {
  const { copy, near, far } = openCopyRig(t)
  mkdirSync(near.file('d'))
  const bytes = randomBytes(6_000_000)
  writeFileSync(near.file('d/large'), bytes)
  writeFileSync(near.file('d/small'), 'one')
  await copy(near.file('d'), `far:${far.file('d')}`)
  const again = await copy(`${near.file('d')}/`, `far:${far.file('d')}`)
  assert.deepEqual([again.ended?.copiedCount, again.ended?.sameCount, again.ended?.sentBytes], [0, 2, 0])
  bytes[2_500_000] = (bytes[2_500_000] as number) ^ 1
  writeFileSync(near.file('d/large'), bytes)
  const changed = await copy(`${near.file('d')}/`, `far:${far.file('d')}`)
  assert.equal(changed.ended?.sentBytes, 1_048_576)
  assert.ok(readFileSync(far.file('d/large')).equals(bytes))
  // Of the same size and time, and yet another: only their hashes tell.
  const { mtimeMs } = statSync(near.file('d/small'))
  writeFileSync(near.file('d/small'), 'two')
  utimesSync(near.file('d/small'), mtimeMs / 1_000, mtimeMs / 1_000)
  assert.equal((await copy(`${near.file('d')}/`, `far:${far.file('d')}`)).ended?.copiedCount, 0)
  const hashed = await copy(`${near.file('d')}/`, `far:${far.file('d')}`, { isHashed: true })
  assert.equal(hashed.ended?.copiedCount, 1)
  assert.equal(readFileSync(far.file('d/small'), 'utf8'), 'two')
})

test('a dry run tells and changes nothing; --delete removes what the source does not have', async t => {
  const { copy, near, far } = openCopyRig(t)
  mkdirSync(near.file('d'))
  mkdirSync(far.file('d/old'), { recursive: true })
  writeFileSync(near.file('d/new'), 'new')
  writeFileSync(far.file('d/old/x'), 'old')
  const dry = await copy(`${near.file('d')}/`, `far:${far.file('d')}`, { isExact: true, isDryRun: true })
  assert.deepEqual(
    dry.events.flatMap(event => (event.event === 'done' ? [`${event.what} ${event.path}`] : [])),
    ['copied new', 'removed old/x', 'removed old'],
  )
  assert.deepEqual(readdirSync(far.file('d')), ['old'])
  await copy(`${near.file('d')}/`, `far:${far.file('d')}`)
  assert.deepEqual(readdirSync(far.file('d')).sort(), ['new', 'old'])
  await copy(`${near.file('d')}/`, `far:${far.file('d')}`, { isExact: true })
  assert.deepEqual(readdirSync(far.file('d')), ['new'])
})

test('what cannot be copied is told, and the rest goes on', async t => {
  const { copy, near, far } = openCopyRig(t)
  mkdirSync(near.file('d/closed'), { recursive: true })
  writeFileSync(near.file('d/a'), 'a')
  writeFileSync(near.file('d/b'), 'b')
  mkdirSync(far.file('d/b'), { recursive: true })
  symlinkSync('/etc/passwd', near.file('d/out'))
  symlinkSync('../../x', near.file('d/up'))
  const { events, ended } = await copy(`${near.file('d')}/`, `far:${far.file('d')}`)
  assert.deepEqual(
    events.flatMap(event => (event.event === 'failed' ? [[event.path, event.code]] : [])).sort(),
    [
      ['b', 'conflict'],
      ['out', 'denied'],
      ['up', 'denied'],
    ],
  )
  assert.equal(ended?.failedCount, 3)
  assert.deepEqual(readdirSync(far.file('d')).sort(), ['a', 'b', 'closed'])
  const missing = await copy(near.file('nothing'), `far:${far.file('d')}`)
  assert.equal(missing.refused?.code, 'not-found')
})

test('thousands of small files go without a round trip for each', async t => {
  const { copy, near, far, askCount } = openCopyRig(t)
  for (let folder = 0; folder < 10; folder++) {
    mkdirSync(near.file(`d/${folder}`), { recursive: true })
    for (let i = 0; i < 120; i++) writeFileSync(near.file(`d/${folder}/${i}`), `${folder} ${i}`)
  }
  const { ended } = await copy(near.file('d'), `far:${far.file('d')}`)
  assert.equal(ended?.copiedCount, 1_200)
  assert.equal(readFileSync(far.file('d/7/119'), 'utf8'), '7 119')
  assert.ok(askCount() < 100, `${askCount()} requests`)
})

test('a transfer that is cut goes on where it was, and sends at most one piece again', async t => {
  const { copy, near, far, cutAfterBytes, turnClock } = openCopyRig(t)
  const bytes = randomBytes(24_000_000)
  writeFileSync(near.file('large'), bytes)
  cutAfterBytes(9_000_000)
  const going = copy(near.file('large'), `far:${far.file('large')}`)
  await turnClock('waiting', 2_000)
  const { ended, events } = await going
  assert.ok(events.some(({ event }) => event === 'waiting'))
  assert.ok(readFileSync(far.file('large')).equals(bytes))
  assert.ok((ended?.sentBytes ?? 0) <= bytes.length + 1_048_576, `${ended?.sentBytes} bytes sent`)
  assert.deepEqual(readdirSync(far.path), ['large'])
})

test('a large file comes from another endpoint, though more is asked for at once than fits', async t => {
  const { copy, near, far } = openCopyRig(t)
  const bytes = randomBytes(40_000_000)
  writeFileSync(far.file('large'), bytes)
  await copy(`far:${far.file('large')}`, near.file('large'))
  assert.ok(readFileSync(near.file('large')).equals(bytes))
})

test('a copy that nobody waits for ends, and leaves nothing half', async t => {
  const { copy, near, far } = openCopyRig(t)
  writeFileSync(near.file('large'), randomBytes(8_000_000))
  const going = copy(
    near.file('large'),
    `far:${far.file('large')}`,
    { bytesPerSecond: 1_000_000 },
    stream => {
      stream.once('data', () => setImmediate(() => stream.destroy()))
    },
  )
  await going
  await far.whenEmpty()
  assert.deepEqual(readdirSync(far.path), [])
})

test('a file that changes while it is sent is sent as it is at one moment, or told of', async t => {
  const { copy, near, far } = openCopyRig(t)
  writeFileSync(near.file('log'), Buffer.alloc(5_000_000, 'a'))
  let isOver = false
  const change = () => {
    if (isOver) return
    writeFileSync(near.file('log'), Buffer.alloc(5_000_000, String(Math.random())[5]))
    setImmediate(change)
  }
  setImmediate(change)
  const { events, ended } = await copy(near.file('log'), `far:${far.file('log')}`)
  isOver = true
  if (ended?.failedCount === 1) {
    assert.ok(events.some(event => event.event === 'failed' && event.code === 'conflict'))
    assert.ok(!existsSync(far.file('log')))
  } else {
    const arrived = readFileSync(far.file('log'))
    assert.ok(arrived.equals(Buffer.alloc(5_000_000, arrived[0])))
  }
})

test('a disk that fills fails the file, and leaves nothing of it', async (t: TestContext) => {
  using disk = mountSmallDisk(t, 2 * 1_048_576)
  if (disk === undefined) return
  const { copy, near } = openCopyRig(t)
  mkdirSync(near.file('d'))
  writeFileSync(near.file('d/large'), randomBytes(4_000_000))
  writeFileSync(near.file('d/small'), 'fits')
  const { events, ended } = await copy(`${near.file('d')}/`, `far:${disk.path}`)
  assert.equal(ended?.failedCount, 1)
  assert.ok(events.some(event => event.event === 'failed' && event.code === 'storage-full'))
  assert.deepEqual(readdirSync(disk.path), ['small'])
  assert.equal(lstatSync(disk.file('small')).size, 4)
})

test('others may use what was granted, as it was granted, and nothing else', async t => {
  const rig = openCopyRig(t)
  const { far, near, grant, asOther } = rig
  for (const name of ['open', 'open/sub', 'shared', 'closed']) mkdirSync(far.file(name))
  writeFileSync(far.file('open/sub/x'), 'x')
  writeFileSync(far.file('closed/secret'), 'secret')
  symlinkSync(far.file('closed'), far.file('open/link'))
  writeFileSync(near.file('y'), 'y')
  assert.equal((await asOther(`root@far:${far.file('open')}`, near.file('got'))).refused?.code, 'denied')
  await grant({ folder: far.file('open'), users: ['bob'] })
  await grant({ folder: far.file('shared'), groups: ['friends'], mayWrite: true })
  await asOther(`root@far:${far.file('open')}/`, near.file('got'))
  assert.equal(readFileSync(near.file('got/sub/x'), 'utf8'), 'x')
  for (const path of ['closed', 'open/../closed', 'open/link/secret', '']) {
    const { refused } = await asOther(`root@far:${far.path}/${path}`, near.file('stolen'))
    assert.equal(refused?.code, 'denied', path)
  }
  // A link by itself is where it points to, and leads nobody there.
  assert.equal(
    (await asOther(`root@far:${far.file('open/link')}`, near.file('stolen'))).ended?.failedCount,
    1,
  )
  assert.ok(!existsSync(near.file('stolen')))
  assert.equal((await asOther('root@far:~', near.file('stolen'))).refused?.code, 'denied')
  const written = await asOther(near.file('y'), `root@far:${far.file('open')}/`)
  assert.equal(
    written.events.find(({ event }) => event === 'failed' || event === 'refused')?.event,
    'refused',
  )
  assert.equal((await asOther(near.file('y'), `root@far:${far.file('shared')}/`)).refused?.code, 'denied')
  rig.mesh.groups.set('bob', ['friends'] as never)
  assert.equal((await asOther(near.file('y'), `root@far:${far.file('shared')}/`)).ended?.copiedCount, 1)
  assert.equal(readFileSync(far.file('shared/y'), 'utf8'), 'y')
})

test('an endpoint of somebody else is used only if it is named as theirs', async t => {
  const { asOther, copy, near, far, grant } = openCopyRig(t)
  await grant({ folder: far.path, users: ['bob'], mayWrite: true })
  writeFileSync(near.file('secret'), 'secret')
  for (const to of ['far', 'bob@far', 'alice@far']) {
    assert.equal((await asOther(near.file('secret'), `${to}:${far.path}/`)).refused?.code, 'denied', to)
  }
  assert.equal((await copy(near.file('secret'), `bob@far:${far.path}/`)).refused?.code, 'denied')
  assert.deepEqual(readdirSync(far.path), [])
  assert.equal((await asOther(near.file('secret'), `root@far:${far.path}/`)).ended?.copiedCount, 1)
})

test('who is no longer granted a folder loses what is open there', async t => {
  const { asOther, near, far, grant, turnClock } = openCopyRig(t)
  writeFileSync(far.file('large'), randomBytes(8_000_000))
  await grant({ folder: far.path, users: ['bob'] })
  // Time stands: it cannot end before.
  const going = asOther(
    `root@far:${far.file('large')}`,
    near.file('large'),
    { bytesPerSecond: 1_000_000 },
    stream => stream.once('data', () => void grant({ folder: far.path, users: ['alice'] })),
  )
  await turnClock('waiting', 2_000)
  assert.equal((await going).refused?.code, 'denied')
  assert.ok(!existsSync(near.file('large')))
})
