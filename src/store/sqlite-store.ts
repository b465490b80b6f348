import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'

import { MeshError } from '../core/model/errors.ts'
import type { Change, Entry, Json, Store } from '../core/model/store.ts'
import { checkExpected, checkKey, checkPrefix, encodeValue, show } from './entry-check.ts'
import { ensurePrivateFile, makePrivate } from './private-file.ts'
import { migrate } from './schema.ts'
import { storageError } from './storage-error.ts'
import { type CommittedChange, Watchers } from './watchers.ts'

/** How a store treats its file; the defaults suit a hub and an agent. */
export interface SqliteStoreOptions {
  /** How long a write waits, with the whole process, for another process that writes; 0-60,000, default 2,000. */
  readonly busyTimeoutMs?: number
  /** How many pages of 4 KiB the write-ahead log gathers before they move into the file; default 1,000. */
  readonly checkpointPages?: number
}

/**
 * Open a store in one SQLite file, made with mode 0600 if there is none; `:memory:` gives one that dies with the
 * process.
 *
 * Writes that are in flight together share one transaction and one fsync, in the order they were asked for; each
 * still succeeds or fails alone, except that a disk that fails fails all of them. A read sees what is committed,
 * and nothing else. Watchers hear of a change before the promise of its `put` resolves, and only of changes made
 * through this Store.
 *
 * @throws MeshError `storage-full`, `storage-failed`, `not-permitted`, or `unsupported` if a newer ztm wrote the file
 */
export async function openSqliteStore(file: string, options: SqliteStoreOptions = {}): Promise<Store> {
  const { busyTimeoutMs = 2_000, checkpointPages = 1_000 } = options
  let db: DatabaseSync | undefined
  try {
    if (file !== MEMORY) {
      ensurePrivateFile(file)
      // SQLite gives its side files the mode of the main file, but leaves those it finds as they are.
      for (const suffix of ['-wal', '-shm']) makePrivate(file + suffix)
    }
    db = new DatabaseSync(file, { timeout: busyTimeoutMs })
    db.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA fullfsync = ON;
      PRAGMA trusted_schema = OFF;
      PRAGMA wal_autocheckpoint = ${Math.trunc(checkpointPages)};
      PRAGMA journal_size_limit = ${MAX_IDLE_LOG_BYTES};
    `)
    migrate(db, file)
    return new SqliteStore(db, file)
  } catch (thrown) {
    db?.close()
    throw storageError(`Cannot open store ${file}`, thrown, dirname(file))
  }
}

/** One write that waits for its transaction. */
interface Write {
  readonly key: string
  /** undefined deletes. */
  readonly json: string | undefined
  readonly expected: number | undefined
  readonly resolve: (revision: number) => void
  readonly reject: (error: MeshError) => void
}

/** What a write came to, known for good once its transaction is committed. */
type Outcome =
  | { readonly is: 'changed'; readonly change: CommittedChange }
  | { readonly is: 'nothing' }
  | { readonly is: 'refused'; readonly error: MeshError }

/** Open until disposed. Between two turns of the event loop no transaction is ever open. */
class SqliteStore implements Store {
  readonly #db: DatabaseSync
  readonly #file: string
  readonly #sql: Statements
  readonly #watchers = new Watchers()
  #waiting: Write[] = []
  #flushSoon: NodeJS.Immediate | undefined
  #isClosed = false

  constructor(db: DatabaseSync, file: string) {
    this.#db = db
    this.#file = file
    this.#sql = prepareStatements(db)
  }

  async get(key: string): Promise<Entry | undefined> {
    checkKey(key)
    return this.#read(() => this.#sql.get.all(key).map(readEntry)[0])
  }

  async list(prefix: string): Promise<Entry[]> {
    checkPrefix(prefix)
    const end = firstKeyAfter(prefix)
    return this.#read(() =>
      (end === undefined ? this.#sql.listFrom.all(prefix) : this.#sql.listBetween.all(prefix, end)).map(
        readEntry,
      ),
    )
  }

  async put(key: string, value: Json, options: { expected?: number } = {}): Promise<number> {
    checkKey(key)
    return this.#write(key, encodeValue(key, value), options.expected)
  }

  async delete(key: string, options: { expected?: number } = {}): Promise<void> {
    checkKey(key)
    await this.#write(key, undefined, options.expected)
  }

  watch(prefix: string, onChange: (change: Change) => void): () => void {
    checkPrefix(prefix)
    this.#refuseIfClosed()
    return this.#watchers.add(prefix, onChange)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    while (this.#waiting.length > 0) this.#flush()
    this.#watchers.clear()
    this.#db.close()
  }

  #read<T>(query: () => T): T {
    this.#refuseIfClosed()
    try {
      return query()
    } catch (thrown) {
      throw storageError(`Cannot read store ${this.#file}`, thrown, dirname(this.#file))
    }
  }

  #write(key: string, json: string | undefined, expected: number | undefined): Promise<number> {
    checkExpected(expected)
    this.#refuseIfClosed()
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, json, expected, resolve, reject })
      // After the poll phase, so that the requests that arrived together share a transaction.
      this.#flushSoon ??= setImmediate(() => this.#flush())
    })
  }

  /** One transaction's worth of what waits; the rest has its turn after the event loop had one. */
  #flush(): void {
    clearImmediate(this.#flushSoon)
    const batch = this.#waiting.splice(0, batchSize(this.#waiting))
    this.#flushSoon = this.#waiting.length === 0 ? undefined : setImmediate(() => this.#flush())
    let outcomes: Outcome[]
    try {
      outcomes = this.#commit(batch)
    } catch (thrown) {
      const error = storageError(`Cannot write store ${this.#file}`, thrown, dirname(this.#file))
      for (const { reject } of batch) reject(error)
      return
    }
    this.#watchers.tell(outcomes.flatMap(outcome => (outcome.is === 'changed' ? [outcome.change] : [])))
    for (const [index, { resolve, reject }] of batch.entries()) {
      const outcome = outcomes[index]
      if (outcome?.is === 'refused') reject(outcome.error)
      else resolve(outcome?.is === 'changed' ? outcome.change.revision : 0)
    }
  }

  #commit(batch: readonly Write[]): Outcome[] {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      const before = Number(this.#sql.head.get()?.revision)
      let head = before
      const outcomes = batch.map(write => {
        const outcome = this.#apply(write, head + 1)
        if (outcome.is === 'changed') head += 1
        return outcome
      })
      if (head !== before) this.#sql.setHead.run(head)
      this.#db.exec('COMMIT')
      return outcomes
    } catch (thrown) {
      // A full disk often makes SQLite roll back by itself.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw thrown
    }
  }

  #apply({ key, json, expected }: Write, revision: number): Outcome {
    const current = Number(this.#sql.revision.get(key)?.revision ?? 0)
    if (expected !== undefined && expected !== current) {
      const state = current === 0 ? 'it does not exist' : `its revision is ${current}`
      return {
        is: 'refused',
        error: new MeshError(
          'conflict',
          `Cannot write ${show(key)}: ${state}, not ${expected}: read it again`,
        ),
      }
    }
    if (json !== undefined) this.#sql.put.run(key, json, revision)
    else if (current === 0) return { is: 'nothing' }
    else this.#sql.delete.run(key)
    return { is: 'changed', change: { key, json, revision } }
  }

  #refuseIfClosed(): void {
    if (this.#isClosed) {
      throw new MeshError('storage-failed', `Cannot use store ${this.#file}: it is closed: open it again`)
    }
  }
}

