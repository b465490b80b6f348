import { insufficientBalance, isEnough } from '../../core/billing/balance.ts'
import type { Commerce } from '../../core/billing/commerce.ts'
import { createMeter } from '../../core/billing/meter.ts'
import { openSpool, type Receipt, type Spool } from '../../core/billing/spool.ts'
import { type UsageRecord, usageId, usageRecordShape } from '../../core/billing/usage.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Log } from '../../core/model/log.ts'
import type { Store } from '../../core/model/store.ts'
import type { BilledSession, Billing, Metered } from './billing.ts'

/** What billing needs. */
export interface CommerceBillingOptions {
  readonly commerce: Commerce
  /** Where usage is kept until Commerce has it; in a file it outlives the program. It is not disposed. */
  readonly store: Store
  /** By a clock that nobody sets. */
  readonly monotonicMs: () => number
  /** Call back once after a while. @returns a function that cancels */
  readonly after: (ms: number, call: () => void) => () => void
  readonly random: () => number
  /** Never the same twice. */
  readonly makeId: () => string
  readonly log: Log
  /** How often the balance is asked for while streams are open; default `RECHECK_MS`. */
  readonly recheckMs?: number
}

interface OpenStream {
  readonly session: BilledSession
  readonly end: (error: MeshError) => void
  readonly snapshot: () => UsageRecord
}

/**
 * Bill at Commerce: the balance before each dial, the usage after each stream.
 *
 * @throws MeshError `storage-failed` if the store cannot be read
 */
export async function openCommerceBilling(options: CommerceBillingOptions): Promise<Billing> {
  const spool = await openSpool<UsageRecord>({
    store: options.store,
    prefix: 'usage',
    shape: usageRecordShape,
    batchCount: PARALLEL_COUNT,
    send: batch => Promise.all(batch.map(record => sendOne(options.commerce, record))),
    after: options.after,
    random: options.random,
    log: options.log,
  })
  return new CommerceBilling(options, spool)
}

class CommerceBilling implements Billing {
  readonly #options: CommerceBillingOptions
  readonly #spool: Spool<UsageRecord>
  /** Streams that are open, by service. */
  readonly #open = new Map<string, Set<OpenStream>>()
  readonly #failures = new Map<string, number>()
  #cancelRecheck: (() => void) | undefined
  #isOver = false

  constructor(options: CommerceBillingOptions, spool: Spool<UsageRecord>) {
    this.#options = options
    this.#spool = spool
  }

  get pendingCount(): number {
    return this.#spool.count
  }

  async check(service: string): Promise<void> {
    if (this.#spool.isFull) {
      throw new MeshError(
        'too-many',
        `Cannot dial "${service}": ${this.#spool.count} usage records wait for Commerce already`,
      )
    }
    const balance = await this.#options.commerce.balance({ service })
    if (!isEnough(balance)) throw insufficientBalance(service, balance)
  }

  open(session: BilledSession, end: (error: MeshError) => void): Metered {
    const { monotonicMs, makeId, log } = this.#options
    const { service, sessionId, streamId = makeId() } = session
    const meter = createMeter(monotonicMs())
    const id = usageId(sessionId, streamId)
    const snapshot = () => ({ id, service, sessionId, ...meter.read(monotonicMs()) })
    const one: OpenStream = { session, end, snapshot }
    const streams = this.#open.get(service) ?? new Set()
    this.#open.set(service, streams.add(one))
    this.#planRecheck()
    let closed: Promise<void> | undefined
    return {
      sent: meter.sent,
      received: meter.received,
      close: () => {
        closed ??= this.#close(one).catch(error => {
          log.error('usage.lost', { service, session: sessionId, reason: toMeshError(error).message })
        })
        return closed
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    this.#cancelRecheck?.()
    for (const streams of this.#open.values()) await Promise.all([...streams].map(one => this.#close(one)))
    await this.#spool[Symbol.asyncDispose]()
  }

  async #close(one: OpenStream): Promise<void> {
    const { service, isMetered } = one.session
    const streams = this.#open.get(service)
    if (!streams?.delete(one)) return
    if (streams.size === 0) {
      this.#open.delete(service)
      this.#failures.delete(service)
    }
    if (this.#open.size === 0) this.#cancelRecheck?.()
    if (!isMetered) await this.#spool.add(one.snapshot())
  }

  #planRecheck(): void {
    if (this.#cancelRecheck !== undefined || this.#isOver || this.#open.size === 0) return
    const cancel = this.#options.after(this.#options.recheckMs ?? RECHECK_MS, () => {
      this.#recheck().finally(() => {
        this.#cancelRecheck = undefined
        this.#planRecheck()
      })
    })
    this.#cancelRecheck = () => {
      cancel()
      this.#cancelRecheck = undefined
    }
  }

  /** Never throws. */
  async #recheck(): Promise<void> {
    const { log } = this.#options
    await Promise.all([...this.#open.keys()].map(service => this.#recheckOne(service)))
    for (const streams of this.#open.values()) {
      for (const { session, snapshot } of streams) {
        if (session.isMetered) continue
        // For the case that this program is killed: the next run sends what was used up to here.
        await this.#spool
          .hold(snapshot())
          .catch(error => log.warn('usage.not-kept', { reason: toMeshError(error).message }))
      }
    }
  }

  async #recheckOne(service: string): Promise<void> {
    const { commerce, log } = this.#options
    try {
      const balance = await commerce.balance({ service })
      this.#failures.delete(service)
      if (!isEnough(balance)) this.#end(service, insufficientBalance(service, balance))
    } catch (thrown) {
      const error = toMeshError(thrown)
      const failures = (this.#failures.get(service) ?? 0) + 1
      this.#failures.set(service, failures)
      log.warn('balance.not-known', { service, failures, reason: error.message })
      if (failures >= MAX_RECHECK_FAILURES) this.#end(service, error)
    }
  }

  #end(service: string, error: MeshError): void {
    for (const one of this.#open.get(service) ?? []) one.end(error)
  }
}

async function sendOne(commerce: Commerce, record: UsageRecord): Promise<Receipt> {
  try {
    return (await commerce.record(record)) === 'recorded' ? 'taken' : 'refused'
  } catch (error) {
    return toMeshError(error)
  }
}

/** How often the balance is asked for while streams are open. */
const RECHECK_MS = 300_000
/** Usage records that are sent at one time. */
const PARALLEL_COUNT = 8
/** So many times in a row Commerce may fail to say the balance before open streams are ended. */
export const MAX_RECHECK_FAILURES = 3
