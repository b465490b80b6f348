import type { z } from 'zod'
import { type listenShape, type outboundSettingShape, TUNNEL_API } from '../../apps/tunnel/messages.ts'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { parseAddressRange, parseTargets } from '../../core/model/address.ts'
import { ERRORS, MeshError } from '../../core/model/errors.ts'
import { isUuid } from '../../core/model/ids.ts'
import { quote } from '../../core/model/quote.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { remark, report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { type HttpWords, readHttpWords } from './http-routes.ts'
import { formatListen, formatWhere, shorten } from './tunnel-lists.ts'
import { callTunnel, formatTunnelName, parseTunnelName } from './tunnel-place.ts'

/** What `open inbound` was told. */
export interface InboundWords {
  readonly listen: readonly string[]
  readonly exits?: readonly string[]
}

/** `ztm tunnel open inbound tcp/x --listen …` */
export async function openInbound(cli: Cli, typed: string, words: InboundWords): Promise<void> {
  const name = parseTunnelName(typed)
  const listens = words.listen.flatMap(readListens)
  const { mesh, endpoint } = await choosePlace(cli)
  const exits = await resolveEndpoints(cli, mesh.name, words.exits ?? [])
  const inbound = await callTunnel(cli, mesh.name, TUNNEL_API.openInbound, {
    params: { endpoint, ...name },
    body: { listens, exits },
  })
  const open = inbound.listens.filter(listen => listen.isOpen)
  const text =
    open.length > 0
      ? `Inbound ${visible(formatTunnelName(inbound))} listens on ${visible(shorten(open.map(formatListen)))}`
      : `Inbound ${visible(formatTunnelName(inbound))} is kept, but does not listen yet`
  await report(cli, text, { name: formatTunnelName(inbound), data: inbound })
  for (const listen of inbound.listens) {
    if (listen.error === undefined) continue
    remark(cli, `ztm: ${visible(`Cannot listen on ${formatListen(listen)}: ${listen.error}`)}`)
    cli.exitCode = ERRORS['port-in-use'].exit
  }
}

/** What `open outbound` was told. */
export interface OutboundWords extends HttpWords {
  readonly targets?: readonly string[]
  readonly entrances?: readonly string[]
  readonly users?: readonly string[]
  readonly groups?: readonly string[]
  readonly policies?: true
  readonly balance: z.output<typeof outboundSettingShape>['balance']
  readonly probe: boolean
}

/** `ztm tunnel open outbound tcp/x --targets …` */
export async function openOutbound(cli: Cli, typed: string, words: OutboundWords): Promise<void> {
  const name = parseTunnelName(typed)
  const http = await readHttpWords(cli, words)
  const targets = (words.targets ?? []).flatMap(readTargets)
  if ((http === undefined) === (targets.length === 0))
    throw new MeshError(
      'bad-usage',
      'Cannot open outbound: one of --targets, --route, --file says where it leads',
    )
  if (name.protocol === 'udp' && targets.some(target => 'unix' in target)) {
    throw new MeshError(
      'bad-input',
      `Cannot open outbound ${quote(typed)}: a unix socket takes no UDP: use tcp/`,
    )
  }
  const { mesh, endpoint } = await choosePlace(cli)
  const entrances = await resolveEndpoints(cli, mesh.name, words.entrances ?? [])
  const outbound = await callTunnel(cli, mesh.name, TUNNEL_API.openOutbound, {
    params: { endpoint, ...name },
    body: {
      ...(http === undefined ? { targets } : { http }),
      entrances,
      users: [...(words.users ?? [])],
      ...(words.groups && { groups: [...words.groups] }),
      ...(words.policies === true && { policies: true }),
      balance: words.balance,
      // A range by itself is matched port by port; ranges among others are one pool.
      isRange: words.targets?.length === 1 && targets.length > 1,
      isProbed: words.probe,
    },
  })
  const where = formatWhere(outbound)
  const { users, groups = [], policies } = outbound
  const isClosed = users.length + groups.length === 0 && policies !== true
  const next = isClosed ? ', for its owner alone: --users, --groups or --policies lets others in' : ''
  const text = `Outbound ${visible(formatTunnelName(outbound))} leads to ${visible(where)}${next}`
  await report(cli, text, { name: formatTunnelName(outbound), data: outbound })
}

/** `ztm tunnel pause|resume inbound|outbound tcp/x` */
export async function pauseEnd(
  cli: Cli,
  end: 'inbound' | 'outbound',
  typed: string,
  isPaused: boolean,
): Promise<void> {
  const name = parseTunnelName(typed)
  const { mesh, endpoint } = await choosePlace(cli)
  const route = end === 'inbound' ? TUNNEL_API.pauseInbound : TUNNEL_API.pauseOutbound
  const params = { endpoint, ...name }
  const data = await callTunnel(cli, mesh.name, route, { params, body: { isPaused } })
  const subject = `${end === 'inbound' ? 'Inbound' : 'Outbound'} ${visible(typed)}`
  const how = isPaused
    ? `is paused, also after a restart: go on with \`ztm tunnel resume ${end} ${visible(typed)}\``
    : 'goes on'
  await report(cli, `${subject} ${how}`, { name: typed, data })
}

/** `ztm tunnel close inbound|outbound tcp/x` */
export async function closeEnd(cli: Cli, end: 'inbound' | 'outbound', typed: string): Promise<void> {
  const name = parseTunnelName(typed)
  const { mesh, endpoint } = await choosePlace(cli)
  const route = end === 'inbound' ? TUNNEL_API.closeInbound : TUNNEL_API.closeOutbound
  await callTunnel(cli, mesh.name, route, { params: { endpoint, ...name } })
  const text = `${end === 'inbound' ? 'Inbound' : 'Outbound'} ${visible(typed)} is closed`
  await report(cli, text, { name: typed, data: { end, ...name } })
}

function readListens(word: string): z.input<typeof listenShape>[] {
  return parseAddressRange(word, '127.0.0.1').map(({ host, port }) => ({ ip: host, port }))
}

function readTargets(word: string): NonNullable<z.input<typeof outboundSettingShape>['targets']> {
  return parseTargets(word).map(target =>
    target.kind === 'unix' ? { unix: target.path } : { host: target.host, port: target.port },
  )
}

/** Ids for names of endpoints. @throws MeshError `not-found`, `ambiguous` */
async function resolveEndpoints(cli: Cli, mesh: string, words: readonly string[]): Promise<string[]> {
  const resolve = async (endpoint: string) =>
    isUuid(endpoint)
      ? endpoint
      : (await callAgent(cli, AGENT_API.showEndpoint, { params: { mesh, endpoint } })).id
  return Promise.all(words.map(resolve))
}
