import { TUNNEL_API } from '../../apps/tunnel/messages.ts'
import { formatAddress, parseAddress } from '../../core/model/address.ts'
import { ERRORS } from '../../core/model/errors.ts'
import type { Cli } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { remark, showThing } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { callTunnel } from './tunnel-place.ts'

/** What `tunnel identity` was told. */
export interface IdentityWords {
  readonly listen?: string
  readonly rotate?: true
}

/** `ztm tunnel identity`: the keys that identities of callers are signed with, after what is to change was changed. */
export async function showIdentity(cli: Cli, { listen, rotate }: IdentityWords): Promise<void> {
  const { mesh, endpoint } = await choosePlace(cli)
  const params = { endpoint }
  const isChange = listen !== undefined || rotate === true
  const keys = isChange
    ? await callTunnel(cli, mesh.name, TUNNEL_API.changeIdentityKeys, {
        params,
        body: {
          ...(listen !== undefined && { listen: listen === 'off' ? null : readListen(listen) }),
          ...(rotate === true && { rotate }),
        },
      })
    : await callTunnel(cli, mesh.name, TUNNEL_API.showIdentityKeys, { params })
  const { listen: place } = keys
  const where = place && formatAddress({ host: place.ip, port: place.port })
  await showThing(cli, keys, {
    name: keys.issuer,
    fields: [
      ['Issuer', keys.issuer],
      ['Header', keys.header],
      ['Fetched at', place?.isOpen ? `http://${where}/.well-known/jwks.json` : 'nowhere: see --listen'],
      ['Keys', JSON.stringify(keys.jwks)],
    ],
  })
  if (place?.error === undefined) return
  remark(cli, `ztm: ${visible(place.error)}`)
  cli.exitCode = ERRORS['port-in-use'].exit
}

function readListen(text: string): { ip: string; port: number } {
  const { host, port } = parseAddress(text)
  return { ip: host, port }
}
