import { type InboundInfo, type OutboundInfo, TUNNEL_API } from '../../apps/tunnel/messages.ts'
import type { Cli } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { showThing } from '../output/show.ts'
import { type Field, formatTable } from '../output/table.ts'
import { bytes } from '../output/words.ts'
import { formatApiTarget, formatListen, formatUsers } from './tunnel-lists.ts'
import { callTunnel, endpointNames, formatTunnelName, parseTunnelName } from './tunnel-place.ts'

/** `ztm tunnel describe tunnel tcp/x` */
export async function describeTunnel(cli: Cli, typed: string): Promise<void> {
  const { mesh } = await choosePlace(cli)
  const tunnel = await callTunnel(cli, mesh.name, TUNNEL_API.showTunnel, { params: parseTunnelName(typed) })
  const ends = formatTable(
    [
      ...tunnel.inbound.map(end => ({ ...end, way: 'inbound', status: '', health: '' })),
      ...tunnel.outbound.map(end => ({
        ...end,
        way: 'outbound',
        status: end.isOnline ? 'online' : 'offline',
      })),
    ],
    [
      { title: 'END', cell: end => end.way },
      { title: 'ENDPOINT', cell: end => end.name },
      { title: 'STATUS', cell: end => end.status },
      { title: 'HEALTH', cell: end => end.health },
      { title: 'ID', cell: end => end.id },
    ],
  )
  await showThing(cli, tunnel, {
    name: formatTunnelName(tunnel),
    fields: [
      ['Tunnel', formatTunnelName(tunnel)],
      ['Owner', tunnel.owner],
    ],
    below: `\n${ends}`,
  })
}

/** `ztm tunnel describe inbound tcp/x` */
export async function describeInbound(cli: Cli, typed: string): Promise<void> {
  const { mesh, endpoint } = await choosePlace(cli)
  const params = { endpoint, ...parseTunnelName(typed) }
  const inbound = await callTunnel(cli, mesh.name, TUNNEL_API.showInbound, { params })
  const nameOf = await endpointNames(cli, mesh.name)
  const listens = formatTable(inbound.listens, [
    { title: 'LISTEN', cell: formatListen },
    {
      title: 'STATUS',
      cell: listen =>
        listen.isOpen
          ? 'open'
          : `closed: ${listen.error ?? (inbound.isPaused === true ? 'paused' : 'not yet open')}`,
    },
    { title: 'CONNECTIONS', cell: listen => listen.connectionCount },
  ])
  await showThing(cli, inbound, {
    name: formatTunnelName(inbound),
    fields: [
      ['Inbound', formatTunnelName(inbound)],
      ['Endpoint', nameOf(endpoint)],
      ['Owner', inbound.owner],
      ['Exits', inbound.exits.length === 0 ? '(any endpoint that hosts it)' : inbound.exits.map(nameOf)],
      ...trafficFields(inbound),
    ],
    below: `\n${listens}`,
  })
}

/** `ztm tunnel describe outbound tcp/x` */
export async function describeOutbound(cli: Cli, typed: string): Promise<void> {
  const { mesh, endpoint } = await choosePlace(cli)
  const params = { endpoint, ...parseTunnelName(typed) }
  const outbound = await callTunnel(cli, mesh.name, TUNNEL_API.showOutbound, { params })
  const nameOf = await endpointNames(cli, mesh.name)
  const { http } = outbound
  const targets = http
    ? formatRoutes(http)
    : formatTable(outbound.targets, [
        { title: 'TARGET', cell: ({ target }) => formatApiTarget(target) },
        { title: 'HEALTH', cell: target => target.health },
        { title: 'CONNECTIONS', cell: target => target.connectionCount },
        { title: 'LAST ERROR', cell: target => target.lastError },
      ])
  await showThing(cli, outbound, {
    name: formatTunnelName(outbound),
    fields: [
      ['Outbound', formatTunnelName(outbound)],
      ['Endpoint', nameOf(endpoint)],
      ['Not hosted', outbound.isPaused === true ? 'paused' : outbound.error],
      ['Health', outbound.health],
      ['Entrances', outbound.entrances.length === 0 ? '(any endpoint)' : outbound.entrances.map(nameOf)],
      ['Users', formatUsers(outbound)],
      ['Balance', http ? undefined : outbound.balance],
      ['Probed', http ? undefined : outbound.isProbed ? 'yes' : 'no'],
      ['Requests', http?.requestCount],
      ['Forwarders', http?.setting.forwarders.join(', ') || undefined],
      ...trafficFields(outbound),
    ],
    below: `\n${targets}`,
  })
}

function formatRoutes({ routes, setting }: NonNullable<OutboundInfo['http']>): string {
  const rows = routes.flatMap(({ host, path, targets }, index) =>
    targets.map((target, i) => ({ route: i === 0 ? `${host}${path}` : '', index, ...target })),
  )
  return formatTable(rows, [
    { title: 'ROUTE', cell: row => row.route },
    { title: 'TARGET', cell: row => row.target },
    { title: 'HEALTH', cell: row => row.health },
    { title: 'CHECK', cell: row => setting.routes[row.index]?.health?.path },
    { title: 'FOR', cell: row => formatAllowed(setting.routes[row.index]?.allow) },
    { title: 'OPEN', cell: row => row.requestCount },
    { title: 'TOTAL', cell: row => row.totalCount },
    { title: 'LAST ERROR', cell: row => row.lastError },
  ])
}

function formatAllowed(
  allow: { readonly users: readonly string[]; readonly groups: readonly string[] } | undefined,
) {
  if (allow === undefined) return '(all who may dial)'
  return [...allow.users, ...allow.groups.map(group => `group ${group}`)].join(',') || '(nobody)'
}

function trafficFields(end: InboundInfo | OutboundInfo): readonly Field[] {
  return [
    ['Connections', `${end.connectionCount} open, ${end.totalCount} in all, ${end.failedCount} failed`],
    ['Sent', bytes(end.sentBytes)],
    ['Received', bytes(end.receivedBytes)],
    ['Dropped', end.protocol === 'udp' ? `${end.droppedCount} datagrams` : undefined],
    ['Last error', end.lastError],
  ]
}
