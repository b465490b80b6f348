import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'

import { storeContract } from '../testing/contracts/store-contract.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { openSqliteStore } from './sqlite-store.ts'

storeContract('SQLite in memory', async () => {
  const store = await openSqliteStore(':memory:')
  return { store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
})

storeContract('SQLite in a file', async () => {
  const folder = makeScratchFolder()
  const store = await openSqliteStore(folder.file('ztm.db'))
  return {
    store,
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
})

describe('openSqliteStore()', () => {
  it('gives back everything, with revisions that go on, when the file is opened again', async () => {
    using folder = makeScratchFolder()
    const before = await openSqliteStore(folder.file('ztm.db'))
    await before.put('user/bob', { a: 1 })
    const deleted = await before.put('user/al', 1)
    await before.delete('user/al')
    const listed = await before.list('')
    await before[Symbol.asyncDispose]()
    await using after = await openSqliteStore(folder.file('ztm.db'))
    assert.deepEqual(await after.list(''), listed)
    assert.ok((await after.put('user/al', 2)) > deleted + 1)
  })

  it('makes every file with mode 0600, whatever the mask', async () => {
    using folder = makeScratchFolder()
    const mask = process.umask(0)
    try {
      await using store = await openSqliteStore(folder.file('ztm.db'))
      await store.put('a', 1)
      assert.deepEqual(modes(folder.path), { 'ztm.db': '600', 'ztm.db-shm': '600', 'ztm.db-wal': '600' })
    } finally {
      process.umask(mask)
    }
  })

  it('takes back rights that a group or others got on the file', async () => {
    using folder = makeScratchFolder()
    await (await openSqliteStore(folder.file('ztm.db')))[Symbol.asyncDispose]()
    chmodSync(folder.file('ztm.db'), 0o664)
    writeFileSync(folder.file('ztm.db-wal'), '', { mode: 0o666 })
    await using _store = await openSqliteStore(folder.file('ztm.db'))
    assert.deepEqual(new Set(Object.values(modes(folder.path))), new Set(['600']))
  })

  it('lets two stores write one file in turn', async () => {
    using folder = makeScratchFolder()
    await using one = await openSqliteStore(folder.file('ztm.db'))
    await using two = await openSqliteStore(folder.file('ztm.db'))
    const revision = await one.put('a', 1)
    assert.equal(await two.put('a', 2, { expected: revision }), revision + 1)
    assert.equal((await one.get('a'))?.value, 2)
  })

  it('reads a file of schema 1', async () => {
    using folder = makeScratchFolder()
    const old = new DatabaseSync(folder.file('ztm.db'))
    old.exec(SCHEMA_1_FILE)
    old.close()
    await using store = await openSqliteStore(folder.file('ztm.db'))
    assert.deepEqual(await store.list(''), [
      { key: 'mesh/home', value: { hubs: ['192.0.2.1:8888'] }, revision: 7 },
      { key: 'user/bob', value: null, revision: 3 },
    ])
    assert.equal(await store.put('user/bob', 1), 10)
  })

  it('refuses a file that is no store, or another program’s, or of a newer ztm', async () => {
    using folder = makeScratchFolder()
    writeFileSync(folder.file('text'), 'not a database\n'.repeat(400))
    await assert.rejects(openSqliteStore(folder.file('text')), {
      code: 'storage-failed',
      message: /no store/,
    })
    const other = new DatabaseSync(folder.file('other'))
    other.exec('CREATE TABLE note (text TEXT)')
    other.close()
    await assert.rejects(openSqliteStore(folder.file('other')), {
      code: 'storage-failed',
      message: /another program/,
    })
    await (await openSqliteStore(folder.file('newer')))[Symbol.asyncDispose]()
    const newer = new DatabaseSync(folder.file('newer'))
    newer.exec('PRAGMA user_version = 99')
    newer.close()
    await assert.rejects(openSqliteStore(folder.file('newer')), {
      code: 'unsupported',
      message: /update ztm/,
    })
  })

  it('refuses when the folder does not exist', async () => {
    using folder = makeScratchFolder()
    await assert.rejects(openSqliteStore(folder.file('none/ztm.db')), { code: 'storage-failed' })
    assert.deepEqual(readdirSync(folder.path), [])
  })
})

describe('SqliteStore', () => {
  it('put() shares a transaction when 500 are in flight', async () => {
    using folder = makeScratchFolder()
    await using store = await openSqliteStore(folder.file('ztm.db'))
    await store.put('first', 1)
    const before = commitCount(folder.file('ztm.db-wal'))
    await Promise.all(Array.from({ length: 500 }, (_, index) => store.put(`k/${index}`, index)))
    assert.equal(commitCount(folder.file('ztm.db-wal')) - before, 1)
  })

  it('put() spreads over several transactions when more is in flight than one should carry', async () => {
    await using store = await openSqliteStore(':memory:')
    let turns = 0
    const count = () => {
      turns += 1
      turning = setImmediate(count)
    }
    let turning = setImmediate(count)
    const large = 'x'.repeat(200 * 1024)
    await Promise.all(Array.from({ length: 60 }, (_, index) => store.put(`k/${index}`, large)))
    clearImmediate(turning)
    assert.ok(turns >= 3, `the event loop had ${turns} turns`)
    assert.equal((await store.list('')).length, 60)
  })

  it('put() resolves after the watchers were told', async () => {
    await using store = await openSqliteStore(':memory:')
    const told: string[] = []
    store.watch('', ({ key }) => told.push(key))
    await Promise.all([store.put('a', 1), store.put('b', 1)])
    assert.deepEqual(told, ['a', 'b'])
  })

  it('put() fails as storage-failed when another program holds the file, and works once it let go', async () => {
    using folder = makeScratchFolder()
    await using store = await openSqliteStore(folder.file('ztm.db'), { busyTimeoutMs: 0 })
    const other = new DatabaseSync(folder.file('ztm.db'))
    other.exec('BEGIN IMMEDIATE')
    await assert.rejects(store.put('a', 1), { code: 'storage-failed', message: /another program/ })
    other.exec('ROLLBACK')
    other.close()
    await store.put('a', 2)
    assert.equal((await store.get('a'))?.value, 2)
  })

  it('a watcher that throws ends the process, after its change was stored', async () => {
    using folder = makeScratchFolder()
    const script = `
      const { openSqliteStore } = await import(${JSON.stringify(new URL('sqlite-store.ts', import.meta.url).href)})
      const store = await openSqliteStore(${JSON.stringify(folder.file('ztm.db'))})
      store.watch('', () => { throw new Error('watcher broke') })
      await store.put('a', 1)
      await new Promise(resolve => setTimeout(resolve, 60_000))
    `
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
    assert.match(child.stderr, /watcher broke/)
    assert.notEqual(child.status, 0)
    await using store = await openSqliteStore(folder.file('ztm.db'))
    assert.equal((await store.get('a'))?.value, 1)
  })
})

function modes(folder: string): Record<string, string> {
  const entries = readdirSync(folder)
    .sort()
    .map(name => [name, (statSync(`${folder}/${name}`).mode & 0o777).toString(8)])
  return Object.fromEntries(entries)
}

/** How many transactions a write-ahead log holds; each took one fsync. @see sqlite.org/fileformat2.html, 4.1 */
function commitCount(walFile: string): number {
  const wal = readFileSync(walFile)
  const frameBytes = 24 + wal.readUInt32BE(8)
  const salt = wal.subarray(16, 24)
  let count = 0
  for (let at = 32; at + frameBytes <= wal.length; at += frameBytes) {
    if (!wal.subarray(at + 8, at + 16).equals(salt)) break
    if (wal.readUInt32BE(at + 4) !== 0) count += 1
  }
  return count
}

// As the first release wrote it. Never change it: whoever adds a migration adds the file that came before.
const SCHEMA_1_FILE = `
  PRAGMA journal_mode = WAL;
  PRAGMA application_id = 0x5a544d31;
  PRAGMA user_version = 1;
  CREATE TABLE entry (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT NULL) STRICT;
  CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL) STRICT;
  INSERT INTO head VALUES (1, 9);
  INSERT INTO entry VALUES ('user/bob', 'null', 3), ('mesh/home', '{"hubs":["192.0.2.1:8888"]}', 7);
`
