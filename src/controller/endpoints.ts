import type { EndpointId } from '../core/model/ids.ts'
import type { UserName } from '../core/model/names.ts'
import type { Context } from './context.ts'
import { foldName } from './fold.ts'
import { type EndpointRecord, endpointRecordShape } from './records.ts'
import { discard, openTable } from './table.ts'

/** The endpoints of the mesh. No two have the same key, or names that a person could confuse. */
export interface Endpoints {
  readonly size: number
  values(): Iterable<EndpointRecord>
  get(id: EndpointId): EndpointRecord | undefined
  /** The one whose name reads like this. */
  named(name: string): EndpointRecord | undefined
  /** The one with this key's fingerprint. */
  withKey(key: string): EndpointRecord | undefined
  ofUser(user: UserName): readonly EndpointRecord[]
  /** @throws MeshError as `Store.put`; then nothing changed */
  put(record: EndpointRecord): Promise<void>
  /** @throws MeshError as `Store.delete`; then nothing changed */
  delete(id: EndpointId): Promise<void>
}

/** Load the endpoints. Of two that the store holds under one name or key, the one enrolled last stays. */
export async function openEndpoints({
  store,
  log,
  onChange = () => {},
}: Pick<Context, 'store' | 'log'> & {
  /** Told of each that came, went or is another now. */
  readonly onChange?: (endpoint: EndpointId) => void
}): Promise<Endpoints> {
  const byName = new Map<string, EndpointId>()
  const byKey = new Map<string, EndpointId>()
  const byUser = new Map<UserName, Set<EndpointId>>()

  function remove(record: EndpointRecord): void {
    const fold = foldName(record.name)
    if (byName.get(fold) === record.id) byName.delete(fold)
    if (byKey.get(record.key) === record.id) byKey.delete(record.key)
    const ids = byUser.get(record.user)
    ids?.delete(record.id)
    if (ids?.size === 0) byUser.delete(record.user)
  }

  function add(record: EndpointRecord): void {
    byName.set(foldName(record.name), record.id)
    byKey.set(record.key, record.id)
    byUser.set(record.user, (byUser.get(record.user) ?? new Set()).add(record.id))
  }

  const table = await openTable({
    store,
    log,
    prefix: 'endpoint',
    shape: endpointRecordShape,
    idOf: record => record.id,
    onRow(next, previous) {
      if (previous !== undefined) remove(previous)
      if (next !== undefined) add(next)
      const changed = next ?? previous
      if (changed !== undefined) onChange(changed.id)
    },
  })
  const find = (id: EndpointId | undefined) => (id === undefined ? undefined : table.get(id))

  for (const record of [...table.values()].sort((a, b) => a.enrolledAtMs - b.enrolledAtMs)) add(record)
  for (const record of [...table.values()]) {
    if (byName.get(foldName(record.name)) === record.id && byKey.get(record.key) === record.id) continue
    log.error('endpoint.duplicate', { endpoint: record.id, name: record.name, user: record.user })
    await discard(table, record.id, log)
  }

  return {
    get size() {
      return table.size
    },
    values: () => table.values(),
    get: id => table.get(id),
    named: name => find(byName.get(foldName(name))),
    withKey: key => find(byKey.get(key)),
    ofUser: user => [...(byUser.get(user) ?? [])].flatMap(id => table.get(id) ?? []),
    put: record => table.put(record),
    delete: id => table.delete(id),
  }
}
