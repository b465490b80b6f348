import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseName, parseUserName } from '../model/names.ts'
import { mayRead, unionOfAccess } from './file-access.ts'
import { fitsPattern, formatMeshPath, parseMeshPath, pathBelow } from './mesh-path.ts'

const bob = parseUserName('bob')

test('parseMeshPath() reads places of everybody and of oneself', () => {
  assert.deepEqual(parseMeshPath('/users/ann/a/ä b', bob), { owner: 'ann', path: 'a/ä b' })
  assert.deepEqual(parseMeshPath('a/b/', bob), { owner: 'bob', path: 'a/b' })
  assert.deepEqual(parseMeshPath('/users/ann/', bob), { owner: 'ann', path: '' })
  assert.deepEqual(parseMeshPath('/', bob), { owner: undefined, path: '' })
  assert.equal(formatMeshPath(bob, 'a'), '/users/bob/a')
})

test('parseMeshPath() refuses what could mean another place', () => {
  for (const text of [
    '/users/ann/../bob/x',
    '../x',
    '/users/../x',
    '/users/./x',
    '/users/ann//x',
    '/etc',
    '//users/x',
    '/users//x',
    'a\0',
    '/users/a b/x',
    '/users/ann/x/.',
  ])
    assert.throws(() => parseMeshPath(text, bob), { code: 'bad-name' }, text)
})

test('pathBelow() knows a folder from a name that begins alike', () => {
  assert.deepEqual(
    [
      pathBelow('a/b', 'a'),
      pathBelow('a', 'a'),
      pathBelow('ab', 'a'),
      pathBelow('a', ''),
      pathBelow('a', 'a/b'),
    ],
    ['b', '', undefined, 'a', undefined],
  )
})

test('fitsPattern() knows stars and question marks, and is not slow with many', () => {
  const fits = (name: string, pattern: string) => fitsPattern(name, pattern)
  assert.deepEqual(
    [
      fits('docs/Report.PDF', 'report'),
      fits('docs/Report.pdf', '*.pdf'),
      fits('docs/a.pdf', 'docs/*'),
      fits('docs/a/b', 'docs/*'),
      fits('docs/a/b', 'docs/**'),
      fits('ab', 'a?'),
      fits('a/', 'a?'),
      fits('Ä', 'a\u0308'),
    ],
    [true, true, true, false, true, true, false, true],
  )
  assert.equal(fits('a'.repeat(4_000), `${'*a'.repeat(100)}b`), false)
})

test('mayRead() lets in the owner, who is named, members of groups, and else nobody', () => {
  const none = { users: [], groups: [], everyone: false }
  const reader = (user: string, ...groups: string[]) => ({
    user: parseUserName(user),
    groups: groups.map(group => parseName(group)),
  })
  assert.equal(mayRead(bob, none, reader('bob')), true)
  assert.equal(mayRead(bob, none, reader('ann', 'x')), false)
  assert.equal(mayRead(bob, { ...none, users: [parseUserName('ann')] }, reader('ann')), true)
  assert.equal(mayRead(bob, { ...none, groups: [parseName('x')] }, reader('ann', 'x')), true)
  assert.equal(mayRead(bob, { ...none, groups: [parseName('x')] }, reader('ann')), false)
  assert.equal(mayRead(bob, { ...none, everyone: true }, reader('ann')), true)
  assert.deepEqual(
    unionOfAccess([
      { owner: bob, access: { ...none, groups: [parseName('x')] } },
      { owner: bob, access: { ...none, users: [parseUserName('ann')] } },
    ]),
    {
      users: ['ann', 'bob'],
      groups: ['x'],
      everyone: false,
    },
  )
})
