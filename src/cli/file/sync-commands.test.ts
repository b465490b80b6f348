import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { SYNC_API } from '../../apps/sync/messages.ts'
import { parseCopyPlace } from '../../core/files/copy-request.ts'
import { FAKE_NOW_MS } from '../../testing/fake-answers.ts'
import { startFakeDaemons } from '../../testing/fake-daemons.ts'
import { openLab } from '../recorded-world.ts'

const lab = (t: TestContext) => openLab(t, startFakeDaemons, { nowMs: FAKE_NOW_MS + 60_000 })

test('every route of the sync app is used by some command', async t => {
  const { ztm, daemons } = await lab(t)
  const lines = [
    'file grant',
    'file grant /srv/photos --user alice --group staff',
    'file grant /srv/photos --remove',
    'file mirror',
    'file mirror docs --to office:docs --ignore *.tmp --limit-mbps 1',
    'file mirror docs --pause',
    'file mirror docs --stop',
  ]
  for (const line of lines) assert.equal((await ztm(...line.split(' '))).code, 0, line)
  const used = new Set(daemons.calls.map(({ route }) => route))
  assert.deepEqual(
    Object.keys(SYNC_API).filter(name => !used.has(`sync.${name}`)),
    [],
  )
})

test('file mirror reads what it is told, and shows a mirror with its problems and conflicts', async t => {
  const { ztm, daemons, folder } = await lab(t)
  await ztm('file', 'mirror', 'My Docs', '--to', 'office:', '--limit-mbps', '8')
  const made = daemons.calls.find(({ route }) => route === 'sync.createMirror')
  assert.deepEqual(made?.body, {
    name: 'My-Docs',
    folder: folder.file('My Docs'),
    to: { endpoint: 'office', path: '~' },
    ignores: [],
    direction: 'both',
    bytesPerSecond: 1_000_000,
  })
  const { stdout } = await ztm('file', 'mirror', 'docs')
  for (const shown of [/office:docs/, /3 changes to go/, /it leads out/, /a\.conflict-/, /1 Mb\/s/]) {
    assert.match(stdout, shown)
  }
  await ztm('file', 'mirror', 'docs', '--limit-mbps', '0', '--resume')
  const changed = daemons.calls.find(({ route }) => route === 'sync.changeMirror')
  assert.deepEqual(changed?.body, { isPaused: false, bytesPerSecond: null })
  assert.match((await ztm('file', 'mirror', 'none')).stderr, /Cannot find mirror "none"/)
  assert.match((await ztm('file', 'mirror', 'docs', '--limit-mbps', 'x')).stderr, /megabits/)
})

test('file mirror and cloud mirror go one way where --download or --upload say so, and never neither way', async t => {
  const { ztm, daemons } = await lab(t)
  const said = (route: string) =>
    daemons.calls.findLast(call => call.route === route)?.body as { direction?: string }
  const making = [
    ['--upload', 'upload'],
    ['--download on', 'download'],
    ['--upload off', 'download'],
    ['--download off', 'upload'],
    ['--upload on --download on', 'both'],
  ] as const
  for (const group of ['file', 'cloud']) {
    for (const [words, direction] of making) {
      await ztm(group, 'mirror', 'new', '--to', 'office:new', ...words.split(' '))
      assert.equal(said('sync.createMirror').direction, direction, words)
    }
    // One that goes both ways: what is not said stays.
    for (const [words, direction] of [
      ['--upload', 'both'],
      ['--download off', 'upload'],
      ['--upload off', 'download'],
    ] as const) {
      await ztm(group, 'mirror', 'docs', ...words.split(' '))
      assert.deepEqual(said('sync.changeMirror'), { direction }, words)
    }
    const neither = await ztm(group, 'mirror', 'docs', '--upload', 'off', '--download', 'off')
    assert.match(neither.stderr, /neither way: say --pause/)
    assert.match((await ztm(group, 'mirror', 'docs', '--upload', 'maybe')).stderr, /say on or off/)
  }
  assert.match((await ztm('cloud', 'mirror', '--help')).stdout, /--download \[on\|off\][\s\S]*--upload\n/)
})

test('a place is an endpoint and a path, or a path; a drive is no endpoint', () => {
  const places: [string, { endpoint?: string; user?: string; path: string }][] = [
    ['office:docs', { endpoint: 'office', path: 'docs' }],
    ['office:', { endpoint: 'office', path: '~' }],
    ['office:C:\\x', { endpoint: 'office', path: 'C:\\x' }],
    ['C:\\x', { path: 'C:\\x' }],
    ['c:/x', { path: 'c:/x' }],
    ['c:x', { endpoint: 'c', path: 'x' }],
    ['./a:b', { path: './a:b' }],
    ['/a:b', { path: '/a:b' }],
    ['büro:Ж', { endpoint: 'büro', path: 'Ж' }],
    ['alice@nas:/srv', { endpoint: 'nas', user: 'alice', path: '/srv' }],
    ['a@b@c:d', { endpoint: 'b@c', user: 'a', path: 'd' }],
    ['a/b@c:d', { path: 'a/b@c:d' }],
  ]
  for (const [text, place] of places) assert.deepEqual(parseCopyPlace(text), place)
})
