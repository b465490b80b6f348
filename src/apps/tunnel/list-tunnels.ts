import type { ServiceInfo } from '../../core/api/shapes.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { isAppService, type ServiceName } from '../../core/model/names.ts'
import type { Host } from '../../sdk/app.ts'
import type { Ends } from './ends.ts'
import type { TunnelInfo } from './messages.ts'
import { partsOf, serviceOf } from './records.ts'

/**
 * All tunnels with the ends that can be seen from here: every outbound this user may dial or hosts, and the inbounds of this
 * endpoint. While no hub can be reached, only what is at this endpoint.
 */
export async function listTunnels(host: Host, ends: Ends): Promise<TunnelInfo[]> {
  const tunnels = new Map<ServiceName, TunnelInfo>()
  for (const service of await knownServices(host)) tunnels.set(service.name, toTunnel(service))
  const { id, name, user } = host.endpoint
  for (const { protocol, name: end, health, error, isPaused } of ends.outbounds()) {
    if (error !== undefined || isPaused === true) continue
    const tunnel = findOrAdd(tunnels, serviceOf(protocol, end))
    tunnel.owner ??= user
    tunnel.outbound = [
      { id, name, isOnline: true, health },
      ...tunnel.outbound.filter(outbound => outbound.id !== id),
    ]
  }
  for (const { protocol, name: end, owner } of ends.inbounds()) {
    const tunnel = findOrAdd(tunnels, serviceOf(protocol, end))
    if (owner !== undefined) tunnel.owner ??= owner
    tunnel.inbound.push({ id, name })
  }
  return [...tunnels.entries()].sort(([a], [b]) => a.localeCompare(b)).map(([, tunnel]) => tunnel)
}

/** One of `listTunnels`. @throws MeshError `not-found` */
export async function showTunnel(host: Host, ends: Ends, service: ServiceName): Promise<TunnelInfo> {
  const { protocol, name } = partsOf(service)
  const tunnels = await listTunnels(host, ends)
  const found = tunnels.find(tunnel => tunnel.protocol === protocol && tunnel.name === name)
  if (found !== undefined) return found
  throw new MeshError(
    'not-found',
    `Cannot find tunnel "${service}": no end of it can be seen from endpoint "${host.endpoint.name}"`,
  )
}

async function knownServices(host: Host): Promise<ServiceInfo[]> {
  try {
    return (await host.services()).filter(({ name }) => !isAppService(name))
  } catch (thrown) {
    const error = toMeshError(thrown)
    if (!error.kind.retry) throw error
    return []
  }
}

function findOrAdd(tunnels: Map<ServiceName, TunnelInfo>, service: ServiceName): TunnelInfo {
  const known = tunnels.get(service)
  if (known !== undefined) return known
  const tunnel: TunnelInfo = { ...partsOf(service), inbound: [], outbound: [] }
  tunnels.set(service, tunnel)
  return tunnel
}

function toTunnel({ name, owner, hostings }: ServiceInfo): TunnelInfo {
  return {
    ...partsOf(name),
    owner,
    inbound: [],
    outbound: hostings.map(({ endpoint, name: endpointName, isOnline, health }) => ({
      id: endpoint,
      name: endpointName,
      isOnline,
      health,
    })),
  }
}
