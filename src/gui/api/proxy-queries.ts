import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { PROXY_API, type ProxyChange, type ProxyConfig } from '../../apps/proxy/messages.ts'
import { call } from './call.ts'

/** Which proxy is meant: that of an endpoint in a mesh. */
export interface ProxyPlace {
  readonly mesh: string
  readonly endpoint: { readonly id: string; readonly name: string; readonly isLocal: boolean }
}

/** How the proxy of an endpoint is. */
export function proxyQuery({ mesh, endpoint }: ProxyPlace) {
  return queryOptions({
    queryKey: ['proxy', mesh, endpoint.id],
    queryFn: ({ signal }) =>
      call(
        PROXY_API.showConfig,
        { params: { endpoint: endpoint.id } },
        { prefix: proxyPrefix(mesh), signal },
      ),
    refetchInterval: LIVE_MS,
  })
}

/** Change a proxy; what it answers is shown at once. */
export function useProxyChange(place: ProxyPlace, onDone: () => void = () => {}) {
  const queries = useQueryClient()
  return useMutation({
    // Words are read while it is made, so that what is wrong with them is shown in place.
    mutationFn: async (make: () => ProxyChange) => changeProxy(place, make()),
    onSuccess(config: ProxyConfig) {
      queries.setQueryData(proxyQuery(place).queryKey, config)
      onDone()
    },
  })
}

/** Change a proxy. @throws MeshError what the endpoint answered */
export function changeProxy({ mesh, endpoint }: ProxyPlace, change: ProxyChange): Promise<ProxyConfig> {
  const args = { params: { endpoint: endpoint.id }, body: change as never }
  return call(PROXY_API.changeConfig, args, { prefix: proxyPrefix(mesh) })
}

/** What would become of a connection. @throws MeshError what the endpoint answered */
export function testTarget({ mesh, endpoint }: ProxyPlace, host: string, port: number, client: string) {
  const body = { host, port, ...(client !== '' && { client }) }
  return call(
    PROXY_API.testTarget,
    { params: { endpoint: endpoint.id }, body },
    { prefix: proxyPrefix(mesh) },
  )
}

function proxyPrefix(mesh: string): string {
  return `/api/meshes/${encodeURIComponent(mesh)}/apps/ztm/proxy`
}

const LIVE_MS = 5_000
