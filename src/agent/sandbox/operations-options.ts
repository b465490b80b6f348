import type { Bridge } from '../../core/app/bridge.ts'
import type { RunnableApp } from '../../core/app/installed-app.ts'
import type { Json } from '../../core/model/store.ts'
import type { AppStorage, Host } from '../../sdk/app.ts'

/** What the operations of one process of an app work on. */
export interface OperationsOptions {
  readonly app: Pick<RunnableApp, 'provider' | 'name' | 'grants'>
  readonly host: Host
  /** Its own records, within limits. */
  readonly storage: AppStorage
  readonly settings: () => Promise<Json>
  /** The process's; there only when it has started. */
  readonly bridge: () => Bridge
}
