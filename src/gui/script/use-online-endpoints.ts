import { type UseQueryResult, useQuery } from '@tanstack/react-query'
import type { EndpointInfo } from '../../core/api/shapes.ts'
import { NETWORK_QUERIES } from '../api/network-queries.ts'
import { QUERIES } from '../api/queries.ts'

/** Endpoints that scripts can be run at. */
export interface OnlineEndpoints {
  /** Of the first thousand; what failed of it is to be shown. */
  readonly query: UseQueryResult<{ endpoints: EndpointInfo[]; total: number }>
  /** Those, what was found by the keyword, and those that were chosen before. */
  readonly all: readonly EndpointInfo[]
}

/**
 * The endpoints of a mesh that are online, however many there are.
 *
 * @param keyword  what is looked for; asked of the hub where not all are known here
 * @param chosen  ids
 */
export function useOnlineEndpoints(
  mesh: string,
  keyword: string,
  chosen: readonly string[],
): OnlineEndpoints {
  const query = useQuery(QUERIES.endpoints(mesh))
  const first = query.data?.endpoints ?? []
  const isWhole = query.data === undefined || first.length >= query.data.total
  const looked = keyword.trim().slice(0, 64)
  const found = useQuery({
    ...NETWORK_QUERIES.endpointPage(mesh, { keyword: looked, state: 'online' }, 0),
    enabled: !isWhole && looked !== '',
  })
  const missing = isWhole ? [] : chosen.filter(id => first.every(one => one.id !== id))
  const before = useQuery(NETWORK_QUERIES.endpointsById(mesh, missing))
  const known = [...first, ...(before.data?.endpoints ?? []), ...(found.data?.endpoints ?? [])]
  const byId = new Map(known.filter(({ isOnline }) => isOnline).map(one => [one.id, one]))
  return { query, all: [...byId.values()] }
}
