import type { Duplex } from 'node:stream'
import { createSplicer } from '../net/raw-splice.ts'
import type { Splice } from '../net/splice.ts'
import type { RelayGrants } from './relay-grants.ts'
import { createRelayMeter } from './relay-meter.ts'

/** Copies what relays carry. */
export interface RelayCarrier extends AsyncDisposable {
  /**
   * Copy between two connections, which are owned from now on.
   *
   * @param payer  whose rate it counts against
   */
  carry(a: Duplex, b: Duplex, payer: string): Splice
  /** Relays may come in a crowd soon: start what they need. */
  prepare(): void
  /** How long directions of relays waited for the rates that are set, all together, since the start. */
  readonly throttledMs: number
}

/**
 * Make a carrier that copies in this process.
 *
 * @param grants  as fast as it goes if undefined
 */
export function createRelayCarrier(grants: RelayGrants | undefined): RelayCarrier {
  const splice = createSplicer()
  const meter =
    grants &&
    createRelayMeter({
      leaseBytes: grants.leaseBytes,
      ask: (payer, byteCount) => grants.ask(payer, byteCount, () => meter?.grant(payer, byteCount)),
      giveBack: grants.giveBack,
    })
  return {
    prepare() {},
    carry: (a, b, payer) => splice(a, b, meter?.open(payer)),
    get throttledMs() {
      return meter?.throttledMs ?? 0
    },
    async [Symbol.asyncDispose]() {},
  }
}
