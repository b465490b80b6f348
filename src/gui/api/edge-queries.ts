import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { EDGE_CLIENT_PATH } from '../../core/api/edge-path.ts'
import { createEdgeClient, type EdgeClient, type PageQuery } from '../../core/edge/edge-client.ts'
import type { EdgeKind } from '../../core/edge/edge-kinds.ts'
import { call } from './call.ts'

/** The controller of a mesh, as an administrator asks it. */
export function openEdge(mesh: string, signal?: AbortSignal): EdgeClient {
  return createEdgeClient(mesh, wish => call(AGENT_API.passEdge, wish, signal && { signal }))
}

/** The controller of a mesh, as everybody asks it of oneself. */
export function openOwnEdge(mesh: string, signal?: AbortSignal): EdgeClient {
  return createEdgeClient(
    mesh,
    wish => call(AGENT_API.passEdge, wish, signal && { signal }),
    EDGE_CLIENT_PATH,
  )
}

/** What the page asks the controller for; what changes there is told, see `stale-queries.ts`. Third in a key is what it is made of. */
export const EDGE_QUERIES = {
  /** Whether the user of this endpoint administers the mesh. */
  role: (mesh: string, user: string) =>
    queryOptions({
      queryKey: ['role', mesh, user],
      queryFn: ({ signal }) => call(AGENT_API.showUser, { params: { mesh, user } }, { signal }),
      enabled: user !== '',
    }),
  /** @param path  the list's, below the management API; that of the kind itself if left out */
  page: (mesh: string, kind: EdgeKind, query: PageQuery, path?: string) =>
    queryOptions({
      queryKey: ['edge', mesh, kind, path ?? '', query],
      queryFn: ({ signal }) => {
        const edge = openEdge(mesh, signal)
        return path === undefined ? edge.page(kind, query) : edge.pageAt(path, query)
      },
      placeholderData: keepPreviousData,
    }),
  /** All of a kind, for choosing among few. */
  all: (mesh: string, kind: EdgeKind) =>
    queryOptions({
      queryKey: ['edge', mesh, kind, 'all'],
      queryFn: ({ signal }) => openEdge(mesh, signal).list(kind),
    }),
  one: (mesh: string, kind: EdgeKind, id: string) =>
    queryOptions({
      queryKey: ['edge', mesh, kind, 'one', id],
      queryFn: ({ signal }) => openEdge(mesh, signal).show(kind, id),
    }),
  ask: (mesh: string, path: string) =>
    queryOptions({
      queryKey: ['edge', mesh, 'ask', path],
      queryFn: async ({ signal }) => (await openEdge(mesh, signal).ask('GET', path)) ?? null,
    }),
  ownIdentity: (mesh: string) =>
    queryOptions({
      queryKey: ['edge', mesh, 'own'],
      queryFn: async ({ signal }) =>
        (await openOwnEdge(mesh, signal).ask('GET', '/current-identity')) ?? null,
    }),
  ownServices: (mesh: string, query: PageQuery) =>
    queryOptions({
      queryKey: ['edge', mesh, 'own-services', query],
      queryFn: ({ signal }) => openOwnEdge(mesh, signal).page('service', query),
      placeholderData: keepPreviousData,
    }),
  billing: (mesh: string) =>
    queryOptions({
      queryKey: ['billing', mesh],
      queryFn: ({ signal }) => call(AGENT_API.showBilling, { params: { mesh } }, { signal }),
      refetchInterval: COUNTERS_MS,
    }),
  usage: (mesh: string, query: { user?: string; sinceMs?: number; limit?: number }) =>
    queryOptions({
      queryKey: ['usage', mesh, query],
      queryFn: ({ signal }) => call(AGENT_API.listUsage, { params: { mesh }, query }, { signal }),
      placeholderData: keepPreviousData,
      refetchInterval: COUNTERS_MS,
    }),
} as const

/** Balances move with time, and nobody tells of them. */
const COUNTERS_MS = 10_000
