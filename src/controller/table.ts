import type { z } from 'zod'
import { toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import type { Json, Store } from '../core/model/store.ts'

/** What is stored below one prefix, in memory and written through: a change is in the store before it is here. */
export interface Table<R> {
  readonly size: number
  get(id: string): R | undefined
  values(): Iterable<R>
  /** @throws MeshError as `Store.put`; then nothing changed here */
  put(record: R): Promise<void>
  /** @throws MeshError as `Store.delete`; then nothing changed here */
  delete(id: string): Promise<void>
  /** Act as if a row that must not be there were gone; the store may still have it. */
  forget(id: string): void
}

/** What a table is made of. */
export interface TableOptions<R> {
  readonly store: Store
  /** First word of the keys, without slash: the key of a record is `<prefix>/<id>`. */
  readonly prefix: string
  readonly shape: z.ZodType<R>
  /** The id that a record belongs under; one found under another key is unreadable. */
  readonly idOf: (record: R) => string
  readonly log: Log
  /** Told of each change of a row, those of loading included, to keep indexes. */
  readonly onRow?: (next: R | undefined, previous: R | undefined) => void
}

/**
 * Load a table. A record that is not of its shape is logged and passed over; writing to its id replaces it.
 *
 * Every write names the revision it replaces, so a second writer on the same store causes `conflict`, after which
 * the row is read again, and never a change lost unseen.
 */
export async function openTable<R>(options: TableOptions<R>): Promise<Table<R>> {
  const { store, prefix, log } = options
  const rows = new Map<string, R>()
  const revisions = new Map<string, number>()

  function set(id: string, next: R | undefined): void {
    const previous = rows.get(id)
    if (next === undefined) rows.delete(id)
    else rows.set(id, next)
    options.onRow?.(next, previous)
  }

  function take(id: string, value: Json, revision: number): void {
    revisions.set(id, revision)
    const parsed = options.shape.safeParse(value)
    if (parsed.success && options.idOf(parsed.data) === id) {
      set(id, parsed.data)
      return
    }
    const issue = parsed.success ? 'stored under the key of another' : parsed.error.issues[0]?.message
    log.error('record.unreadable', { key: `${prefix}/${id}`, issue })
    if (rows.has(id)) set(id, undefined)
  }

  async function write(id: string, change: () => Promise<void>): Promise<void> {
    try {
      await change()
    } catch (error) {
      if (toMeshError(error).code === 'conflict') await reread(id)
      throw error
    }
  }

  async function reread(id: string): Promise<void> {
    const entry = await store.get(`${prefix}/${id}`)
    if (entry !== undefined) {
      take(id, entry.value, entry.revision)
      return
    }
    revisions.delete(id)
    if (rows.has(id)) set(id, undefined)
  }

  for (const { key, value, revision } of await store.list(`${prefix}/`)) {
    take(key.slice(prefix.length + 1), value, revision)
  }
  return {
    get size() {
      return rows.size
    },
    get: id => rows.get(id),
    values: () => rows.values(),
    put: record => {
      const id = options.idOf(record)
      return write(id, async () => {
        const expected = revisions.get(id) ?? 0
        revisions.set(id, await store.put(`${prefix}/${id}`, toJson(record), { expected }))
        set(id, record)
      })
    },
    delete: id =>
      write(id, async () => {
        const expected = revisions.get(id)
        await store.delete(`${prefix}/${id}`, expected === undefined ? {} : { expected })
        revisions.delete(id)
        if (rows.has(id)) set(id, undefined)
      }),
    forget(id) {
      if (rows.has(id)) set(id, undefined)
    },
  }
}

/** Take a row out that contradicts others; that the store does not let it go is no reason not to start. */
export async function discard<R>(table: Table<R>, id: string, log: Log): Promise<void> {
  try {
    await table.delete(id)
  } catch (error) {
    log.warn('record.kept', { id, code: toMeshError(error).code })
    table.forget(id)
  }
}

/** A copy without the members that are undefined, which JSON has no word for. */
function toJson(record: unknown): Json {
  return JSON.parse(JSON.stringify(record)) as Json
}
