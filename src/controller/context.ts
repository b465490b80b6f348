import type { ControllerChange } from '../core/api/controller.ts'
import type { Log } from '../core/model/log.ts'
import type { Store } from '../core/model/store.ts'
import type { Clock } from '../core/model/time.ts'
import type { Exclusive } from './exclusive.ts'
import type { ControllerLimits } from './limits.ts'

/** What every part of the controller works with. */
export interface Context {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  readonly limits: ControllerLimits
  /** That many random bytes, unguessable. */
  readonly random: (byteCount: number) => Uint8Array
  /** All changes of records run through this one queue. */
  readonly exclusive: Exclusive
  readonly emit: (change: ControllerChange) => void
}
