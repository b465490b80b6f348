import type { Balance } from './balance.ts'
import type { UsageRecord } from './usage.ts'

/** For what a balance is asked. */
export interface BalanceQuestion {
  readonly service: string
  /** Whose; Commerce takes whose token it is if absent. */
  readonly user?: string
}

/** Where balances are kept and usage is charged. Implemented over HTTP by `net/commerce-client.ts`. */
export interface Commerce {
  /** @throws MeshError `billing-failed` for whatever is no balance: down, slow, another status, not of its form */
  balance(question: BalanceQuestion): Promise<Balance>
  /**
   * Charge a usage. The same id twice is charged once.
   *
   * @returns `refused` if it will never be taken, however often it is sent
   * @throws MeshError `billing-failed` if it may be taken later
   */
  record(usage: UsageRecord): Promise<'recorded' | 'refused'>
}
