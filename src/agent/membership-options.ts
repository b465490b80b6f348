import type { LogLines } from '../core/api/shapes.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Log, LogLevel } from '../core/model/log.ts'
import type { Store } from '../core/model/store.ts'
import type { Clock } from '../core/model/time.ts'
import type { KeyPair } from '../pki/key-pair.ts'
import type { App } from '../sdk/app.ts'
import type { AppHostOptions } from './app-host.ts'
import type { ComputerDisk } from './disk/app-disk.ts'
import type { MeshRecord } from './mesh-record.ts'
import type { PackagesPlace } from './packages/packages.ts'
import type { Reach } from './reach.ts'

/** What an agent's life in one mesh is made of. */
export interface MembershipOptions extends Pick<AppHostOptions, 'scripts'> {
  readonly record: MeshRecord
  readonly deviceKey: KeyPair
  readonly apps: readonly App[]
  readonly store: Store
  readonly version: string
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly readLog: (query: {
    level: LogLevel
    limit: number
    sinceMs?: number | undefined
    app?: string | undefined
  }) => Promise<LogLines>
  /** Something a person watching would want to see changed. */
  readonly onChange: (change: MeshChange) => void
  /** Whether somebody is watching; nobody if absent. */
  readonly isWatched?: () => boolean
  readonly reach: Reach
  /** The files that apps may work with; all of this computer if absent. */
  readonly disk?: ComputerDisk
  readonly packages?: PackagesPlace
}

/** What changed in a mesh that a person watching would want to see. */
export type MeshChange =
  | { readonly topic: 'meshes' | 'paths' | 'services' | 'groups' | 'apps' }
  | {
      readonly topic: 'endpoints'
      /** Which; undefined if anything may have changed. */
      readonly endpoints: readonly EndpointId[] | undefined
    }
  | {
      readonly topic: 'controller'
      /** Kinds of things at the controller, of `CHANGE_KINDS` or of a later controller. */
      readonly kinds: readonly string[]
    }
