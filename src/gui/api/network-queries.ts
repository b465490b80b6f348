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
  /** The endpoints of one user, the first thousand; the first thousand of the mesh may lack them. */
  endpointsOf: (mesh: string, user: string) =>
    queryOptions({
      queryKey: ['endpoints', mesh, 'of', user],
      queryFn: ({ signal }) =>
        call(AGENT_API.listEndpoints, { params: { mesh }, query: { user } }, { signal }),
    }),
  /** Some endpoints by their ids, 100 at most. */
  endpointsById: (mesh: string, ids: readonly string[]) => {
    const wanted = ids.filter(id => id !== '').slice(0, PAGE_SIZE)
    return queryOptions({
      queryKey: ['endpoints', mesh, wanted],
      queryFn: ({ signal }) =>
        call(AGENT_API.listEndpoints, { params: { mesh }, query: { ids: wanted.join(',') } }, { signal }),
      enabled: wanted.length > 0,
    })
  },
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
  /** An hour of traffic: in total, or with one endpoint. */
  traffic: (mesh: string, endpoint?: string) =>
    queryOptions({
      queryKey: ['traffic', mesh, endpoint],
      queryFn: ({ signal }) =>
        call(
          AGENT_API.showTraffic,
          { params: { mesh }, query: endpoint === undefined ? {} : { endpoint } },
          { signal },
        ),
      refetchInterval: STEP_MS,
    }),
  sessions: (mesh: string) =>
    queryOptions({
      queryKey: ['sessions', mesh],
      queryFn: ({ signal }) => call(AGENT_API.listSessions, { params: { mesh } }, { signal }),
      refetchInterval: LIVE_MS,
    }),
  log: (mesh: string, { of, name }: LogSource, level: (typeof LOG_LEVELS)[number]) =>
    queryOptions({
      queryKey: ['log', mesh, of, name, level],
      queryFn: ({ signal }) => {
        const query = { level, limit: 1_000 }
        if (of === 'endpoint')
          return call(AGENT_API.endpointLog, { params: { mesh, endpoint: name }, query }, { signal })
        if (of === 'hub') return call(AGENT_API.hubLog, { params: { mesh, hub: name }, query }, { signal })
        return call(AGENT_API.showLog, { query: { ...query, mesh } }, { signal })
      },
    }),
} as const

/** Whose log: this agent's, an endpoint's by its name, a hub's by its id. */
export interface LogSource {
  readonly of: 'agent' | 'endpoint' | 'hub'
  readonly name: string
}

/** How much is logged: each has those after it. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
const STEP_MS = 5_000
const LIVE_MS = 2_000
/** Endpoints that are asked for at once. */
export const PAGE_SIZE = 100
