import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { FAKE_INSTALLED } from '../../testing/fake-apps.ts'
import { type FakeDaemons, startFakeDaemons } from '../../testing/fake-daemons.ts'
import { openLab } from '../recorded-world.ts'

const serve = (dataFolder: string) => startFakeDaemons(dataFolder, ['agent'])
const sent = (daemons: FakeDaemons, name: string) => daemons.calls.filter(({ route }) => route === name)
const lastOf = (daemons: FakeDaemons, name: string) => sent(daemons, name).at(-1)
const bodyOf = (daemons: FakeDaemons, name: string) =>
  ({ ...(lastOf(daemons, name)?.body as object) }) as Record<string, unknown>

test('get app shows what is here, what is newer, and what could be installed', async t => {
  const { ztm, daemons } = await openLab(t, serve)
  const { stdout } = await ztm('get', 'app')
  assert.match(stdout, /^ztm\/tunnel +- +built in +running +- +ztm$/m)
  assert.match(stdout, /^alice\/notes +1\.0\.0 +stable +running +1\.1\.0 +alice$/m)
  assert.match(stdout, /^bob\/game +1\.1\.0 +stable +available +- +bob$/m)
  daemons.answer('agent.listReleases', () => {
    throw new Error('no mesh')
  })
  const offline = await ztm('get', 'app')
  assert.match(offline.stdout, /^alice\/notes +1\.0\.0/m)
  assert.match(offline.stderr, /the catalogue is not shown/)
})

test('describe app tells what it may and may not, and its releases', async t => {
  const { ztm } = await openLab(t, serve)
  const { stdout } = await ztm('describe', 'app', 'notes')
  assert.match(stdout, /keep records of its own here/)
  assert.match(stdout, /^1\.1\.0 +stable/m)
  assert.match((await ztm('describe', 'app', 'tunnel')).stdout, /built in/)
})

test('install shows what is asked for, and asks; a no changes nothing', async t => {
  const no = await openLab(t, serve, { isTerminal: true, stdin: 'n\n' })
  const refused = await no.ztm('install', 'app', 'alice/notes')
  assert.match(
    refused.stdout,
    /! connect to example\.com:443 outside the mesh {2}\[network:example\.com:443\]/,
  )
  assert.match(refused.stdout, new RegExp(`Publisher's key: ${FAKE_INSTALLED.publicKey}`))
  assert.match(refused.stderr, /did not consent/)
  assert.equal(refused.code, 4)
  assert.deepEqual(sent(no.daemons, 'agent.installApp'), [])
  const yes = await openLab(t, serve, { isTerminal: true, stdin: 'y\n' })
  assert.equal((await yes.ztm('install', 'app', 'alice/notes')).code, 0)
  assert.deepEqual(lastOf(yes.daemons, 'agent.installApp')?.body, {
    hash: 'b'.repeat(64),
    grants: ['network:example.com:443', 'storage'],
    isNewKeyMeant: false,
    isOlderMeant: false,
    isStarted: true,
  })
})

test('install without a terminal needs --yes or --grant', async t => {
  const { ztm, daemons } = await openLab(t, serve)
  const refused = await ztm('install', 'app', 'alice/notes')
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /--yes .* --grant KEY/)
  assert.match(refused.stderr, /connect to example\.com:443/)
  await ztm(
    'install',
    'app',
    'alice/notes@beta',
    '--grant',
    'none',
    '--no-start',
    '--accept-new-key',
    '--allow-older',
  )
  assert.deepEqual(lastOf(daemons, 'agent.installApp')?.body, {
    wish: 'beta',
    hash: 'b'.repeat(64),
    grants: ['storage'],
    isNewKeyMeant: true,
    isOlderMeant: true,
    isStarted: false,
  })
  await ztm('download', 'app', 'alice/notes', '--yes')
  assert.equal(bodyOf(daemons, 'agent.installApp').isStarted, false)
})

