import type { Duplex } from 'node:stream'
import { encodeRelayPreface } from '../core/codec/relay-preface.ts'
import { MeshError } from '../core/model/errors.ts'
import type { Side } from '../core/registry/registry.ts'
import type { HubLink } from './hub-link.ts'

/**
 * A connection to the hub that begins with a ticket: the hub joins it with the other side's and copies ciphertext.
 *
 * @param ticket  32 bytes, base64url
 * @throws MeshError `offline`, `unreachable`, `timed-out`
 * @see docs/protocol.md, "Ticket relay"
 */
export async function openRelay(
  link: HubLink,
  ticket: string,
  side: Side,
  signal?: AbortSignal,
): Promise<Duplex> {
  // A ticket may come with a link that is just being opened, or be asked for while it is opened anew.
  await link.whenOnline(LINK_WAIT_MS)
  const socket = await link.connectAgain({ timeoutMs: CONNECT_TIMEOUT_MS, ...(signal && { signal }) })
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
  const session = await link.whenOnline(LINK_WAIT_MS)
  const stream = session.request({ ':method': 'CONNECT', ':authority': side, 'ztm-ticket': ticket })
  stream.on('error', () => {})
  stream.once('response', headers => {
    if (headers[':status'] !== 200)
      stream.destroy(new MeshError('link-closed', 'Cannot open relay: hub refused the ticket'))
  })
  return stream
}

/** A ticket whose link is not open by then is of no use. */
const LINK_WAIT_MS = 5_000
/** A connection to the hub must be made within this time. */
const CONNECT_TIMEOUT_MS = 5_000
