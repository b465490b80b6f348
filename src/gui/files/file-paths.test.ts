import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diskCrumbs, formatDiskPlace, joinDisk, lastName, meshCrumbs, topNames } from './file-paths.ts'

test('paths are cut into names, each with the way to it', () => {
  assert.deepEqual(meshCrumbs('/users/bob/a/b'), [
    { name: 'bob', path: '/users/bob' },
    { name: 'a', path: '/users/bob/a' },
    { name: 'b', path: '/users/bob/a/b' },
  ])
  assert.deepEqual(meshCrumbs('/'), [])
  const paths = (path: string) => diskCrumbs(path).map(one => one.path)
  assert.deepEqual(paths('/srv/x'), ['/', '/srv', '/srv/x'])
  assert.deepEqual(paths('~/Documents/'), ['~', '~/Documents'])
  assert.deepEqual(paths('C:\\Users\\ann'), ['C:\\', 'C:\\Users', 'C:\\Users\\ann'])
})

test('names are put together and taken off', () => {
  assert.deepEqual(
    [joinDisk('~', 'a'), joinDisk('/', 'a'), joinDisk('C:\\x', 'a'), joinDisk('/x', 'a b')],
    ['~/a', '/a', 'C:\\x\\a', '/x/a b'],
  )
  assert.deepEqual([lastName('a/b'), lastName('/users/ann/'), lastName('a')], ['b', 'ann', 'a'])
  assert.equal(formatDiskPlace({ endpoint: 'nas', user: 'bob', path: '/srv' }), 'bob@nas:/srv')
  assert.equal(formatDiskPlace({ endpoint: 'nas', path: '~' }), 'nas:~')
  assert.equal(formatDiskPlace({ path: '/x' }), '/x')
  const file = 0
  assert.deepEqual(
    topNames([
      { file, path: 'a/b' },
      { file, path: 'a/c' },
      { file, path: 'd' },
    ]),
    ['a', 'd'],
  )
})
