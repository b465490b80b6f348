import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import { refuseStream } from '../net/serve-http2.ts'
import type { Relays } from './relays.ts'

/**
 * Relay over the link: `:authority` is `dial` or `accept`, the ticket a header.
 *
 * @throws MeshError `bad-message`
 */
export function presentRelayStream(
  relays: Pick<Relays, 'presentStream'>,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { endpoint }: EndpointIdentity,
): void {
  const side = headers[':authority']
  const ticket = headers['ztm-ticket']
  if ((side !== 'dial' && side !== 'accept') || typeof ticket !== 'string') {
    throw new MeshError('bad-message', 'Cannot join relay: CONNECT needs dial or accept, and a ticket')
  }
  relays.presentStream(stream, ticket, side, endpoint, error => {
    if (error !== undefined) refuseStream(stream, error)
    else if (!stream.destroyed && !stream.closed) stream.respond({ ':status': 200 })
  })
}
