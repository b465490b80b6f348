import { AGENT_API } from '../core/api/agent-api.ts'
import type { MeshInfo } from '../core/api/mesh-shape.ts'
import type { Answer } from '../core/api/route.ts'
import type { EndpointInfo, Eviction, ServiceInfo } from '../core/api/shapes.ts'
import { callAgent } from './api-client.ts'
import type { Cli } from './context.ts'
import { describeMeshState, meshTone } from './mesh-state.ts'
import type { Tone } from './output/colors.ts'
import type { ListView } from './output/show.ts'
import { age, ago, bytes, milliseconds, moment, until } from './output/words.ts'

type Item<R extends keyof typeof AGENT_API, K extends string> =
  Answer<(typeof AGENT_API)[R]> extends Record<K, (infer T)[]> ? T : never
/** An endpoint of a listing: it says whether it is this one. */
export type ListedEndpoint = Item<'listEndpoints', 'endpoints'>
/** A hub of a listing: it says how far it is. */
export type ListedHub = Item<'listHubs', 'hubs'>
type Invitation = Item<'listInvitations', 'invitations'>
type User = Item<'listUsers', 'users'>

/** How `ztm get mesh` prints. */
export function meshView(cli: Cli): ListView<MeshInfo> {
  return {
    nameOf: mesh => mesh.name,
    columns: [
      { title: 'NAME', cell: mesh => mesh.name },
      { title: 'JOINED AS', cell: mesh => mesh.endpoint.name },
      { title: 'USER', cell: mesh => mesh.endpoint.user },
      { title: 'HUBS', cell: mesh => mesh.bootstraps.join(',') },
      { title: 'CERTIFICATE', cell: mesh => until(cli, mesh.certificateExpiresAtMs) },
      { title: 'STATUS', cell: mesh => describeMeshState(cli, mesh), tone: meshTone },
    ],
  }
}

/** How `ztm get hub` prints. */
export function hubView(cli: Cli): ListView<ListedHub> {
  return {
    nameOf: hub => hub.names[0] ?? hub.id,
    columns: [
      { title: 'NAMES', cell: hub => hub.names.join(',') },
      { title: 'ROLE', cell: hub => (hub.isRelay ? 'relay' : 'controller') },
      { title: 'STATE', cell: stateOfHub },
      { title: 'ATTACHED', cell: hub => (hub.isAttached ? 'yes' : '') },
      { title: 'PING', cell: hub => hub.roundTripMs && milliseconds(hub.roundTripMs) },
      { title: 'LINKS', cell: hub => hub.linkCount },
      { title: 'RELAYS', cell: hub => hub.relayCount },
      { title: 'RELAYED', cell: hub => bytes(hub.relayedBytes) },
      { title: 'UP FOR', cell: hub => age(cli, hub.startedAtMs) },
      { title: 'CERTIFICATE', cell: hub => until(cli, hub.certificateExpiresAtMs) },
      { title: 'VERSION', cell: hub => hub.version },
      { title: 'ID', cell: hub => hub.id },
    ],
  }
}

/** How `ztm get ep` prints. */
export function endpointView(cli: Cli): ListView<ListedEndpoint> {
  return {
    nameOf: endpoint => endpoint.name,
    columns: [
      { title: 'NAME', cell: each => (each.isLocal ? `${each.name} (local)` : each.name) },
      { title: 'USER', cell: each => each.user },
      { title: 'STATUS', cell: each => (each.isOnline ? 'online' : 'offline'), tone: onlineTone },
      { title: 'ADDRESS', cell: each => each.address },
      { title: 'LABELS', cell: each => each.labels.join(',') },
      { title: 'LAST SEEN', cell: each => (each.isOnline ? 'now' : ago(cli, each.lastSeenMs)) },
      { title: 'VERSION', cell: each => each.version },
      { title: 'ID', cell: each => each.id },
    ],
  }
}

