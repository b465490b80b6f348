import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { RELEASE_LIMITS, type Release, releaseBodyShape } from '../core/app/release.ts'
import { openPublisherKey, type PublisherKey } from '../pki/publisher-key.ts'
import { type ControllerRig, type Member, openControllerRig, STRANGER } from '../testing/controller-rig.ts'
import { assertRefused } from '../testing/refusal.ts'

function makeKey(): Promise<PublisherKey> {
  return openPublisherKey({ readSecret: async () => undefined, writeSecret: async () => {} })
}

function releaseOf(rig: ControllerRig, key: PublisherKey, version: string, change: object = {}): Release {
  return key.sign(
    releaseBodyShape.parse({
      mesh: rig.authority.mesh,
      provider: 'alice',
      name: 'notes',
      version,
      channel: 'stable',
      hash: version.replaceAll(/\D/g, '').padEnd(64, '0'),
      sizeBytes: 100,
      manifestText: JSON.stringify({ name: 'notes', version, description: 'Notes for all' }),
      users: ['*'],
      groups: [],
      publishedAtMs: rig.clock.now(),
      ...change,
    }),
  )
}

function publish(rig: ControllerRig, by: Member, release: Release, isNewKey = false) {
  const params = { provider: 'alice', app: release.name }
  return rig.ask('publishRelease', by.caller, { params, body: { release, isNewKey } })
}

const versionsFor = async (rig: ControllerRig, by: Member) =>
  (await rig.ask('listReleases', by.caller, {})).releases.map(
    ({ version, channel }) => `${version} ${channel}`,
  )

test('publishing: everybody sees the newest of each channel, and the releases as they were signed', async () => {
  await using rig = await openControllerRig()
  const [alice, bob] = [await rig.joinAs('alice', 'one'), await rig.joinAs('bob', 'two')]
  const key = await makeKey()
  for (const version of ['1.0.0', '1.10.0']) await publish(rig, alice, releaseOf(rig, key, version))
  await publish(rig, alice, releaseOf(rig, key, '2.0.0-b.1', { channel: 'beta' }))
  assert.deepEqual(await versionsFor(rig, bob), ['2.0.0-b.1 beta', '1.10.0 stable'])
  const { releases } = await rig.ask('showReleases', bob.caller, {
    params: { provider: 'alice', app: 'notes' },
  })
  const shown = CONTROLLER_API.showReleases.response.parse({ releases })
  assert.deepEqual(shown.releases.map(({ version }) => version).sort(), ['1.0.0', '1.10.0', '2.0.0-b.1'])
})

test('publishing under another name, or a release that somebody else signed, is refused', async () => {
  await using rig = await openControllerRig()
  const [alice, bob, root] = [
    await rig.joinAs('alice', 'one'),
    await rig.joinAs('bob', 'two'),
    await rig.join({ name: 'home' }),
  ]
  const [key, other] = [await makeKey(), await makeKey()]
  const good = releaseOf(rig, key, '1.0.0')
  await assertRefused(publish(rig, bob, good), 'denied', /publish as bob\/notes/)
  await assertRefused(publish(rig, root, good), 'denied')
  const forged = [
    { ...good, version: '1.0.1' as never },
    { ...good, hash: 'f'.repeat(64) },
    { ...good, publicKey: other.publicKey },
    releaseOf(rig, key, '1.0.0', { manifestText: '{"name":"other","version":"1.0.0"}' }),
  ]
  for (const release of forged) await assertRefused(publish(rig, alice, release), 'not-trusted')
  await assertRefused(publish(rig, alice, releaseOf(rig, key, '1.0.0', { mesh: 'another' })), 'bad-input')
  await assertRefused(rig.ask('listReleases', STRANGER, {}), 'not-trusted')
  assert.deepEqual(await versionsFor(rig, bob), [])
})

