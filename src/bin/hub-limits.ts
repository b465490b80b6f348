import type { RunHubOptions } from '../cli/run-options.ts'
import type { HubLimits } from '../hub/hub.ts'

/** The limits of a hub, by what it was told. */
export function hubLimitsOf(options: RunHubOptions): HubLimits {
  const { maxAgents, maxRelays, maxRelayMbps, maxRelayMbpsPerUser } = options
  return {
    registry: {
      ...(maxAgents !== undefined && { maxLinks: maxAgents }),
      ...(maxRelays !== undefined && { maxRelays }),
    },
    relayRates: {
      ...(maxRelayMbps !== undefined && { hubBytesPerSecond: maxRelayMbps * BYTES_PER_MEGABIT }),
      ...(maxRelayMbpsPerUser !== undefined && {
        userBytesPerSecond: maxRelayMbpsPerUser * BYTES_PER_MEGABIT,
      }),
    },
  }
}

const BYTES_PER_MEGABIT = 125_000
