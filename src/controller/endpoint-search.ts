import type { z } from 'zod'
import type { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { Grouping } from '../core/api/network-api.ts'
import type { Answer } from '../core/api/route.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Endpoints } from './endpoints.ts'
import { foldName } from './fold.ts'
import type { Presence } from './presence.ts'
import type { EndpointRecord } from './records.ts'

/** Which endpoints are meant. */
export type EndpointFilter = Omit<
  z.output<(typeof CONTROLLER_API)['listEndpoints']['query']>,
  'limit' | 'offset'
>

/** Finds and counts endpoints. */
export interface EndpointSearch {
  /** By name. */
  find(filter: EndpointFilter): EndpointRecord[]
  /** The largest groups first. */
  count(
    filter: EndpointFilter,
    by: Grouping,
    limit: number,
  ): Answer<(typeof CONTROLLER_API)['countEndpoints']>
}

/** Make it on what the controller has in memory. */
export function createEndpointSearch(
  endpoints: Pick<Endpoints, 'values' | 'get'>,
  presence: Pick<Presence, 'addressOf'>,
): EndpointSearch {
  // A record is never changed, only replaced: its folded words are as good as it is.
  const words = new WeakMap<EndpointRecord, readonly string[]>()
  const isOnline = ({ id }: EndpointRecord) => presence.addressOf(id) !== undefined

  function wordsOf(record: EndpointRecord): readonly string[] {
    const known = words.get(record)
    if (known !== undefined) return known
    const folded = [record.name, ...record.labels].map(foldName)
    words.set(record, folded)
    return folded
  }

  function find(filter: EndpointFilter): EndpointRecord[] {
    const { user, label, state } = filter
    const keyword = filter.keyword === undefined ? undefined : foldName(filter.keyword)
    const name = filter.name === undefined ? undefined : foldName(filter.name)
    const isWanted = (record: EndpointRecord) =>
      (user === undefined || record.user === user) &&
      (label === undefined || groupsOf(record, 'label', false).includes(label)) &&
      (state === undefined || isOnline(record) === (state === 'online')) &&
      (name === undefined || wordsOf(record)[0] === name) &&
      (keyword === undefined || wordsOf(record).some(text => text.includes(keyword)))
    const among =
      filter.ids === undefined
        ? [...endpoints.values()]
        : [...new Set(filter.ids.split(','))].flatMap(id => endpoints.get(id as EndpointId) ?? [])
    return among.filter(isWanted).sort(byName)
  }

  return {
    find,
    count(filter, by, limit) {
      const counts = new Map<string, { name: string; count: number; onlineCount: number }>()
      const found = find(filter)
      let onlineCount = 0
      for (const record of found) {
        const online = isOnline(record) ? 1 : 0
        onlineCount += online
        for (const name of groupsOf(record, by, online === 1)) {
          const group = counts.get(name) ?? { name, count: 0, onlineCount: 0 }
          group.count += 1
          group.onlineCount += online
          counts.set(name, group)
        }
      }
      const groups = [...counts.values()].sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
      return { groups: groups.slice(0, limit), groupCount: groups.length, total: found.length, onlineCount }
    },
  }
}

function groupsOf({ user, labels }: EndpointRecord, by: Grouping, isOnline: boolean): readonly string[] {
  if (by === 'user') return [user]
  if (by === 'state') return [isOnline ? 'online' : 'offline']
  return labels.length === 0 ? [''] : labels
}

function byName(a: EndpointRecord, b: EndpointRecord): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}
