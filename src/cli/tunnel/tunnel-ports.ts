import { TUNNEL_API } from '../../apps/tunnel/messages.ts'
import type { Cli } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { showList } from '../output/show.ts'
import { formatListen } from './tunnel-lists.ts'
import { callTunnel } from './tunnel-place.ts'

/** `ztm tunnel ports`: what listens on the computer of an endpoint, for a tunnel to lead to. */
export async function listOpenPorts(cli: Cli): Promise<void> {
  const { mesh, endpoint } = await choosePlace(cli)
  const { ports } = await callTunnel(cli, mesh.name, TUNNEL_API.listOpenPorts, { params: { endpoint } })
  await showList(cli, ports, {
    nameOf: formatListen,
    columns: [
      { title: 'PORT', cell: ({ port }) => port },
      { title: 'ADDRESS', cell: ({ ip }) => (ip === '0.0.0.0' || ip === '::' ? '(all)' : ip) },
      { title: 'PROGRAM', cell: ({ process }) => process },
    ],
  })
}
