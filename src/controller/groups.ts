import type { Name, UserName } from '../core/model/names.ts'
import type { Context } from './context.ts'
import { foldName } from './fold.ts'
import { type GroupRecord, groupRecordShape } from './records.ts'
import { openTable } from './table.ts'

/** The groups of the mesh. No two have names that a person could confuse. */
export interface Groups {
  readonly size: number
  /** Users in groups, one who is in two counted twice. */
  readonly memberCount: number
  values(): Iterable<GroupRecord>
  /** The group of exactly this name. */
  get(name: Name): GroupRecord | undefined
  /** The group whose name reads like this one, be it this one. */
  similarTo(name: Name): GroupRecord | undefined
  /** The groups that a user is in, by name. */
  of(user: UserName): readonly Name[]
  /** @throws MeshError as `Store.put`; then nothing changed */
  put(record: GroupRecord): Promise<void>
  /** @throws MeshError as `Store.delete`; then nothing changed */
  delete(record: GroupRecord): Promise<void>
}

/** Load the groups. */
export async function openGroups({ store, log }: Pick<Context, 'store' | 'log'>): Promise<Groups> {
  const byName = new Map<string, GroupRecord>()
  const byUser = new Map<UserName, readonly Name[]>()
  let memberCount = 0

  function remove({ name, users }: GroupRecord): void {
    byName.delete(foldName(name))
    memberCount -= users.length
    for (const user of users) {
      const left = (byUser.get(user) ?? NONE).filter(one => one !== name)
      if (left.length === 0) byUser.delete(user)
      else byUser.set(user, left)
    }
  }

  function add(record: GroupRecord): void {
    const { name, users } = record
    byName.set(foldName(name), record)
    memberCount += users.length
    for (const user of users) byUser.set(user, [...(byUser.get(user) ?? NONE), name].sort())
  }

  const table = await openTable({
    store,
    log,
    prefix: 'group',
    shape: groupRecordShape,
    idOf: record => record.id,
    onRow(next, previous) {
      if (previous !== undefined) remove(previous)
      if (next !== undefined) add(next)
    },
  })

  const similarTo = (name: Name) => byName.get(foldName(name))
  return {
    get size() {
      return table.size
    },
    get memberCount() {
      return memberCount
    },
    values: () => table.values(),
    get(name) {
      const group = similarTo(name)
      return group?.name === name ? group : undefined
    },
    similarTo,
    of: user => byUser.get(user) ?? NONE,
    put: record => table.put(record),
    delete: record => table.delete(record.id),
  }
}

const NONE: readonly Name[] = []
