import type { TLSSocket } from 'node:tls'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId, HubId } from '../core/model/ids.ts'
import { isSameIdentity } from '../core/model/spiffe-id.ts'
import type { Clock } from '../core/model/time.ts'
import type { ShownIdentity } from '../net/http2-server.ts'
import { checkChain, tlsIdentity } from '../pki/check.ts'
import type { Evictions } from './evictions.ts'

/** Tells who is at the other end of a connection, by the certificate it shows. */
export interface Identify {
  /** @throws MeshError `not-trusted` for everybody but a hub of this mesh */
  hub(socket: TLSSocket): ShownIdentity
  /** @throws MeshError `not-trusted` for everybody but that hub, which only relays */
  relayHub(socket: TLSSocket, wanted: HubId): ShownIdentity
  /** @param wanted  any endpoint if absent @throws MeshError `not-trusted` for another, `evicted` */
  peer(socket: TLSSocket, wanted?: EndpointId): ShownIdentity
  /** Check a renewed chain of a peer. @throws MeshError `not-trusted` for another identity or key, `evicted` */
  renewed(chain: string, before: ShownIdentity): ShownIdentity
}

/** Make it for one mesh. @param options.rootPem  root certificate of the mesh, now */
export function createIdentify(options: {
  readonly clock: Clock
  readonly rootPem: () => string
  readonly evictions: Pick<Evictions, 'admit'>
}): Identify {
  const { clock, rootPem, evictions } = options
  return {
    hub(socket) {
      const shown = tlsIdentity(socket, { rootPem: rootPem(), now: clock.now() })
      if (shown?.identity.kind === 'hub') return shown
      throw new MeshError('not-trusted', 'Cannot open link: the other side is no hub of this mesh')
    },
    relayHub(socket, wanted) {
      const shown = tlsIdentity(socket, { rootPem: rootPem(), now: clock.now() })
      if (shown?.identity.kind === 'relay-hub' && shown.identity.hub === wanted) return shown
      throw new MeshError('not-trusted', `Cannot open link: the other side is not hub ${wanted} of this mesh`)
    },
    peer(socket, wanted) {
      const shown = tlsIdentity(socket, { rootPem: rootPem(), now: clock.now() })
      if (shown?.identity.kind !== 'endpoint') {
        throw new MeshError('not-trusted', 'Cannot open session: the other side is no endpoint of this mesh')
      }
      if (wanted !== undefined && shown.identity.endpoint !== wanted) {
        throw new MeshError(
          'not-trusted',
          `Cannot open session: wanted endpoint ${wanted}, another one answered`,
        )
      }
      evictions.admit(shown.identity, shown.issuedAtMs)
      return shown
    },
    // A certificate is no proof of its key: that was given by the handshake, for the key that was shown then.
    renewed(chain, before) {
      const renewed = checkChain(chain, { rootPem: rootPem(), now: clock.now(), expect: ['endpoint'] })
      const { identity, issuedAtMs, publicKeyPem } = renewed
      if (!isSameIdentity(identity, before.identity) || publicKeyPem !== before.publicKeyPem) {
        throw new MeshError(
          'not-trusted',
          'Cannot go on with session: the renewed certificate is of another endpoint or key',
        )
      }
      if (identity.kind === 'endpoint') evictions.admit(identity, issuedAtMs)
      return renewed
    },
  }
}
