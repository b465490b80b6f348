import {
  type InboundInfo,
  type OutboundInfo,
  TUNNEL_API,
  type TunnelInfo,
} from '../../apps/tunnel/messages.ts'
import { formatAddress, formatTarget } from '../../core/model/address.ts'
import type { Cli } from '../context.ts'
import { healthTone } from '../listings.ts'
import { choosePlace } from '../mesh-choice.ts'
import { showList } from '../output/show.ts'
import { plural } from '../output/words.ts'
import { callTunnel, endpointNames, formatTunnelName } from './tunnel-place.ts'

/** `ztm tunnel get tunnel` */
export async function listTunnels(cli: Cli, part: string | undefined): Promise<void> {
  const { mesh } = await choosePlace(cli)
  const { tunnels } = await callTunnel(cli, mesh.name, TUNNEL_API.listTunnels, {})
  await showList(cli, tunnels.filter(fits(part)), {
    nameOf: formatTunnelName,
    columns: [
      { title: 'NAME', cell: formatTunnelName },
      { title: 'OWNER', cell: tunnel => tunnel.owner },
      { title: 'INBOUND', cell: tunnel => tunnel.inbound.map(end => end.name).join(',') },
      { title: 'OUTBOUND', cell: tunnel => tunnel.outbound.map(end => end.name).join(',') },
      { title: 'HEALTH', cell: tunnelHealth, tone: tunnel => healthTone(tunnelHealth(tunnel)) },
    ],
  })
}

/** `ztm tunnel get inbound` */
export async function listInbounds(cli: Cli, part: string | undefined): Promise<void> {
  const { mesh, endpoint } = await choosePlace(cli)
  const { inbounds } = await callTunnel(cli, mesh.name, TUNNEL_API.listInbounds, { params: { endpoint } })
  const nameOf = await endpointNames(cli, mesh.name)
  await showList(cli, inbounds.filter(fits(part)), {
    nameOf: formatTunnelName,
    columns: [
      { title: 'NAME', cell: formatTunnelName },
      { title: 'LISTENS', cell: inbound => shorten(inbound.listens.map(formatListen)) },
      { title: 'EXITS', cell: inbound => inbound.exits.map(nameOf).join(',') || '(any)' },
      { title: 'OPEN', cell: inbound => inbound.connectionCount },
      { title: 'TOTAL', cell: inbound => inbound.totalCount },
      { title: 'FAILED', cell: inbound => inbound.failedCount },
      {
        title: 'STATUS',
        cell: inboundStatus,
        tone: inbound => (inboundStatus(inbound) === 'open' ? 'good' : 'bad'),
      },
    ],
  })
}

/** `ztm tunnel get outbound` */
export async function listOutbounds(cli: Cli, part: string | undefined): Promise<void> {
  const { mesh, endpoint } = await choosePlace(cli)
  const { outbounds } = await callTunnel(cli, mesh.name, TUNNEL_API.listOutbounds, { params: { endpoint } })
  const nameOf = await endpointNames(cli, mesh.name)
  await showList(cli, outbounds.filter(fits(part)), {
    nameOf: formatTunnelName,
    columns: [
      { title: 'NAME', cell: formatTunnelName },
      {
        title: 'TARGETS',
        cell: formatWhere,
      },
      { title: 'ENTRANCES', cell: outbound => outbound.entrances.map(nameOf).join(',') || '(any)' },
      { title: 'USERS', cell: formatUsers },
      { title: 'OPEN', cell: outbound => outbound.connectionCount },
      { title: 'TOTAL', cell: outbound => outbound.totalCount },
      { title: 'FAILED', cell: outbound => outbound.failedCount },
      {
        title: 'HEALTH',
        cell: outboundStatus,
        tone: outbound => (outbound.error === undefined ? healthTone(outbound.health) : 'bad'),
      },
    ],
  })
}

/** Where an outbound leads: to its targets, or by how many routes. */
export function formatWhere({ targets, http }: Pick<OutboundInfo, 'targets' | 'http'>): string {
  if (http === undefined) return shorten(targets.map(({ target }) => formatApiTarget(target)))
  return plural(http.routes.length, 'route')
}

/** A target as it is typed; the API has its own form of it. */
export function formatApiTarget(target: OutboundInfo['targets'][number]['target']): string {
  return formatTarget('unix' in target ? { kind: 'unix', path: target.unix } : { kind: 'address', ...target })
}

/** Where an inbound listens, as it is typed. */
export function formatListen({ ip, port }: { ip: string; port: number }): string {
  return formatAddress({ host: ip, port })
}

/** Who may dial an outbound, or what an endpoint hosts. */
export function formatUsers({
  users,
  groups = [],
  policies,
}: Pick<OutboundInfo, 'users' | 'groups' | 'policies'>): string {
  if (users.includes('*')) return '(all)'
  const named = groups.map(group => `group ${group}`)
  return ['(owner)', ...users, ...named, ...(policies === true ? ['(policies)'] : [])].join(',')
}

/** Neighbouring ports of one address as a range: `127.0.0.1:8000-8010`. */
export function shorten(addresses: readonly string[]): string {
  const runs: { head: string; first: number; last: number }[] = []
  const texts: string[] = []
  const flush = () => {
    for (const { head, first, last } of runs.splice(0))
      texts.push(first === last ? `${head}${first}` : `${head}${first}-${last}`)
  }
  for (const address of addresses) {
    const [, head = '', port = ''] = /^(.*:)(\d+)$/.exec(address) ?? []
    const run = runs.at(-1)
    if (port === '') {
      flush()
      texts.push(address)
    } else if (run !== undefined && run.head === head && run.last + 1 === Number(port)) run.last += 1
    else runs.push({ head, first: Number(port), last: Number(port) })
  }
  flush()
  return texts.join(',')
}

function tunnelHealth({ outbound }: TunnelInfo): string {
  const online = outbound.filter(end => end.isOnline)
  if (outbound.length === 0) return 'no outbound'
  if (online.length === 0) return 'down'
  const all = new Set(online.map(end => end.health))
  return all.size === 1 ? (online[0]?.health ?? 'unknown') : 'partly'
}

function outboundStatus({ error, health, isPaused }: OutboundInfo): string {
  if (isPaused === true) return 'paused'
  return error === undefined ? health : `not hosted: ${error}`
}

function inboundStatus({ listens, isPaused }: InboundInfo): string {
  if (isPaused === true) return 'paused'
  const closed = listens.find(listen => !listen.isOpen)
  if (closed === undefined) return 'open'
  return `${formatListen(closed)} closed${closed.error === undefined ? '' : `: ${closed.error}`}`
}

function fits(part: string | undefined): (end: { protocol: 'tcp' | 'udp'; name: string }) => boolean {
  return end => part === undefined || formatTunnelName(end).toLowerCase().includes(part.toLowerCase())
}
