import { TUNNEL_API } from '../../apps/tunnel/messages.ts'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { EDGE_KINDS, type EdgeKind } from '../../core/edge/edge-kinds.ts'
import { nameOf } from '../../core/edge/entity-members.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { openEdge } from '../edge/open-edge.ts'
import { choosePlace } from '../mesh-choice.ts'
import { listGroups } from '../people/groups.ts'
import { callTunnel, formatTunnelName } from '../tunnel/tunnel-place.ts'
import type { Candidate } from './candidates.ts'

/**
 * The names the agent knows now, of one kind: the word in an argument's or option's angle brackets.
 *
 * @returns none for a kind that has no names, and when no agent answers
 */
export async function liveNames(cli: Cli, kind: string): Promise<readonly Candidate[]> {
  const list = LISTS[kind]
  if (list === undefined) return []
  try {
    return await list(cli)
  } catch {
    // Somebody is pressing Tab: an error message would only tear the line apart.
    return []
  }
}

type List = (cli: Cli) => Promise<readonly Candidate[]>

const listMeshes: List = async cli => {
  const { meshes } = await callAgent(cli, AGENT_API.listMeshes, {})
  return meshes.map(mesh => ({ word: mesh.name, about: mesh.state }))
}

const listEndpoints: List = async cli => {
  const { mesh } = await choosePlace(cli)
  const { endpoints } = await callAgent(cli, AGENT_API.listEndpoints, { params: { mesh: mesh.name } })
  return endpoints.map(each => ({
    word: each.name,
    about: `${each.user}, ${each.isOnline ? 'online' : 'offline'}`,
  }))
}

const listUsers: List = async cli => {
  const { mesh } = await choosePlace(cli)
  const { users } = await callAgent(cli, AGENT_API.listUsers, { params: { mesh: mesh.name } })
  return users.map(user => ({ word: user.name }))
}

const listGroupNames: List = async cli =>
  (await listGroups(cli)).map(({ name, users }) => ({ word: name, about: `${users.length} in it` }))

const listServices: List = async cli => {
  const { mesh } = await choosePlace(cli)
  const { services } = await callAgent(cli, AGENT_API.listServices, { params: { mesh: mesh.name } })
  return services.map(service => ({ word: service.name, about: service.owner }))
}

const listHubs: List = async cli => {
  const { mesh } = await choosePlace(cli)
  const { hubs } = await callAgent(cli, AGENT_API.listHubs, { params: { mesh: mesh.name } })
  return hubs.flatMap(hub => hub.names.map(word => ({ word, about: hub.id })))
}

const listApps: List = async cli => {
  const { mesh, endpoint } = await choosePlace(cli)
  const { apps } = await callAgent(cli, AGENT_API.listApps, { params: { mesh: mesh.name, endpoint } })
  return apps.map(app => ({ word: app.name }))
}

const listPublished: List = async cli => {
  const { mesh } = await choosePlace(cli)
  const { releases } = await callAgent(cli, AGENT_API.listReleases, { params: { mesh: mesh.name } })
  return releases.map(one => ({ word: `${one.provider}/${one.name}`, about: one.description }))
}

const listInvitations: List = async cli => {
  const { mesh } = await choosePlace(cli)
  const { invitations } = await callAgent(cli, AGENT_API.listInvitations, { params: { mesh: mesh.name } })
  return invitations.map(each => ({ word: each.id, about: `${each.user}, ${each.state}` }))
}

const listEvictions: List = async cli => {
  const { mesh } = await choosePlace(cli)
  const { evictions } = await callAgent(cli, AGENT_API.listEvictions, { params: { mesh: mesh.name } })
  return evictions.map(each => ({ word: each.id, about: each.user }))
}

const listTunnels: List = async cli => {
  const { mesh } = await choosePlace(cli)
  const { tunnels } = await callTunnel(cli, mesh.name, TUNNEL_API.listTunnels, {})
  return tunnels.map(tunnel => ({ word: formatTunnelName(tunnel) }))
}

const listInbounds: List = async cli => {
  const { mesh, endpoint } = await choosePlace(cli)
  const { inbounds } = await callTunnel(cli, mesh.name, TUNNEL_API.listInbounds, { params: { endpoint } })
  return inbounds.map(inbound => ({ word: formatTunnelName(inbound) }))
}

const listOutbounds: List = async cli => {
  const { mesh, endpoint } = await choosePlace(cli)
  const { outbounds } = await callTunnel(cli, mesh.name, TUNNEL_API.listOutbounds, { params: { endpoint } })
  return outbounds.map(outbound => ({ word: formatTunnelName(outbound) }))
}

const listEntities =
  (kind: EdgeKind): List =>
  async cli => {
    const edge = await openEdge(cli)
    return (await edge.list(kind)).map(entity => ({ word: nameOf(entity) }))
  }

/** By every word that stands for the kind. */
const LISTS: Readonly<Record<string, List>> = {
  ...Object.assign(
    {},
    ...(Object.keys(EDGE_KINDS) as EdgeKind[]).map(kind =>
      byWords(listEntities(kind), ...EDGE_KINDS[kind].words),
    ),
  ),
  ...byWords(listMeshes, 'mesh', 'meshes'),
  ...byWords(listEndpoints, 'endpoint', 'ep', 'eps', 'endpoints'),
  ...byWords(listUsers, 'user', 'users'),
  ...byWords(listGroupNames, 'group', 'groups'),
  ...byWords(listServices, 'service', 'services', 'svc'),
  ...byWords(listHubs, 'hub', 'hubs'),
  ...byWords(listApps, 'app', 'apps'),
  ...byWords(listPublished, 'published'),
  ...byWords(listInvitations, 'invitation', 'invitations'),
  ...byWords(listEvictions, 'eviction', 'evictions'),
  ...byWords(listTunnels, 'tunnel', 'tunnels', 'tun'),
  ...byWords(listInbounds, 'inbound', 'inbounds', 'in'),
  ...byWords(listOutbounds, 'outbound', 'outbounds', 'out'),
}

function byWords(list: List, ...words: readonly string[]): Record<string, List> {
  return Object.fromEntries(words.map(word => [word, list]))
}
