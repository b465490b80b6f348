import type { BalanceInfo, BILLING_ROUTES, BillingStatus, UsageInfo } from '../../core/api/billing-api.ts'
import type { Caller } from '../../core/api/caller.ts'
import type { Handlers } from '../../core/api/route.ts'
import { isSettled } from '../../core/billing/charge.ts'
import type { Commerce } from '../../core/billing/commerce.ts'
import { reconcile } from '../../core/billing/reconcile.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { EndpointId } from '../../core/model/ids.ts'
import type { ServiceName, UserName } from '../../core/model/names.ts'
import type { EndpointIdentity } from '../../core/model/spiffe-id.ts'
import type { Context } from '../context.ts'
import type { Decisions } from '../decisions.ts'
import type { Hostings } from '../hostings.ts'
import type { Members } from '../members.ts'
import { createBalances } from './balances.ts'
import { createCharger } from './charger.ts'
import { createPairs } from './pairs.ts'
import { createRechecks } from './rechecks.ts'
import { type Dial, openSessionProof } from './session-proof.ts'
import { openUsageBook, type UsageBook } from './usage-book.ts'
import type { StoredUsage } from './usage-records.ts'

/** How sessions are billed. */
export interface BillingOptions {
  /** Disposed with the controller, and first: what is under way to it ends then. */
  readonly commerce: Commerce & Disposable
  /** How often the balances of who has a service open are asked for, and what they used is charged. At least 1 s. */
  readonly recheckMs: number
  /** Call back once after a while. @returns a function that cancels */
  readonly after: (ms: number, call: () => void) => () => void
  /** From 0 to 1. */
  readonly random: () => number
  /** How long the second end of a stream is waited for when the first has said that it is over; 30 s, or `recheckMs`. */
  readonly settleMs?: number
}

/** What the answer to an open session says of metering. */
export interface Metering {
  /** Id of the session, and of its ticket. */
  readonly session: string
  readonly reportEveryMs: number
}

/** Stands before every session to a service, whichever API asks for it. */
export interface DialGate {
  /**
   * Whether who dials can pay.
   *
   * @returns how the session is metered; undefined where it is not
   * @throws MeshError `insufficient-balance`, `billing-failed`, `too-many`
   */
  check(dial: Dial): Promise<Metering | undefined>
}

/** The controller's billing: on or off. */
export interface ControllerBilling extends AsyncDisposable {
  readonly gate: DialGate
  readonly handlers: Handlers<typeof BILLING_ROUTES, Caller>
  status(): BillingStatus
  /** The hub copied so many bytes more between two endpoints. */
  relayed(between: readonly [EndpointId, EndpointId], byteCount: number): void
}

interface Parts {
  readonly members: Pick<Members, 'require'>
  readonly decisions: Pick<Decisions, 'administer' | 'requireAdminister'>
  readonly hostings: Pick<Hostings, 'service'>
  /** Whose account at Commerce a user has. */
  readonly payerOf: (user: UserName) => string
}

/** Billing that is off: everybody may dial, and there is nothing to show. */
export function createNoBilling({
  members,
  decisions,
}: Pick<Parts, 'members' | 'decisions'>): ControllerBilling {
  const off = () =>
    new MeshError('unsupported', 'Cannot do this: billing is off: start the hub with --commerce-url')
  return {
    gate: { check: async () => undefined },
    handlers: {
      async reportUsage() {
        throw off()
      },
      async listUsage() {
        throw off()
      },
      async showBilling({ caller }) {
        decisions.requireAdminister(members.require(caller), 'see billing')
        return OFF
      },
    },
    status: () => OFF,
    relayed() {},
    async [Symbol.asyncDispose]() {},
  }
}

