import type { RunHubOptions } from '../cli/run-options.ts'
import type { Hub, HubOptions } from '../hub/hub.ts'

/** A hub that was opened by `openHub`. */
export interface OpenedHub extends AsyncDisposable {
  readonly address: string
  readonly names: readonly string[]
  readonly hub: Hub
  readonly permit: string
}

/** How a hub is opened. */
export interface OpenHubOptions extends RunHubOptions, Pick<HubOptions, 'relayWorkers'> {
  readonly onStop: () => void
  readonly isForeground: boolean
  readonly endpointValidMs?: number
}
