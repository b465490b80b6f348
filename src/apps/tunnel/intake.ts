import type { Address } from '../../core/model/address.ts'
import type { ServiceName } from '../../core/model/names.ts'
import type { Listener } from '../../sdk/app.ts'
import type { TunnelLimits } from './limits.ts'
import type { ListenPlace } from './listen-place.ts'
import type { PinnedDialer } from './pinned-dialer.ts'

/** What one end of a tunnel carried since the start. */
export interface Traffic {
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly droppedCount: number
}

/** How an inbound takes in what comes to its ports: TCP connections, or UDP flows. */
export interface Intake {
  /** Open a port. @throws MeshError as `Host.listenTcp` */
  listen(at: Address, place: ListenPlace): Promise<Listener>
  /** Break off what came in at a place, or everything. */
  drop(place?: ListenPlace): void
  /** Connections or flows open now. */
  count(place?: ListenPlace): number
  traffic(): Traffic
}

/** What an intake needs. */
export interface IntakeOptions {
  readonly service: ServiceName
  readonly dialer: PinnedDialer
  readonly limits: TunnelLimits
}