test('update says when there is nothing newer, and keeps what was granted', async t => {
  const { ztm, daemons } = await openLab(t, serve)
  assert.equal((await ztm('update', 'app', 'notes')).code, 2)
  await ztm('update', 'app', 'notes', '--grant', 'network:example.com:443')
  assert.deepEqual(bodyOf(daemons, 'agent.installApp').grants, ['storage', 'network:example.com:443'])
  daemons.answer('agent.showInstalled', () => ({ ...FAKE_INSTALLED, hash: 'b'.repeat(64) }))
  assert.match((await ztm('update', 'app', 'notes')).stdout, /up to date: 1\.0\.0/)
})

test('start, stop, enable, disable, rollback and erase say what became of the app', async t => {
  const { ztm, daemons } = await openLab(t, serve)
  for (const [verb, body] of [
    ['start', { isRunning: true }],
    ['stop', { isRunning: false }],
    ['disable', { isDisabled: true }],
    ['enable', { isDisabled: false }],
  ] as const) {
    assert.equal((await ztm(verb, 'app', 'notes')).stdout, 'App alice/notes 1.0.0 is running\n')
    assert.deepEqual(lastOf(daemons, 'agent.changeInstalled')?.body, body)
  }
  assert.match((await ztm('rollback', 'app', 'notes')).stdout, /back at 0\.9\.0/)
  await ztm('erase', 'app', 'notes', '--keep-data')
  assert.equal(lastOf(daemons, 'agent.eraseInstalled')?.query?.data, 'keep')
  assert.match((await ztm('stop', 'app', 'none')).stderr, /Cannot find app "none": not installed/)
  assert.equal((await ztm('stop', 'app')).code, 2)
  assert.equal((await ztm('stop', 'hub', 'x')).code, 2)
})

test('publish sends the whole path of the folder, and for whom', async t => {
  const { ztm, daemons, folder } = await openLab(t, serve)
  assert.match(
    (await ztm('publish', 'app', 'notes')).stdout,
    /^Published alice\/notes 1\.1\.0 in channel stable/,
  )
  assert.deepEqual(lastOf(daemons, 'agent.publishApp')?.body, {
    folder: folder.file('notes'),
    channel: 'stable',
    users: ['*'],
    groups: [],
    isNewKey: false,
  })
  await ztm('publish', 'app', 'notes', '--groups', 'ops', '--channel', 'beta', '--release', '1.1.0')
  const { users, groups, channel, version } = bodyOf(daemons, 'agent.publishApp')
  assert.deepEqual(
    { users, groups, channel, version },
    { users: [], groups: ['ops'], channel: 'beta', version: '1.1.0' },
  )
  await ztm('--ep', 'office', 'publish', 'app', '/srv/notes')
  assert.equal(bodyOf(daemons, 'agent.publishApp').folder, '/srv/notes')
  assert.equal((await ztm('unpublish', 'app', 'notes@1.0.0')).stdout, 'Took back 2 releases of root/notes\n')
  assert.deepEqual(lastOf(daemons, 'agent.unpublishApp')?.query, { version: '1.0.0' })
})

test('the publisher key is written for its owner alone', async t => {
  const { ztm, folder } = await openLab(t, serve)
  await ztm('publisher', 'export', 'key.pem')
  assert.equal(statSync(folder.file('key.pem')).mode & 0o777, 0o600)
  assert.match(readFileSync(folder.file('key.pem'), 'utf8'), /PRIVATE KEY/)
  assert.match((await ztm('publisher', 'import', 'key.pem')).stdout, /Publisher's key is k+ now/)
})

test('completion offers what could be installed, and what is', async t => {
  const { ztm } = await openLab(t, serve)
  assert.match((await ztm('__complete', 'zsh', '--', 'install', 'app', '')).stdout, /^bob\/game\b/m)
  assert.match((await ztm('__complete', 'zsh', '--', 'rollback', 'app', '')).stdout, /^alice\/notes\b/m)
})