/** Open billing on what the store holds, and go on charging what was not. */
export async function openBilling(
  context: Context,
  options: BillingOptions,
  parts: Parts,
): Promise<ControllerBilling> {
  const { clock, emit } = context
  const { commerce, recheckMs, after, random, settleMs = Math.min(SETTLE_MS, recheckMs) } = options
  const reportEveryMs = Math.max(1_000, Math.min(recheckMs, LONGEST_REPORT_MS))
  const proof = await openSessionProof(context)
  const pairs = createPairs(clock.now())
  const balances = createBalances({ commerce, clock })
  const book = await openUsageBook(context, {
    proof,
    payerOf: parts.payerOf,
    times: { settleMs, staleMs: STALE_MS, partEveryMs: recheckMs },
    onWaiting: () => charger.wake(),
  })
  const charger = createCharger({
    book,
    commerce,
    after,
    random,
    onCharged: balances.spent,
    log: context.log,
  })
  const rechecks = createRechecks(context, {
    balances,
    payerOf: parts.payerOf,
    keepMs: STALE_MS,
    onBroke(user, service, { code, message }) {
      const hosts = [...(parts.hostings.service(service)?.hostings.keys() ?? [])]
      const reason = { code, message: `Stream ended: ${message}` }
      emit({
        change: 'access-revoked',
        revocation: { user, services: [service], beforeMs: clock.now(), reason },
        hosts,
      })
    },
  })
  const endings = [
    every(recheckMs, () => rechecks.run(), after),
    every(Math.min(TICK_MS, settleMs, recheckMs), () => book.tick(), after),
  ]
  charger.wake()

  return {
    gate: {
      async check(dial) {
        const { user, service } = dial
        if (book.isFullFor(user)) {
          throw new MeshError(
            'too-many',
            `Cannot dial "${service}": the usage of ${book.activeCount} streams waits to be charged already`,
          )
        }
        await balances.require(parts.payerOf(user), service)
        rechecks.note(user, service)
        return { session: proof.make(dial), reportEveryMs }
      },
    },
    handlers: {
      async reportUsage({ body, caller }) {
        parts.members.require(caller)
        const receipts = await book.report(caller.identity as EndpointIdentity, body.reports)
        for (const [index, { isFinal, dialler, service }] of body.reports.entries())
          if (!isFinal && receipts[index] === 'taken') noteQuietly(dialler.user, service)
        return { receipts }
      },
      async listUsage({ query, caller }) {
        const record = parts.members.require(caller)
        const isAdmin = parts.decisions.administer(record).allow
        const isShown = ({ dialler, host, heardAtMs }: StoredUsage) =>
          (isAdmin || dialler.user === record.user || host?.user === record.user) &&
          (query.user === undefined || dialler.user === query.user) &&
          heardAtMs >= (query.sinceMs ?? 0)
        const shown = [...book.values()].filter(isShown)
        const compared = pairs.compare(shown).slice(0, query.limit)
        const balances = listBalances(
          user => (isAdmin || user === record.user) && (query.user === undefined || user === query.user),
        )
        return {
          ...listUsage(shown, query.limit, book, clock.now()),
          pairs: compared,
          balances: balances.slice(0, query.limit),
        }
      },
      async showBilling({ caller }) {
        parts.decisions.requireAdminister(parts.members.require(caller), 'see billing')
        return status()
      },
    },
    status,
    relayed: pairs.relayed,
    async [Symbol.asyncDispose]() {
      for (const end of endings) end()
      commerce[Symbol.dispose]()
      await charger[Symbol.asyncDispose]()
    },
  }

  /** What is known of those who have a service open, the least first. */
  function listBalances(isShown: (user: UserName) => boolean): BalanceInfo[] {
    const found: BalanceInfo[] = []
    for (const { user, service } of rechecks.watched()) {
      const known = isShown(user) ? balances.last(parts.payerOf(user), service) : undefined
      if (known !== undefined) found.push({ user, service, ...known.balance, askedAtMs: known.askedAtMs })
    }
    return found.sort((a, b) => a.available - b.available)
  }

  function status(): BillingStatus {
    const lastError = charger.lastError ?? balances.lastError
    let refusedCount = 0
    for (const record of book.values()) refusedCount += record.refusedCount
    return {
      isOn: true,
      openCount: book.activeCount,
      waitingCount: book.waiting.size,
      keptCount: book.count,
      refusedCount,
      sessionCount: rechecks.count,
      recheckMs,
      ...(lastError !== undefined && { lastError: lastError.message }),
    }
  }

  function noteQuietly(user: UserName, service: ServiceName): void {
    try {
      rechecks.note(user, service)
    } catch {
      // Too many are watched: what streams carry is charged all the same.
    }
  }
}

function listUsage(records: StoredUsage[], limit: number, book: UsageBook, now: number) {
  const usage = records.map(record => describe(record, book, now))
  const verdicts: Partial<Record<UsageInfo['verdict'], number>> = {}
  const charged = { bytesSent: 0, bytesReceived: 0 }
  for (const one of usage) {
    verdicts[one.verdict] = (verdicts[one.verdict] ?? 0) + 1
    charged.bytesSent += one.charged.bytesSent
    charged.bytesReceived += one.charged.bytesReceived
  }
  const newest = usage.sort((a, b) => b.heardAtMs - a.heardAtMs).slice(0, limit)
  return { usage: newest, total: usage.length, verdicts, charged }
}

function describe(record: StoredUsage, book: UsageBook, now: number): UsageInfo {
  const { session, stream, service, dialler, host, openedAtMs, heardAtMs, counts, charged } = record
  return {
    session,
    stream,
    service,
    dialler,
    ...(host !== undefined && { host }),
    openedAtMs,
    heardAtMs,
    isOpen: !isSettled(record, now, book.times),
    counts,
    charged,
    waitingCount: record.outbox.length,
    refusedCount: record.refusedCount,
    ...reconcile(counts),
  }
}

/** Do something again and again, each time a while after it was done. It must not throw, or will be left until the next time. */
function every(spanMs: number, act: () => Promise<void>, after: BillingOptions['after']): () => void {
  let isOver = false
  let cancel = () => {}
  const plan = () => {
    if (!isOver) cancel = after(spanMs, () => void act().then(plan, plan))
  }
  plan()
  return () => {
    isOver = true
    cancel()
  }
}

/** When one end said that a stream is over, so long the other is waited for. */
const SETTLE_MS = 30_000
/** A stream of which nothing was heard for so long is over, and who dialled is not asked about any more. */
const STALE_MS = 900_000
/** How often the book is looked through for what is due. */
const TICK_MS = 5_000
/** Ends of open streams report at least this often. */
const LONGEST_REPORT_MS = 60_000

const OFF: BillingStatus = {
  isOn: false,
  openCount: 0,
  waitingCount: 0,
  keptCount: 0,
  refusedCount: 0,
  sessionCount: 0,
  recheckMs: 0,
}