/** How `ztm get user` prints. */
export function userView(cli: Cli): ListView<User> {
  return {
    nameOf: user => user.name,
    columns: [
      { title: 'NAME', cell: user => user.name },
      { title: 'ROLE', cell: user => (user.isAdmin ? 'administrator' : 'member') },
      { title: 'GROUPS', cell: user => user.groups.join(',') },
      { title: 'ENDPOINTS', cell: user => user.endpointCount },
      { title: 'ONLINE', cell: user => user.onlineCount },
      { title: 'LAST SEEN', cell: user => lastSeen(cli, user) },
      {
        title: 'STATUS',
        cell: user => (user.isEvicted ? 'evicted' : 'admitted'),
        tone: user => (user.isEvicted ? 'bad' : 'good'),
      },
    ],
  }
}

/** `now`, `3 min ago`, or `never`. */
export function lastSeen(
  cli: Cli,
  { onlineCount, lastSeenMs }: Pick<User, 'onlineCount' | 'lastSeenMs'>,
): string {
  if (onlineCount > 0) return 'now'
  return lastSeenMs === undefined ? 'never' : ago(cli, lastSeenMs)
}

/** How `ztm get invitation` prints. */
export function invitationView(cli: Cli): ListView<Invitation> {
  return {
    nameOf: invitation => invitation.id,
    columns: [
      { title: 'ID', cell: each => each.id },
      { title: 'USER', cell: each => each.user },
      { title: 'STATUS', cell: each => each.state },
      { title: 'MADE', cell: each => ago(cli, each.createdAtMs) },
      { title: 'BY', cell: each => each.by },
      { title: 'EXPIRES', cell: each => (each.state === 'open' ? until(cli, each.expiresAtMs) : '') },
      { title: 'BOUND', cell: each => (each.isBound ? 'to a key' : '') },
      { title: 'LABELS', cell: each => each.labels.join(',') },
      { title: 'USED BY', cell: each => each.usedBy },
    ],
  }
}

/** How `ztm get eviction` prints. */
export const EVICTION_VIEW: ListView<Eviction> = {
  nameOf: eviction => eviction.id,
  columns: [
    { title: 'ID', cell: each => each.id },
    { title: 'USER', cell: each => each.user },
    { title: 'ENDPOINT', cell: each => each.endpoint ?? '(all)' },
    { title: 'SINCE', cell: each => moment(each.beforeMs) },
    { title: 'BY', cell: each => each.by },
    { title: 'REASON', cell: each => each.reason },
  ],
}

/** All endpoints that fit, page by page. @throws MeshError as `callAgent` */
export async function listAllEndpoints(
  cli: Cli,
  mesh: string,
  query: { keyword?: string; user?: string } = {},
): Promise<ListedEndpoint[]> {
  const endpoints: ListedEndpoint[] = []
  for (;;) {
    const page = await callAgent(cli, AGENT_API.listEndpoints, {
      params: { mesh },
      query: { ...query, limit: PAGE_SIZE, offset: endpoints.length },
    })
    endpoints.push(...page.endpoints)
    if (page.endpoints.length === 0 || endpoints.length >= page.total) return endpoints
  }
}

/** The health of a service over all its online hostings. */
export function serviceHealth({
  hostings,
}: Pick<ServiceInfo, 'hostings'>): 'up' | 'partly' | 'down' | 'unknown' {
  const all = hostings.map(hosting => (hosting.isOnline ? hosting.health : 'down'))
  if (all.every(health => health === 'down')) return 'down'
  if (all.some(health => health === 'down' || health === 'partly')) return 'partly'
  return all.some(health => health === 'unknown') ? 'unknown' : 'up'
}

/** The colour of a health. */
export function healthTone(health: string): Tone {
  if (health === 'up') return 'good'
  return health === 'down' ? 'bad' : health === 'partly' ? 'warning' : 'quiet'
}

/** Whether a hub is the one named: by id, or by one of its `host:port`, the port being optional. */
export function isHubNamed(hub: Pick<ListedHub, 'id' | 'names'>, typed: string): boolean {
  return hub.id === typed || hub.names.some(name => name === typed || name.replace(/:\d+$/, '') === typed)
}

/** In a word. */
export function stateOfHub({ isOnline, isDraining }: Pick<ListedHub, 'isOnline' | 'isDraining'>): string {
  if (isOnline === false) return 'offline'
  return isDraining ? 'draining' : 'online'
}

function onlineTone({ isOnline }: EndpointInfo): Tone {
  return isOnline ? 'good' : 'quiet'
}

const PAGE_SIZE = 1_000
