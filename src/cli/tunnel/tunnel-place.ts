import type { Answer, Arguments, Route } from '../../core/api/route.ts'
import { parseServiceName, protocolOf } from '../../core/model/names.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { listAllEndpoints } from '../listings.ts'

/** A tunnel's name as the API takes it. */
export interface TunnelName {
  readonly protocol: 'tcp' | 'udp'
  readonly name: string
}

/** Read `tcp/NAME` or `udp/NAME`. @throws MeshError `bad-name` */
export function parseTunnelName(text: string): TunnelName {
  const service = parseServiceName(text)
  return { protocol: protocolOf(service), name: service.slice(4) }
}

/** `tcp/NAME` again. */
export function formatTunnelName({ protocol, name }: TunnelName): string {
  return `${protocol}/${name}`
}

/** Call a route of the tunnel app in one mesh. @throws MeshError as `callAgent` */
export function callTunnel<R extends Route>(
  cli: Cli,
  mesh: string,
  route: R,
  args: Arguments<R>,
  options: { readonly timeoutMs?: number } = {},
): Promise<Answer<R>> {
  return callAgent(cli, route, args, {
    ...options,
    below: `/api/meshes/${encodeURIComponent(mesh)}/apps/ztm/tunnel`,
  })
}

/** Names for the ids of endpoints; an id that is not known, or while no hub can be asked, stays as it is. */
export async function endpointNames(cli: Cli, mesh: string): Promise<(id: string) => string> {
  const endpoints = await listAllEndpoints(cli, mesh).catch(() => [])
  const names = new Map<string, string>(endpoints.map(({ id, name }) => [id, name]))
  return id => names.get(id) ?? id
}