test('versions rise, also past withdrawn ones; another key is meant or refused', async () => {
  await using rig = await openControllerRig()
  const [alice, bob, root] = [
    await rig.joinAs('alice', 'one'),
    await rig.joinAs('bob', 'two'),
    await rig.join({ name: 'home' }),
  ]
  const [key, other] = [await makeKey(), await makeKey()]
  const first = releaseOf(rig, key, '1.0.0')
  await publish(rig, alice, first)
  await publish(rig, alice, first)
  await assertRefused(publish(rig, alice, releaseOf(rig, key, '1.0.0', { hash: 'f'.repeat(64) })), 'conflict')
  await assertRefused(publish(rig, alice, releaseOf(rig, key, '0.9.0')), 'conflict', /raise "version"/)
  rig.clock.advance(1_000)
  await assertRefused(publish(rig, alice, releaseOf(rig, other, '1.1.0')), 'conflict', /--new-key/)
  await publish(rig, alice, releaseOf(rig, other, '1.1.0'), true)
  rig.clock.advance(1_000)
  await publish(rig, alice, releaseOf(rig, other, '1.2.0'))
  const params = { provider: 'alice', app: 'notes' }
  await assertRefused(rig.ask('withdrawRelease', bob.caller, { params }), 'denied')
  assert.deepEqual(await rig.ask('withdrawRelease', alice.caller, { params, query: { version: '1.2.0' } }), {
    count: 1,
  })
  assert.deepEqual(await versionsFor(rig, bob), ['1.1.0 stable'])
  await assertRefused(
    publish(rig, alice, releaseOf(rig, other, '1.2.0', { hash: 'f'.repeat(64) })),
    'conflict',
  )
  assert.deepEqual(await rig.ask('withdrawRelease', root.caller, { params }), { count: 3 })
  assert.deepEqual(await versionsFor(rig, bob), [])
})

test('a release for some is seen by them and its provider alone, and survives a restart', async () => {
  await using rig = await openControllerRig()
  const [alice, bob, carol] = [
    await rig.joinAs('alice', 'one'),
    await rig.joinAs('bob', 'two'),
    await rig.joinAs('carol', 'three'),
  ]
  await publish(rig, alice, releaseOf(rig, await makeKey(), '1.0.0', { users: ['bob'] }))
  await rig.reopen()
  assert.deepEqual(await Promise.all([alice, bob, carol].map(by => versionsFor(rig, by))), [
    ['1.0.0 stable'],
    ['1.0.0 stable'],
    [],
  ])
  const params = { provider: 'alice', app: 'notes' }
  await assertRefused(rig.ask('showReleases', carol.caller, { params }), 'not-found')
})

test('a release for a group is seen by its members, while there is such a group', async () => {
  await using rig = await openControllerRig()
  const [alice, bob, root] = [
    await rig.joinAs('alice', 'one'),
    await rig.joinAs('bob', 'two'),
    await rig.join({ name: 'home' }),
  ]
  await publish(rig, alice, releaseOf(rig, await makeKey(), '1.0.0', { users: [], groups: ['staff'] }))
  assert.deepEqual(await versionsFor(rig, bob), [])
  await rig.ask('createGroup', root.caller, { body: { name: 'staff', users: ['bob'] } })
  assert.deepEqual(await versionsFor(rig, bob), ['1.0.0 stable'])
  await rig.ask('deleteGroup', root.caller, { params: { group: 'staff' } })
  assert.deepEqual(await versionsFor(rig, bob), [])
})

test('the apps of an evicted user are gone from the catalogue', async () => {
  await using rig = await openControllerRig()
  const [alice, bob, root] = [
    await rig.joinAs('alice', 'one'),
    await rig.joinAs('bob', 'two'),
    await rig.join({ name: 'home' }),
  ]
  await publish(rig, alice, releaseOf(rig, await makeKey(), '1.0.0'))
  rig.clock.advance(5_000)
  await rig.ask('evict', root.caller, { body: { user: 'alice' } })
  assert.deepEqual(await versionsFor(rig, bob), [])
})

test('what one user may publish is limited, and of a channel the oldest make room', async () => {
  await using rig = await openControllerRig()
  const alice = await rig.joinAs('alice', 'one')
  const key = await makeKey()
  for (let minor = 0; minor <= RELEASE_LIMITS.perChannel; minor++)
    await publish(rig, alice, releaseOf(rig, key, `1.${minor}.0`))
  const { releases } = await rig.ask('showReleases', alice.caller, {
    params: { provider: 'alice', app: 'notes' },
  })
  assert.equal(releases.length, RELEASE_LIMITS.perChannel)
  assert.equal(
    releases.some(({ version }) => String(version) === '1.0.0'),
    false,
  )
  for (let count = 1; count < RELEASE_LIMITS.appsPerUser; count++) {
    const name = `notes-${count}`
    await publish(
      rig,
      alice,
      releaseOf(rig, key, '1.0.0', { name, manifestText: JSON.stringify({ name, version: '1.0.0' }) }),
    )
  }
  const more = { name: 'more', manifestText: '{"name":"more","version":"1.0.0"}' }
  await assertRefused(publish(rig, alice, releaseOf(rig, key, '1.0.0', more)), 'too-many')
})
