import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { z } from 'zod'
import { openSqliteStore } from '../store/sqlite-store.ts'
import { limitStore } from '../testing/limited-store.ts'
import { createRecordedLog } from '../testing/recorded-log.ts'
import { assertRefused } from '../testing/refusal.ts'
import { discard, openTable } from './table.ts'

const shape = z.object({ id: z.string(), count: z.number(), note: z.string().optional() })

async function openFruit(onRow?: (next: unknown, previous: unknown) => void) {
  const store = limitStore(await openSqliteStore(':memory:'))
  const log = createRecordedLog()
  const open = () =>
    openTable({ store, log, prefix: 'fruit', shape, idOf: row => row.id, ...(onRow && { onRow }) })
  return { store, log, open, table: await open() }
}

suite('openTable()', () => {
  test('gives back after a restart what was put', async () => {
    const { table, open } = await openFruit()
    await table.put({ id: 'apple', count: 1 })
    await table.put({ id: 'pear', count: 2, note: 'ripe' })
    await table.put({ id: 'apple', count: 3, note: undefined })
    await table.delete('pear')
    await table.delete('plum')
    assert.deepEqual([...(await open()).values()], [{ id: 'apple', count: 3 }])
  })

  test('changes nothing when the store refuses', async () => {
    const seen: unknown[] = []
    const { table, store } = await openFruit((next, previous) => seen.push([next, previous]))
    await table.put({ id: 'apple', count: 1 })
    store.writesLeft = 0
    await assertRefused(table.put({ id: 'apple', count: 2 }), 'storage-full')
    await assertRefused(table.put({ id: 'pear', count: 2 }), 'storage-full')
    await assertRefused(table.delete('apple'), 'storage-full')
    assert.deepEqual([...table.values()], [{ id: 'apple', count: 1 }])
    assert.deepEqual(seen, [[{ id: 'apple', count: 1 }, undefined]])
    store.writesLeft = 1
    await table.put({ id: 'apple', count: 2 })
    assert.equal(table.get('apple')?.count, 2)
  })

  test('passes over records that are not of their shape, logs them, and lets them be replaced', async () => {
    const { store, log, open } = await openFruit()
    await store.put('fruit/apple', { id: 'apple', count: 'many' })
    await store.put('fruit/pear', null)
    await store.put('fruit/plum', { id: 'cherry', count: 1 })
    await store.put('fruit/fig', { id: 'fig', count: 1 })
    const table = await open()
    assert.deepEqual([...table.values()], [{ id: 'fig', count: 1 }])
    assert.deepEqual(
      log.fieldsOf('record.unreadable').map(({ key }) => key),
      ['fruit/apple', 'fruit/pear', 'fruit/plum'],
    )
    await table.put({ id: 'apple', count: 1 })
    assert.equal((await open()).get('apple')?.count, 1)
  })

  test('does not write over what another writer put, and sees it from then on', async () => {
    const { table, open } = await openFruit()
    const other = await open()
    await table.put({ id: 'apple', count: 1 })
    await assertRefused(other.put({ id: 'apple', count: 2 }), 'conflict')
    assert.equal(other.get('apple')?.count, 1)
    await other.put({ id: 'apple', count: 2 })
    await other.delete('apple')
    await assertRefused(table.put({ id: 'apple', count: 3 }), 'conflict')
    assert.equal(table.get('apple'), undefined)
    await table.put({ id: 'apple', count: 3 })
  })
})

suite('discard()', () => {
  test('takes a row out of memory though the store keeps it', async () => {
    const { table, store, log, open } = await openFruit()
    await table.put({ id: 'apple', count: 1 })
    store.writesLeft = 0
    await discard(table, 'apple', log)
    assert.equal(table.get('apple'), undefined)
    assert.equal((await open()).get('apple')?.count, 1)
    assert.deepEqual(log.fieldsOf('record.kept'), [{ id: 'apple', code: 'storage-full' }])
  })
})
