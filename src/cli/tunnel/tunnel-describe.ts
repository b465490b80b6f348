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
      cell: listen => (listen.isOpen ? 'open' : `closed: ${listen.error ?? 'not yet open'}`),
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
  const targets = formatTable(outbound.targets, [
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
      ['Not hosted', outbound.error],
      ['Health', outbound.health],
      ['Entrances', outbound.entrances.length === 0 ? '(any endpoint)' : outbound.entrances.map(nameOf)],
      ['Users', formatUsers(outbound)],
      ['Balance', outbound.balance],
      ['Probed', outbound.isProbed ? 'yes' : 'no'],
      ...trafficFields(outbound),
    ],
    below: `\n${targets}`,
  })
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
