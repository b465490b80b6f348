import type { Eviction } from '../core/api/shapes.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { UserName } from '../core/model/names.ts'
import type { Context } from './context.ts'
import { type EvictionRecord, evictionRecordShape } from './records.ts'
import { openTable } from './table.ts'

/** Whom an eviction may speak of: a user, one endpoint, or the key of an endpoint whose record is gone. */
export interface Evictable {
  readonly user: UserName
  readonly endpoint?: EndpointId | undefined
  readonly key?: string | undefined
}

/** The evictions in force. */
export interface Evictions {
  readonly size: number
  list(): readonly Eviction[]
  get(id: string): EvictionRecord | undefined
  /** The eviction that refuses what was given to this one at that moment: a certificate, a permit, a membership. */
  against(whom: Evictable, givenAtMs: number): EvictionRecord | undefined
  /** The moment from which something given to this one is refused by no eviction; 0 where there is none. */
  goodFromMs(whom: Evictable): number
  /** The moment from which something given to anybody is refused by no eviction. */
  allGoodFromMs(): number
  /** Whether the user as a whole was evicted, and when: of several, the last. */
  ofUser(user: UserName): EvictionRecord | undefined
  put(record: EvictionRecord): Promise<void>
  delete(id: string): Promise<void>
}

/** Load the evictions. */
export async function openEvictions({ store, log }: Pick<Context, 'store' | 'log'>): Promise<Evictions> {
  const bySubject = new Map<string, Set<EvictionRecord>>()

  function subjectsOf(record: EvictionRecord): string[] {
    if (record.endpoint === undefined) return [`user ${record.user}`]
    const subject = `endpoint ${record.endpoint}`
    return record.key === undefined ? [subject] : [subject, `key ${record.key}`]
  }

  const table = await openTable({
    store,
    log,
    prefix: 'eviction',
    shape: evictionRecordShape,
    idOf: record => record.id,
    onRow(next, previous) {
      for (const subject of previous === undefined ? [] : subjectsOf(previous)) {
        const records = bySubject.get(subject)
        if (previous !== undefined) records?.delete(previous)
        if (records?.size === 0) bySubject.delete(subject)
      }
      for (const subject of next === undefined ? [] : subjectsOf(next)) {
        if (next !== undefined) bySubject.set(subject, (bySubject.get(subject) ?? new Set()).add(next))
      }
    },
  })

  /** Of several evictions the one that reaches furthest. */
  function last({ user, endpoint, key }: Evictable): EvictionRecord | undefined {
    const records = [`user ${user}`, `endpoint ${endpoint}`, `key ${key}`].flatMap(subject => [
      ...(bySubject.get(subject) ?? []),
    ])
    return records.reduce<EvictionRecord | undefined>(
      (best, record) => (best === undefined || record.beforeMs > best.beforeMs ? record : best),
      undefined,
    )
  }

  return {
    get size() {
      return table.size
    },
    list: () => [...table.values()].sort((a, b) => a.createdAtMs - b.createdAtMs).map(describeEviction),
    get: id => table.get(id),
    against(whom, givenAtMs) {
      const record = last(whom)
      return record !== undefined && givenAtMs < record.beforeMs ? record : undefined
    },
    goodFromMs: whom => last(whom)?.beforeMs ?? 0,
    allGoodFromMs: () => [...table.values()].reduce((latest, { beforeMs }) => Math.max(latest, beforeMs), 0),
    ofUser: user => last({ user }),
    put: record => table.put(record),
    delete: id => table.delete(id),
  }
}

/** An eviction as members see it. */
export function describeEviction(record: EvictionRecord): Eviction {
  const { id, user, endpoint, beforeMs, by, reason } = record
  return {
    id,
    user,
    ...(endpoint === undefined ? {} : { endpoint }),
    beforeMs,
    by,
    ...(reason === undefined ? {} : { reason }),
  }
}
