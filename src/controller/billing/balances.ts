import { type Balance, insufficientBalance, isEnough } from '../../core/billing/balance.ts'
import type { Commerce } from '../../core/billing/commerce.ts'
import { type MeshError, toMeshError } from '../../core/model/errors.ts'
import type { ServiceName } from '../../core/model/names.ts'
import type { Clock, Ms } from '../../core/model/time.ts'

/** Balances of who pays, asked of Commerce and remembered shortly. */
export interface Balances {
  /**
   * Whether somebody can pay for a service.
   *
   * @param options.isFresh  do not take what is remembered
   * @throws MeshError `insufficient-balance`, `billing-failed`
   */
  require(payer: string, service: ServiceName, options?: { isFresh?: boolean }): Promise<void>
  /** Something was charged to them: what is remembered is not true any more. */
  spent(payer: string): void
  /** What Commerce said last, however long ago; undefined if it was not asked, or it is forgotten. */
  last(payer: string, service: ServiceName): KnownBalance | undefined
  /** Why the last question failed; undefined after one that did not. */
  readonly lastError: MeshError | undefined
}

/** A balance, and when it was one. */
export interface KnownBalance {
  readonly balance: Balance
  readonly askedAtMs: Ms
}

interface Remembered {
  readonly answer: Promise<Balance>
  untilMs: number
}

/** Make it with nothing known. A user who can pay is remembered for 10 s, all else for 1 s. */
export function createBalances({ commerce, clock }: { commerce: Commerce; clock: Clock }): Balances {
  const known = new Map<string, Map<string, Remembered>>()
  const said = new Map<string, KnownBalance>()
  let count = 0
  let lastError: MeshError | undefined

  function ask(payer: string, service: ServiceName): Remembered {
    const remembered: Remembered = {
      answer: commerce.balance({ service, user: payer }),
      // While it is under way others wait for the same answer.
      untilMs: Number.POSITIVE_INFINITY,
    }
    remembered.answer.then(
      balance => {
        lastError = undefined
        if (said.size >= MAX_BALANCES) said.clear()
        said.set(keyOf(payer, service), { balance, askedAtMs: clock.now() })
        remembered.untilMs = clock.now() + (isEnough(balance) ? GOOD_MS : BAD_MS)
      },
      error => {
        lastError = toMeshError(error)
        remembered.untilMs = clock.now() + BAD_MS
      },
    )
    if (count >= MAX_BALANCES) {
      known.clear()
      count = 0
    }
    const users = known.get(service) ?? new Map<string, Remembered>()
    if (!users.has(payer)) count += 1
    known.set(service, users.set(payer, remembered))
    return remembered
  }

  return {
    async require(payer, service, { isFresh = false } = {}) {
      const remembered = known.get(service)?.get(payer)
      const isGood = remembered !== undefined && remembered.untilMs > clock.now()
      const { answer } = isGood && !isFresh ? remembered : ask(payer, service)
      const balance = await answer
      if (!isEnough(balance)) throw insufficientBalance(service, balance)
    },
    spent(payer) {
      for (const users of known.values()) if (users.delete(payer)) count -= 1
    },
    last: (payer, service) => said.get(keyOf(payer, service)),
    get lastError() {
      return lastError
    },
  }
}

function keyOf(payer: string, service: ServiceName): string {
  return JSON.stringify([payer, service])
}

/** How long a balance that is enough is believed. */
const GOOD_MS = 10_000
/** How long one that is not is, or a failure: top-ups and repairs should be seen at once, a storm of dials should not ask for each. */
const BAD_MS = 1_000
/** Balances that are remembered; at more all are forgotten. */
export const MAX_BALANCES = 20_000
