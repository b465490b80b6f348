import { ms } from '../core/model/time.ts'
import { createRelayBudget, leaseBytes, type RelayRates } from '../core/registry/relay-budget.ts'

/** Hands out what relays may copy, in all processes of a hub. */
export interface RelayGrants extends Disposable {
  /** How much is best asked for at once. */
  readonly leaseBytes: number
  /** @param grant  called when the bytes may be used: at once, or later */
  ask(payer: string, byteCount: number, grant: () => void): void
  /** Bytes that were granted are not used; negative if more were. */
  giveBack(payer: string, byteCount: number): void
}

/** Make it; undefined if there is no rate to keep. */
export function createRelayGrants(rates: RelayRates): RelayGrants | undefined {
  if (rates.hubBytesPerSecond === undefined && rates.userBytesPerSecond === undefined) return undefined
  const budget = createRelayBudget(rates)
  const timers = new Set<NodeJS.Timeout>()
  return {
    leaseBytes: leaseBytes(rates),
    ask(payer, byteCount, grant) {
      // Not the hub's clock, which somebody may set.
      const waitMs = budget.take(payer, byteCount, ms(performance.now()))
      if (waitMs <= 0) {
        grant()
        return
      }
      const timer = setTimeout(() => {
        timers.delete(timer)
        grant()
      }, waitMs)
      timers.add(timer)
    },
    giveBack: (payer, byteCount) => budget.giveBack(payer, byteCount),
    [Symbol.dispose]() {
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    },
  }
}
