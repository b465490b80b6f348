import type { z } from 'zod'
import type { Context } from '../context.ts'
import { openTable, type Table } from '../table.ts'

/** What every record of the Edge APIs has. */
export interface EntityRecord {
  readonly id: string
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/** The entities of one kind, from memory. */
export interface Entities<R extends EntityRecord> extends Omit<Table<R>, 'forget'> {
  /** All of them in the order of their names, then ids; of those without names in that of their ids. */
  list(): readonly R[]
  /** The one of exactly this name. */
  named(name: string): R | undefined
  /** Those with this value of an index that was declared. */
  by(index: string, value: string): readonly R[]
  /** Hear of each change after it is stored. */
  onChange(listener: (next: R | undefined, previous: R | undefined) => void): void
}

/** What a kind of entities is made of. */
export interface EntitiesOptions<R> {
  /** First word of its keys in the store. */
  readonly prefix: string
  readonly shape: z.ZodType<R>
  /** Values to find records by, beside id and name. */
  readonly indexes?: Readonly<Record<string, (record: R) => string | undefined>>
}

/** Load the entities of one kind. @throws MeshError as the store */
export async function openEntities<R extends EntityRecord>(
  { store, log }: Pick<Context, 'store' | 'log'>,
  { prefix, shape, indexes = {} }: EntitiesOptions<R>,
): Promise<Entities<R>> {
  const listeners: ((next: R | undefined, previous: R | undefined) => void)[] = []
  const byName = new Map<string, string>()
  const found = new Map(Object.keys(indexes).map(name => [name, new Map<string, Set<string>>()]))
  let sorted: readonly R[] | undefined

  function index(record: R, isThere: boolean): void {
    const name = nameOf(record)
    if (name !== undefined) {
      if (isThere) byName.set(name, record.id)
      else if (byName.get(name) === record.id) byName.delete(name)
    }
    for (const [key, read] of Object.entries(indexes)) {
      const value = read(record)
      const values = found.get(key)
      if (value === undefined || values === undefined) continue
      const ids = values.get(value) ?? new Set()
      if (isThere) values.set(value, ids.add(record.id))
      else if (ids.delete(record.id) && ids.size === 0) values.delete(value)
    }
  }

  const table = await openTable<R>({
    store,
    log,
    prefix,
    shape,
    idOf: record => record.id,
    onRow(next, previous) {
      if (previous !== undefined) index(previous, false)
      if (next !== undefined) index(next, true)
      sorted = undefined
      for (const listener of listeners) listener(next, previous)
    },
  })
  const { get, values, put } = table
  return {
    get size() {
      return table.size
    },
    get,
    values,
    put,
    delete: table.delete,
    list() {
      sorted ??= [...values()].sort(byNameThenId)
      return sorted
    },
    named(name) {
      const id = byName.get(name)
      return id === undefined ? undefined : get(id)
    },
    by: (key, value) => [...(found.get(key)?.get(value) ?? [])].flatMap(id => get(id) ?? []),
    onChange: listener => void listeners.push(listener),
  }
}

function nameOf(record: EntityRecord): string | undefined {
  const { name } = record as { readonly name?: unknown }
  return typeof name === 'string' ? name : undefined
}

function byNameThenId(a: EntityRecord, b: EntityRecord): number {
  const [left, right] = [nameOf(a) ?? a.id, nameOf(b) ?? b.id]
  if (left !== right) return left < right ? -1 : 1
  return a.id < b.id ? -1 : 1
}
