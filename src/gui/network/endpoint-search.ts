import { GROUPINGS, type Grouping } from '../../core/api/network-api.ts'
import type { EndpointFilter } from '../api/network-queries.ts'

/** What the address of the endpoints page says: which endpoints, and how they are grouped. */
export interface EndpointSearch extends EndpointFilter {
  readonly by?: Grouping | undefined
}

/** Read it from the address; what makes no sense there is passed over. */
export function parseEndpointSearch(search: Readonly<Record<string, unknown>>): EndpointSearch {
  const text = (name: string) => {
    const value = search[name]
    return typeof value === 'string' && value.length <= 64 ? value : undefined
  }
  const state = (['online', 'offline'] as const).find(one => one === search.state)
  const by = GROUPINGS.find(one => one === search.by)
  const found = {
    keyword: text('keyword') || undefined,
    user: text('user') || undefined,
    label: text('label'),
  }
  return Object.fromEntries(
    Object.entries({ ...found, state, by }).filter(([, value]) => value !== undefined),
  ) as EndpointSearch
}

/** The address of one group. */
export function searchOfGroup(by: Grouping, name: string): EndpointSearch {
  if (by === 'state') return { state: name === 'online' ? 'online' : 'offline' }
  return { [by]: name }
}

/** What the address of the map says: by what endpoints are grouped there, and which group is open. */
export interface MapSearch {
  readonly by?: 'user' | 'label' | undefined
  readonly open?: string | undefined
}

/** Read it from the address; what makes no sense there is passed over. */
export function parseMapSearch(search: Readonly<Record<string, unknown>>): MapSearch {
  const by = (['user', 'label'] as const).find(one => one === search.by)
  const open = typeof search.open === 'string' && search.open.length <= 64 ? search.open : undefined
  return { ...(by !== undefined && { by }), ...(open !== undefined && { open }) }
}
