import type { TLSSocket } from 'node:tls'
import type { ControllerPort } from '../core/api/controller.ts'
import { MeshError } from '../core/model/errors.ts'
import type { ShownIdentity } from '../net/http2-server.ts'
import { requireRelayHub } from './relay-feeds.ts'

/** Who showed a certificate, if the controller lets it in. @throws MeshError */
export function admitPeer(
  socket: TLSSocket,
  options: {
    readonly identify: (socket: TLSSocket) => ShownIdentity | undefined
    readonly controller: Pick<ControllerPort, 'admit' | 'relayHubs'>
  },
): ShownIdentity | undefined {
  const { identify, controller } = options
  const shown = identify(socket)
  if (shown?.identity.kind === 'endpoint') controller.admit(shown.identity, shown.issuedAtMs)
  if (shown?.identity.kind === 'relay-hub') requireRelayHub(controller.relayHubs, shown)
  if (shown?.identity.kind === 'hub')
    throw new MeshError('not-trusted', 'Cannot open link: a hub is no endpoint')
  return shown
}
