import { queryOptions } from '@tanstack/react-query'
import { TUNNEL_API } from '../../apps/tunnel/messages.ts'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { call } from './call.ts'

/** What the page asks for, each under the key it is kept by. */
export const QUERIES = {
  status: () =>
    queryOptions({
      queryKey: ['status'],
      queryFn: ({ signal }) => call(AGENT_API.showStatus, {}, { signal }),
    }),
  mesh: (mesh: string) =>
    queryOptions({
      queryKey: ['mesh', mesh],
      queryFn: ({ signal }) => call(AGENT_API.showMesh, { params: { mesh } }, { signal }),
    }),
  hubs: (mesh: string) =>
    queryOptions({
      queryKey: ['hubs', mesh],
      queryFn: ({ signal }) => call(AGENT_API.listHubs, { params: { mesh } }, { signal }),
    }),
  endpoints: (mesh: string, keyword = '') =>
    queryOptions({
      queryKey: ['endpoints', mesh, keyword],
      queryFn: ({ signal }) =>
        call(
          AGENT_API.listEndpoints,
          { params: { mesh }, query: keyword === '' ? {} : { keyword } },
          { signal },
        ),
    }),
  endpoint: (mesh: string, endpoint: string) =>
    queryOptions({
      queryKey: ['endpoint', mesh, endpoint],
      queryFn: ({ signal }) => call(AGENT_API.showEndpoint, { params: { mesh, endpoint } }, { signal }),
      refetchInterval: LIVE_MS,
    }),
  users: (mesh: string) =>
    queryOptions({
      queryKey: ['users', mesh],
      queryFn: ({ signal }) => call(AGENT_API.listUsers, { params: { mesh }, query: {} }, { signal }),
    }),
  /** One page of the users whose name has a word in it, and how many there are; the first is page 0. */
  userPage: (mesh: string, keyword: string, page: number) =>
    queryOptions({
      queryKey: ['users', mesh, keyword, page],
      queryFn: ({ signal }) => {
        const some = { limit: USER_PAGE_SIZE, offset: page * USER_PAGE_SIZE }
        const query = keyword === '' ? some : { ...some, keyword }
        return call(AGENT_API.listUsers, { params: { mesh }, query }, { signal })
      },
    }),
  invitations: (mesh: string) =>
    queryOptions({
      queryKey: ['invitations', mesh],
      queryFn: ({ signal }) => call(AGENT_API.listInvitations, { params: { mesh } }, { signal }),
    }),
  groups: (mesh: string) =>
    queryOptions({
      queryKey: ['groups', mesh],
      queryFn: ({ signal }) => call(AGENT_API.listGroups, { params: { mesh } }, { signal }),
    }),
  evictions: (mesh: string) =>
    queryOptions({
      queryKey: ['evictions', mesh],
      queryFn: ({ signal }) => call(AGENT_API.listEvictions, { params: { mesh } }, { signal }),
    }),
  services: (mesh: string) =>
    queryOptions({
      queryKey: ['services', mesh],
      queryFn: ({ signal }) => call(AGENT_API.listServices, { params: { mesh } }, { signal }),
    }),
  inbounds: (mesh: string, endpoint: string) =>
    queryOptions({
      queryKey: ['inbounds', mesh, endpoint],
      queryFn: ({ signal }) =>
        call(TUNNEL_API.listInbounds, { params: { endpoint } }, { prefix: tunnelPrefix(mesh), signal }),
      refetchInterval: LIVE_MS,
    }),
  outbounds: (mesh: string, endpoint: string) =>
    queryOptions({
      queryKey: ['outbounds', mesh, endpoint],
      queryFn: ({ signal }) =>
        call(TUNNEL_API.listOutbounds, { params: { endpoint } }, { prefix: tunnelPrefix(mesh), signal }),
      refetchInterval: LIVE_MS,
    }),
} as const

/** Where the API of a mesh's tunnels is. */
export function tunnelPrefix(mesh: string): string {
  return `/api/meshes/${encodeURIComponent(mesh)}/apps/ztm/tunnel`
}

/** Users that are asked for at once. */
export const USER_PAGE_SIZE = 100
/** Counters are asked for this often; they do not tell of themselves. */
const LIVE_MS = 2_000
