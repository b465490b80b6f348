import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { FILES_API } from '../../apps/files/messages.ts'
import { FAKE_NOW_MS } from '../../testing/fake-answers.ts'
import { startFakeDaemons } from '../../testing/fake-daemons.ts'
import { FAKE_FILE, FAKE_JOB } from '../../testing/fake-files.ts'
import { formatBar } from '../output/progress-bar.ts'
import { openLab } from '../recorded-world.ts'

const lab = (t: TestContext) => openLab(t, startFakeDaemons, { nowMs: FAKE_NOW_MS + 60_000 })

test('every route of the files app is used by some command', async t => {
  const { ztm, daemons } = await lab(t)
  daemons.answer('files.findFiles', () => ({ items: [{ ...FAKE_FILE, kind: 'tree' }], unanswered: [] }))
  const lines = [
    'file publish x --as docs/a.pdf --tag work --users bob --groups ops',
    'file ls docs/a.pdf',
    'file get docs/a.pdf',
    'file share docs/a.pdf --everyone',
    'file unpublish docs/a.pdf',
    'file held --confirm',
    'file jobs',
    'file versions docs/a.pdf',
    'file pause 0123456789abcdef',
    'file cancel 0123456789abcdef',
    'cloud config',
    'cloud config --local-dir /srv',
  ]
  for (const line of lines) assert.equal((await ztm(...line.split(' '))).code, 0, line)
  const used = new Set(daemons.calls.map(({ route }) => route))
  assert.deepEqual(
    Object.keys(FILES_API).filter(name => !used.has(`files.${name}`)),
    [],
  )
})

test('the older spellings of files do the same', async t => {
  const { ztm, daemons } = await lab(t)
  const lines = [
    'get file',
    'get files pdf',
    'describe file docs/a.pdf',
    'cloud ls',
    'cloud share docs/a.pdf --private',
    'cloud upload /home/root/ztmCloud/users/root/docs/a.pdf',
    'cloud download docs/a.pdf',
    'cloud download',
    'cloud unpublish docs/a.pdf',
    'download file docs/a.pdf --to /tmp',
    'publish file docs/b.pdf -i /x/a.pdf --everyone',
    'unpublish file docs/a.pdf',
    'erase file docs/a.pdf --yes',
    'cloud erase docs/a.pdf --yes',
  ]
  for (const line of lines) assert.equal((await ztm(...line.split(' '))).code, 0, line)
  const sent = (route: string) =>
    daemons.calls.filter(call => call.route === `files.${route}`).map(({ body }) => body)
  assert.deepEqual(sent('publish'), [
    { source: '/home/root/ztmCloud/users/root/docs/a.pdf', name: 'docs/a.pdf' },
    { source: '/x/a.pdf', name: 'docs/b.pdf', access: { users: [], groups: [], everyone: true } },
  ])
  assert.deepEqual(sent('download'), [
    { path: '/users/root/docs/a.pdf', mayReplace: false },
    { path: '/users/root/docs/a.pdf', file: '/tmp/a.pdf', mayReplace: false },
  ])
  assert.deepEqual(sent('withdraw'), [
    { path: '/users/root/docs/a.pdf', isErased: false },
    { path: '/users/root/docs/a.pdf', isErased: false },
    { path: '/users/root/docs/a.pdf', isErased: true },
    { path: '/users/root/docs/a.pdf', isErased: true },
  ])
})

