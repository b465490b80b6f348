import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { it } from 'node:test'

import { mountSmallDisk } from '../testing/small-disk.ts'
import { openSqliteStore } from './sqlite-store.ts'

it('put() fails as storage-full, keeps the old state and works again when the disk was full', async t => {
  using disk = mountSmallDisk(t, DISK_BYTES)
  if (disk === undefined) return
  const file = disk.file('ztm.db')
  let store = await openSqliteStore(file)
  await store.put('user/bob', 'before')
  await store.put('user/al', 'before')
  const before = await store.list('')
  const told: string[] = []
  store.watch('', ({ key }) => told.push(key))
  const free = disk.fill()

  const writes = [store.put('user/bob', LARGE), store.put('user/carol', LARGE), store.delete('user/al')]
  for (const write of writes)
    await assert.rejects(write, { code: 'storage-full', message: /disk is full: free/ })
  assert.deepEqual(await store.list(''), before)
  assert.deepEqual(told, [])

  // Whoever looks at the file now, after a crash say, finds the old state too.
  const other = new DatabaseSync(file, { readOnly: true })
  assert.equal(other.prepare('SELECT count(*) AS count FROM entry').get()?.count, 2)
  other.close()

  free()
  const revision = await store.put('user/bob', LARGE)
  await store.delete('user/al')
  assert.deepEqual(told, ['user/bob', 'user/al'])
  await store[Symbol.asyncDispose]()
  store = await openSqliteStore(file)
  assert.deepEqual(await store.list(''), [{ key: 'user/bob', value: LARGE, revision }])
  await store[Symbol.asyncDispose]()
})

it('put() keeps every acknowledged change when the disk fills up while it writes', async t => {
  using disk = mountSmallDisk(t, DISK_BYTES)
  if (disk === undefined) return
  const file = disk.file('ztm.db')
  const acknowledged: string[] = []
  for (let round = 0; round < 3; round += 1) {
    const store = await openSqliteStore(file, { checkpointPages: 8 })
    let failures = 0
    for (let index = 0; failures < 3; index += 1) {
      const key = `round/${round}/${index}`
      try {
        await store.put(key, LARGE.slice(index))
        acknowledged.push(key)
      } catch (thrown) {
        assert.equal((thrown as { code?: unknown }).code, 'storage-full')
        failures += 1
      }
    }
    assert.deepEqual(
      (await store.list('')).map(({ key }) => key),
      acknowledged.toSorted(),
    )
    await store[Symbol.asyncDispose]()
  }
  await using store = await openSqliteStore(file)
  assert.deepEqual(
    (await store.list('')).map(({ key }) => key),
    acknowledged.toSorted(),
  )
  assert.ok(acknowledged.length > 10, `only ${acknowledged.length} changes fitted`)
})

it('openSqliteStore() fails as storage-full when the disk has no room for a new store', async t => {
  using disk = mountSmallDisk(t, DISK_BYTES)
  if (disk === undefined) return
  const free = disk.fill()
  await assert.rejects(openSqliteStore(disk.file('ztm.db')), { code: 'storage-full' })
  free()
  await using store = await openSqliteStore(disk.file('ztm.db'))
  assert.equal(await store.put('a', 1), 1)
})

const DISK_BYTES = 1024 * 1024
const LARGE = 'x'.repeat(50_000)
