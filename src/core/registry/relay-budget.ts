import type { Ms } from '../model/time.ts'

/** How fast relays may copy, both directions of a relay together; no limit if absent. */
export interface RelayRates {
  /** All relays of the hub together. */
  readonly hubBytesPerSecond?: number
  /** All relays that one user asked for. */
  readonly userBytesPerSecond?: number
}

/**
 * What relays may copy: a token bucket for the hub, and one for each payer. Pure. A bucket may go into debt: what was asked for is
 * given, and who asked waits until it is paid off. So nobody has to queue, and rates hold over time.
 */
export interface RelayBudget {
  /** @returns how long to wait before the bytes may be used; 0 if at once */
  take(payer: string, byteCount: number, now: Ms): Ms
  /** Some of what was taken was not used; negative if more was. */
  giveBack(payer: string, byteCount: number): void
  /** Payers that are kept in mind: those that asked lately. */
  readonly payerCount: number
}

/** Make a budget in which nothing was taken. */
export function createRelayBudget(rates: RelayRates): RelayBudget {
  const hub = bucketOf(rates.hubBytesPerSecond)
  const buckets = new Map<string, RateBucket>()
  let sweepAtCount = MIN_SWEEP_COUNT

  function ofPayer(payer: string, now: Ms): RateBucket | undefined {
    const known = buckets.get(payer)
    if (known !== undefined || rates.userBytesPerSecond === undefined) return known
    if (buckets.size >= sweepAtCount) {
      for (const [name, bucket] of buckets) if (bucket.isFull(now)) buckets.delete(name)
      sweepAtCount = Math.max(MIN_SWEEP_COUNT, 2 * buckets.size)
    }
    const bucket = new RateBucket(rates.userBytesPerSecond)
    buckets.set(payer, bucket)
    return bucket
  }

  return {
    take: (payer, byteCount, now) =>
      Math.max(hub?.take(byteCount, now) ?? 0, ofPayer(payer, now)?.take(byteCount, now) ?? 0) as Ms,
    giveBack(payer, byteCount) {
      hub?.giveBack(byteCount)
      buckets.get(payer)?.giveBack(byteCount)
    },
    get payerCount() {
      return buckets.size
    },
  }
}

/** How much is handed out at once to who copies: enough for 50 ms at the slowest of the rates. */
export function leaseBytes(rates: RelayRates): number {
  const slowest = Math.min(rates.hubBytesPerSecond ?? Infinity, rates.userBytesPerSecond ?? Infinity)
  return Math.round(Math.min(MAX_LEASE_BYTES, Math.max(MIN_LEASE_BYTES, slowest * LEASE_SECONDS)))
}

class RateBucket {
  readonly #bytesPerSecond: number
  readonly #burstBytes: number
  #bytes: number
  #filledAt: Ms | undefined

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond
    this.#burstBytes = bytesPerSecond * BURST_SECONDS
    this.#bytes = this.#burstBytes
  }

  take(byteCount: number, now: Ms): number {
    this.#fill(now)
    this.#bytes -= byteCount
    return this.#bytes >= 0 ? 0 : (-this.#bytes * 1_000) / this.#bytesPerSecond
  }

  giveBack(byteCount: number): void {
    this.#bytes = Math.min(this.#burstBytes, this.#bytes + byteCount)
  }

  isFull(now: Ms): boolean {
    this.#fill(now)
    return this.#bytes >= this.#burstBytes
  }

  #fill(now: Ms): void {
    // A clock that was set back gives nothing, and takes nothing away.
    const spanMs = Math.max(0, now - (this.#filledAt ?? now))
    this.#filledAt = now
    this.giveBack((spanMs * this.#bytesPerSecond) / 1_000)
  }
}

function bucketOf(bytesPerSecond: number | undefined): RateBucket | undefined {
  return bytesPerSecond === undefined ? undefined : new RateBucket(bytesPerSecond)
}

/** What may be copied at once after a while without. */
const BURST_SECONDS = 0.25
const LEASE_SECONDS = 0.05
const MIN_LEASE_BYTES = 4_096
const MAX_LEASE_BYTES = 1_048_576
/** From so many payers on, those with nothing taken are forgotten. */
const MIN_SWEEP_COUNT = 256
