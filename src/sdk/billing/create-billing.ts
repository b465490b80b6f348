import type { MoneyUnit } from '../../core/billing/money.ts'
import type { Log } from '../../core/model/log.ts'
import type { Store } from '../../core/model/store.ts'
import { createCommerceClient } from '../../net/commerce-client.ts'
import type { Billing } from './billing.ts'
import { openCommerceBilling } from './commerce-billing.ts'

/** How a program's own billing is made. */
export interface CreateBillingOptions {
  /** As `CommerceClientOptions.url`. */
  readonly commerceUrl: string
  /** The token to show to Commerce: the one that was used to log in. */
  readonly token: () => Promise<string>
  /**
   * Where usage is kept until Commerce has it: `openSqliteStore(path)`, which outlives the program, or one in memory. It is
   * the caller's to dispose, after the billing.
   */
  readonly spool: Store
  readonly log: Log
  /** How often the balance is asked for while streams are open; default 5 min. */
  readonly recheckMs?: number
  /** What one stands for in balances; default `major`. */
  readonly unit?: MoneyUnit
  /** PEM text of more certificate authorities to trust. */
  readonly ca?: string
}

/**
 * Make the billing of a program that dials: real timers and a real connection to Commerce.
 *
 * @throws MeshError `bad-input` for the URL, `storage-failed` if the spool cannot be read
 */
export async function createBilling(options: CreateBillingOptions): Promise<Billing> {
  const { commerceUrl, token, unit, ca, spool, log, recheckMs } = options
  const commerce = createCommerceClient({
    url: commerceUrl,
    token,
    ...(unit !== undefined && { unit }),
    ...(ca !== undefined && { ca }),
  })
  const billing = await openCommerceBilling({
    commerce,
    store: spool,
    monotonicMs: () => performance.now(),
    after(ms, call) {
      // Usage that waits must not keep a program alive that has nothing else to do: the next run sends it.
      const timer = setTimeout(call, ms).unref()
      return () => clearTimeout(timer)
    },
    random: Math.random,
    makeId: () => crypto.randomUUID(),
    log,
    ...(recheckMs !== undefined && { recheckMs }),
  })
  return {
    check: service => billing.check(service),
    open: (session, end) => billing.open(session, end),
    get pendingCount() {
      return billing.pendingCount
    },
    async [Symbol.asyncDispose]() {
      await billing[Symbol.asyncDispose]()
      commerce[Symbol.dispose]()
    },
  }
}
