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
  /** The groups that a user is in, and endpoints with one of the labels, by name. */
  of(user: UserName, labels?: readonly Name[]): readonly Name[]
  /** @throws MeshError as `Store.put`; then nothing changed */
  put(record: GroupRecord): Promise<void>
  /** @throws MeshError as `Store.delete`; then nothing changed */
  delete(record: GroupRecord): Promise<void>
}

/** Load the groups. */
export async function openGroups({ store, log }: Pick<Context, 'store' | 'log'>): Promise<Groups> {
  const byName = new Map<string, GroupRecord>()
  const byUser = new Map<UserName, readonly Name[]>()
  const byLabel = new Map<Name, readonly Name[]>()
  let memberCount = 0

  function remove({ name, users, labels }: GroupRecord): void {
    byName.delete(foldName(name))
    memberCount -= users.length
    for (const user of users) take(byUser, user, name)
    for (const label of labels) take(byLabel, label, name)
  }

  function add(record: GroupRecord): void {
    const { name, users, labels } = record
    byName.set(foldName(name), record)
    memberCount += users.length
    for (const user of users) give(byUser, user, name)
    for (const label of labels) give(byLabel, label, name)
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
    of(user, labels = NONE) {
      const ofUser = byUser.get(user) ?? NONE
      const ofLabels = byLabel.size === 0 ? NONE : labels.flatMap(label => byLabel.get(label) ?? NONE)
      return ofLabels.length === 0 ? ofUser : [...new Set([...ofUser, ...ofLabels])].sort()
    },
    put: record => table.put(record),
    delete: record => table.delete(record.id),
  }
}

function give<K>(map: Map<K, readonly Name[]>, key: K, name: Name): void {
  map.set(key, [...(map.get(key) ?? NONE), name].sort())
}

function take<K>(map: Map<K, readonly Name[]>, key: K, name: Name): void {
  const left = (map.get(key) ?? NONE).filter(one => one !== name)
  if (left.length === 0) map.delete(key)
  else map.set(key, left)
}

const NONE: readonly Name[] = []
