import { queryOptions } from '@tanstack/react-query'
import { TUNNEL_API } from '../../apps/tunnel/messages.ts'
import { call } from './call.ts'
import { tunnelPrefix } from './queries.ts'

/** What the page asks of tunnels beside their ends. */
export const TUNNEL_QUERIES = {
  tunnels: (mesh: string) =>
    queryOptions({
      queryKey: ['tunnels', mesh],
      queryFn: ({ signal }) => call(TUNNEL_API.listTunnels, {}, { prefix: tunnelPrefix(mesh), signal }),
      refetchInterval: LIVE_MS,
    }),
  openPorts: (mesh: string, endpoint: string) =>
    queryOptions({
      queryKey: ['ports', mesh, endpoint],
      queryFn: ({ signal }) =>
        call(TUNNEL_API.listOpenPorts, { params: { endpoint } }, { prefix: tunnelPrefix(mesh), signal }),
      staleTime: 10_000,
    }),
} as const

const LIVE_MS = 5_000
