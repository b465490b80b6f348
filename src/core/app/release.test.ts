import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseUserName } from '../model/names.ts'
import {
  checkNext,
  chooseRelease,
  isNewer,
  listedReleaseShape,
  manifestOf,
  mayRead,
  parseWantedApp,
  signedText,
} from './release.ts'

function releaseOf(version: string, change: object = {}) {
  return listedReleaseShape.parse({
    mesh: 'm',
    provider: 'alice',
    name: 'notes',
    version,
    channel: 'stable',
    hash: version.replaceAll(/\D/g, '').padEnd(64, '0'),
    sizeBytes: 100,
    manifestText: JSON.stringify({ name: 'notes', version }),
    users: ['*'],
    groups: [],
    publishedAtMs: 1,
    publicKey: 'k'.repeat(43),
    signature: 's'.repeat(86),
    isWithdrawn: false,
    ...change,
  })
}

test('every member of a release changes what is signed', () => {
  const release = releaseOf('1.0.0')
  const before = signedText(release)
  const changes = {
    mesh: 'n',
    provider: 'bob',
    name: 'other',
    version: '1.0.1',
    channel: 'beta',
    hash: 'f'.repeat(64),
    sizeBytes: 101,
    manifestText: '{}',
    users: ['bob'],
    groups: ['staff'],
    publishedAtMs: 2,
  }
  for (const [member, value] of Object.entries(changes))
    assert.notEqual(signedText({ ...release, [member]: value }), before, member)
})

test('checkNext(): versions of a channel only rise, and a version is one hash for ever', () => {
  const before = [releaseOf('1.0.0'), releaseOf('1.1.0'), releaseOf('2.0.0-beta.1', { channel: 'beta' })]
  for (const version of ['1.1.1', '2.0.0']) checkNext(before, releaseOf(version))
  // A version that was tried in one channel goes to another as it is.
  checkNext(before, releaseOf('2.0.0-beta.1'))
  checkNext(before, releaseOf('2.0.0-beta.2', { channel: 'beta' }))
  for (const version of ['1.1.0', '1.0.5', '1.1.0-rc.1'])
    assert.throws(() => checkNext(before, releaseOf(version)), { code: 'conflict' }, version)
  assert.throws(() => checkNext(before, releaseOf('2.0.0-beta.1', { hash: 'f'.repeat(64) })), {
    code: 'conflict',
  })
  const withdrawn = [releaseOf('3.0.0', { isWithdrawn: true })]
  assert.throws(() => checkNext(withdrawn, releaseOf('2.0.0')), { code: 'conflict' })
})

test('chooseRelease() takes the highest of the channel, and nothing withdrawn unless it is named', () => {
  const releases = [
    releaseOf('1.0.0'),
    releaseOf('1.10.0'),
    releaseOf('1.9.0'),
    releaseOf('1.11.0', { isWithdrawn: true }),
    releaseOf('2.0.0-beta.1', { channel: 'beta' }),
  ]
  const chosen = (wish: string) => chooseRelease(releases, parseWantedApp(`alice/notes${wish}`)).version
  assert.deepEqual(['', '@1.9.0', '@^1.0.0', '@~1.9', '@beta', '@1.11.0', '@2.0.0-beta.1'].map(chosen), [
    '1.10.0',
    '1.9.0',
    '1.10.0',
    '1.9.0',
    '2.0.0-beta.1',
    '1.11.0',
    '2.0.0-beta.1',
  ])
  for (const wish of ['@nightly', '@3.x', '@^1.11'])
    assert.throws(() => chosen(wish), { code: 'not-found' }, wish)
})

test('parseWantedApp() refuses what is neither version, range nor channel', () => {
  for (const text of [
    'notes',
    'alice/notes@',
    'alice/notes@../x',
    `alice/notes@${'>1 '.repeat(60)}`,
    'a/b/c@1',
  ])
    assert.throws(() => parseWantedApp(text), text)
})

test('isNewer() is a strict order, by semver', () => {
  const version = fc
    .tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.constantFrom('', '-a', '-b.1'))
    .map(([a, b, c, d]) => `${a}.${b}.${c}${d}` as never)
  fc.assert(
    fc.property(
      version,
      version,
      (a, b) => Number(isNewer(a, b)) + Number(isNewer(b, a)) === Number(a !== b),
    ),
  )
})

test('manifestOf() refuses the manifest of another app or version', () => {
  assert.equal(manifestOf(releaseOf('1.0.0')).name, 'notes')
  assert.throws(
    () => manifestOf(releaseOf('1.0.0', { manifestText: '{"name":"notes","version":"1.0.1"}' })),
    { code: 'not-trusted' },
  )
  assert.throws(
    () => manifestOf(releaseOf('1.0.0', { manifestText: '{"name":"other","version":"1.0.0"}' })),
    { code: 'not-trusted' },
  )
})

test('mayRead(): its provider, those named, members of a group; an empty list is nobody', () => {
  const member = (user: string, ...groups: string[]) => ({ user: parseUserName(user), groups })
  const kept = releaseOf('1.0.0', { users: ['bob'], groups: ['staff'] })
  assert.deepEqual(
    [member('alice'), member('bob'), member('carol', 'staff'), member('carol', 'other'), member('carol')].map(
      one => mayRead(kept, one),
    ),
    [true, true, true, false, false],
  )
  assert.equal(mayRead(releaseOf('1.0.0', { users: [] }), member('bob')), false)
})