test('versions are kept, listed and fetched by number', async t => {
  const { ztm, daemons } = await lab(t)
  await ztm('file', 'publish', '/x/a.pdf', '--keep', '5')
  await ztm('file', 'get', 'docs/a.pdf', '--old', '3', '--to', '/tmp/old.pdf')
  assert.match((await ztm('file', 'versions', 'docs/a.pdf')).stdout, /^VERSION +PUBLISHED.*\n1 .*1\.2 MB/)
  const sent = daemons.calls.filter(({ route }) => /^files\.(publish|download)$/.test(route))
  assert.deepEqual(
    sent.map(({ body }) => body),
    [
      { source: '/x/a.pdf', keepCount: 5 },
      { path: '/users/root/docs/a.pdf', file: '/tmp/old.pdf', mayReplace: false, version: 3 },
    ],
  )
  for (const words of [
    ['publish', 'x', '--keep', '101'],
    ['publish', 'x', '--keep', '-1'],
    ['get', 'x', '--old', '0'],
  ])
    assert.notEqual((await ztm('file', ...words)).code, 0)
})

test('file ls is a table, and says who was not asked', async t => {
  const { ztm } = await lab(t)
  const { stdout, stderr } = await ztm('file', 'ls', '--hash')
  assert.equal(
    stdout,
    `PATH                    SIZE    FILES  TIME       SOURCES  SHARED    TAGS  HASH
/users/root/docs/a.pdf  1.2 MB  -      2 min ago  office   bob,@ops  work  ${'ab'.repeat(32)}
`,
  )
  assert.equal(stderr, 'ztm: not asked: attic of bob: offline\n')
})

test('names of files cannot move the cursor', async t => {
  const { ztm, daemons } = await lab(t)
  const path = '/users/root/\u001b[2J\u202egpj\nrow'
  daemons.answer('files.findFiles', () => ({ items: [{ ...FAKE_FILE, path }], unanswered: [] }))
  daemons.answer('files.showJob', () => ({ ...FAKE_JOB, path, file: path, skipped: [path] }))
  const outputs = [
    await ztm('file', 'ls'),
    await ztm('get', 'file', '-o', 'name'),
    await ztm('file', 'get', 'docs/a.pdf'),
  ]
  for (const { stdout, stderr } of outputs) {
    assert.doesNotMatch(stdout + stderr.replace(/^\{.*\}$/m, ''), /[\u001b\u202e]/)
  }
})

test('file get puts it into a folder that is there, under its name, and tells how far it is in JSON', async t => {
  const { ztm, daemons, folder } = await lab(t)
  mkdirSync(folder.file('down'))
  const { code, stdout, stderr } = await ztm(
    'file',
    'get',
    '/users/root/docs/a.pdf',
    '--to',
    'down',
    '--force',
    '--no-hold',
  )
  assert.equal(code, 0)
  assert.equal(stdout, 'Fetched /users/root/docs/a.pdf to /here/a.pdf from office: 1 file, 1.2 MB\n')
  assert.deepEqual(JSON.parse(stderr), {
    job: FAKE_JOB.id,
    kind: 'download',
    path: FAKE_FILE.path,
    doneBytes: 1_234_567,
    totalBytes: 1_234_567,
    doneFiles: 1,
    totalFiles: 1,
  })
  assert.deepEqual(daemons.calls.find(({ route }) => route === 'files.download')?.body, {
    path: '/users/root/docs/a.pdf',
    file: folder.file('down/a.pdf'),
    mayReplace: true,
    isHeld: false,
  })
})

test('file erase wants to be sure', async t => {
  const { ztm, daemons } = await lab(t)
  const { code, stderr } = await ztm('file', 'erase', 'docs/a.pdf')
  assert.deepEqual([code, daemons.calls.some(({ route }) => route === 'files.withdraw')], [2, false])
  assert.match(stderr, /--yes/)
})

test('a bar shows how far it is, how fast, and how long it takes', () => {
  const progress = { doneBytes: 2_600_000, totalBytes: 10_000_000, doneFiles: 3, totalFiles: 7 }
  assert.equal(
    formatBar(progress, 1_300_000),
    '[#####...............]  26 %  2.6 MB of 10.0 MB  3 of 7 files  1.3 MB/s  0:06 left',
  )
  assert.equal(
    formatBar({ ...progress, totalBytes: 0, doneBytes: 0 }, undefined),
    '[....................]   0 %  0 B of 0 B  3 of 7 files',
  )
})
