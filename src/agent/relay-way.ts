import type { Duplex } from 'node:stream'
import { encodeRelayPreface } from '../core/codec/relay-preface.ts'
import { MeshError } from '../core/model/errors.ts'
import type { Side } from '../core/registry/registry.ts'
import { connectTcp } from '../net/host-sockets.ts'
import type { HubLink } from './hub-link.ts'

/**
 * A connection to the hub that begins with a ticket: the hub joins it with the other side's and copies ciphertext.
 *
 * @param ticket  32 bytes, base64url
 * @throws MeshError `offline`, `unreachable`, `timed-out`
 * @see docs/protocol.md, "Ticket relay"
 */
export async function openRelay(link: HubLink, ticket: string, side: Side): Promise<Duplex> {
  if (link.hubAddress === undefined) throw new MeshError('offline', 'Cannot open relay: no link to a hub')
  const socket = await connectTcp({ kind: 'address', ...link.hubAddress }, { timeoutMs: CONNECT_TIMEOUT_MS })
  socket.write(encodeRelayPreface({ side, ticket: new Uint8Array(Buffer.from(ticket, 'base64url')) }))
  return socket
}

/**
 * The same bytes inside a CONNECT stream of the link, for networks that let nothing else pass.
 *
 * @throws MeshError `offline`
 * @see docs/protocol.md, "Relay over the link"
 */
export async function openRelayOverLink(link: HubLink, ticket: string, side: Side): Promise<Duplex> {
  const session = await link.whenOnline(0)
  const stream = session.request({ ':method': 'CONNECT', ':authority': side, 'ztm-ticket': ticket })
  stream.on('error', () => {})
  stream.once('response', headers => {
    if (headers[':status'] !== 200)
      stream.destroy(new MeshError('link-closed', 'Cannot open relay: hub refused the ticket'))
  })
  return stream
}

/** A TCP connection to the hub must be made within this time. */
const CONNECT_TIMEOUT_MS = 5_000