interface Statements {
  readonly get: StatementSync
  readonly listFrom: StatementSync
  readonly listBetween: StatementSync
  readonly revision: StatementSync
  readonly put: StatementSync
  readonly delete: StatementSync
  readonly head: StatementSync
  readonly setHead: StatementSync
}

function prepareStatements(db: DatabaseSync): Statements {
  const columns = 'SELECT key, value, revision FROM entry'
  return {
    get: db.prepare(`${columns} WHERE key = ?`),
    listFrom: db.prepare(`${columns} WHERE key >= ? ORDER BY key`),
    listBetween: db.prepare(`${columns} WHERE key >= ? AND key < ? ORDER BY key`),
    revision: db.prepare('SELECT revision FROM entry WHERE key = ?'),
    put: db.prepare(
      `INSERT INTO entry (key, value, revision) VALUES (?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value, revision = excluded.revision`,
    ),
    delete: db.prepare('DELETE FROM entry WHERE key = ?'),
    head: db.prepare('SELECT revision FROM head'),
    setHead: db.prepare('UPDATE head SET revision = ?'),
  }
}

function readEntry({ key, value, revision }: Record<string, unknown>): Entry {
  return { key: String(key), value: JSON.parse(String(value)) as Json, revision: Number(revision) }
}

/** The smallest text that comes after every key of the prefix, in the order of code points, which is SQLite's. */
function firstKeyAfter(prefix: string): string | undefined {
  const points = Array.from(prefix, character => character.codePointAt(0) ?? 0)
  while (points.at(-1) === LAST_CODE_POINT) points.pop()
  const last = points.pop()
  if (last === undefined) return undefined
  // Half a surrogate pair is no character, and SQLite would make another one of it.
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1)
}

function batchSize(waiting: readonly Write[]): number {
  let bytes = 0
  const end = waiting.findIndex((write, index) => {
    bytes += write.json?.length ?? 0
    return index > 0 && (index >= MAX_BATCH_COUNT || bytes > MAX_BATCH_BYTES)
  })
  return end === -1 ? waiting.length : end
}

const MEMORY = ':memory:'
const LAST_CODE_POINT = 0x10ffff

// How long the process may stand still for one transaction: about 20 ms on a fast disk.
const MAX_BATCH_COUNT = 1_000
const MAX_BATCH_BYTES = 4 * 1024 * 1024

// A log that grew in a storm of writes is cut back to this once its pages have moved into the file.
const MAX_IDLE_LOG_BYTES = 16 * 1024 * 1024
