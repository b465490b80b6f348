import { PROXY_API, type ProxyChange, type ProxyConfig } from '../../apps/proxy/messages.ts'
import type { Answer, Arguments, Route } from '../../core/api/route.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { choosePlace, type Place } from '../mesh-choice.ts'

/** The proxy that a command speaks of. */
export interface ProxyPlace extends Place {
  readonly config: ProxyConfig
}

/** Call a route of the proxy app in one mesh. @throws MeshError as `callAgent` */
export function callProxy<R extends Route>(
  cli: Cli,
  mesh: string,
  route: R,
  args: Arguments<R>,
  options: { readonly timeoutMs?: number } = {},
): Promise<Answer<R>> {
  const below = `/api/meshes/${encodeURIComponent(mesh)}/apps/ztm/proxy`
  return callAgent(cli, route, args, { ...options, below })
}

/** Find the proxy that is meant, and how it is. */
export async function chooseProxy(cli: Cli): Promise<ProxyPlace> {
  const place = await choosePlace(cli)
  const params = { endpoint: place.endpoint }
  return { ...place, config: await callProxy(cli, place.mesh.name, PROXY_API.showConfig, { params }) }
}

/** Change a proxy. */
export function changeProxy(cli: Cli, { mesh, endpoint }: Place, body: ProxyChange): Promise<ProxyConfig> {
  return callProxy(cli, mesh.name, PROXY_API.changeConfig, { params: { endpoint }, body: body as never })
}
