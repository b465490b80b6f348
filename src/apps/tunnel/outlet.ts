import { MeshError } from '../../core/model/errors.ts'
import type { Host, Incoming } from '../../sdk/app.ts'
import type { Traffic } from './intake.ts'
import type { TunnelLimits } from './limits.ts'
import type { TargetPool } from './target-pool.ts'

/** How streams of the mesh leave it: as TCP connections to targets, or as UDP flows. */
export interface Outlet {
  /**
   * Connect a stream that arrived and accept it.
   *
   * @throws MeshError if it is to be refused: `target-refused`, `too-many`, `timed-out`
   */
  receive(incoming: Incoming): Promise<void>
  /** Break off everything, and refuse what comes after. */
  close(): void
  /** Connections or flows open now. @param key  a target, as `formatTarget` writes it; all if absent */
  count(key?: string): number
  traffic(): Traffic
}

/** What an outlet needs. */
export interface OutletOptions {
  readonly host: Host
  readonly pool: TargetPool
  readonly limits: TunnelLimits
}

/** The refusal of a stream whose service is hosted no longer. */
export function refuseClosed({ service }: Incoming): MeshError {
  return new MeshError('not-found', `Cannot take stream for "${service}": its endpoint hosts it no longer`)
}

/** The refusal of a stream over a limit. */
export function refuseOver({ service }: Incoming, maxCount: number): MeshError {
  return new MeshError(
    'too-many',
    `Cannot take stream for "${service}": ${maxCount} are open at its endpoint`,
  )
}
