import { queryOptions } from '@tanstack/react-query'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { Grouping } from '../../core/api/network-api.ts'
import { call } from './call.ts'

/** Which endpoints of a mesh are meant; all if nothing is said. */
export interface EndpointFilter {
  readonly keyword?: string | undefined
  readonly user?: string | undefined
  /** Empty for those without one. */
  readonly label?: string | undefined
  readonly state?: 'online' | 'offline' | undefined
}

/** What the pages about the network ask for. */
export const NETWORK_QUERIES = {
  /** One page of the endpoints that are meant, by name; the first is page 0. */
  endpointPage: (mesh: string, filter: EndpointFilter, page: number) =>
    queryOptions({
      queryKey: ['endpoints', mesh, filter, page],
      queryFn: ({ signal }) =>
        call(
          AGENT_API.listEndpoints,
          { params: { mesh }, query: { ...filter, limit: PAGE_SIZE, offset: page * PAGE_SIZE } },
          { signal },
        ),
    }),
  endpointCounts: (mesh: string, filter: EndpointFilter, by: Grouping) =>
    queryOptions({
      queryKey: ['endpoint-counts', mesh, filter, by],
      queryFn: ({ signal }) =>
        call(
          AGENT_API.countEndpoints,
          { params: { mesh }, query: { ...filter, by, limit: 1_000 } },
          { signal },
        ),
    }),
} as const

/** Endpoints that are asked for at once. */
export const PAGE_SIZE = 100
