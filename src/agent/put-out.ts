import type { HubEvent } from '../core/api/events.ts'
import type { AccessRevocation, Eviction } from '../core/api/shapes.ts'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Dialer } from './dialer.ts'
import type { Hostings } from './hostings.ts'
import type { PeerServer } from './peer-server.ts'
import type { Peers } from './peers.ts'
import { isRevoked } from './revoked-access.ts'
import type { TicketCheck } from './ticket-check.ts'
import type { UsageReporter } from './usage.ts'

/** Ends what may not go on: sessions with who is out of the mesh, streams that are not allowed any more. */
export interface PutOut {
  evicted(added: readonly Eviction[]): void
  removed(endpoint: EndpointId): void
  /** All sessions with an endpoint end, by somebody's wish; it may open others. */
  endSessions(endpoint: EndpointId): void
  revoke(revocation: AccessRevocation): void
  endHosting(event: Pick<Extract<HubEvent, { event: 'hosting-ended' }>, 'endpoint' | 'service'>): void
}

/** Make it for one mesh. */
export function createPutOut(parts: {
  readonly self: EndpointIdentity
  readonly dialer: Dialer
  readonly hostings: Hostings
  readonly peers: Peers
  readonly server: PeerServer
  readonly tickets: TicketCheck
  readonly usage: UsageReporter
}): PutOut {
  const { self, dialer, hostings, peers, server, tickets, usage } = parts

  function drop(isGone: (identity: EndpointIdentity) => boolean, reason: MeshError): void {
    dialer.drop(isGone, reason)
    hostings.drop(isGone)
    peers.drop(isGone, reason)
    server.drop(isGone)
  }

  return {
    evicted(added) {
      if (added.length === 0) return
      const error = new MeshError('evicted', 'Session ended: the other side was evicted from the mesh')
      const isGone = (identity: EndpointIdentity) =>
        added.some(
          ({ user, endpoint }) =>
            identity.user === user && (endpoint === undefined || endpoint === identity.endpoint),
        )
      drop(isGone, error)
    },
    removed(endpoint) {
      const message = 'Session ended: the other side was removed from the mesh'
      drop(one => one.endpoint === endpoint, new MeshError('not-trusted', message))
    },
    endSessions(endpoint) {
      drop(one => one.endpoint === endpoint, new MeshError('link-closed', 'Session ended: by hand'))
    },
    revoke(revocation) {
      const { services, reason } = revocation
      const isMeant = (identity: EndpointIdentity) => isRevoked(revocation, identity)
      tickets.revoke(revocation)
      hostings.revoke(services, isMeant)
      if (!isMeant(self)) return
      const error = new MeshError(reason.code, reason.message)
      dialer.revoke(services, error)
      usage.end(services, error)
    },
    endHosting({ endpoint, service }) {
      if (endpoint === self.endpoint) {
        hostings.revoke([service], () => true)
        const message = `Cannot host "${service}": it may not be hosted here any more`
        hostings.ended(service, new MeshError('denied', message))
        return
      }
      const message = `Stream ended: its host may not host "${service}" any more`
      dialer.endHosting(endpoint, service, new MeshError('denied', message))
    },
  }
}
