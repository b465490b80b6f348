import type { Ms } from '../model/time.ts'

/** How a plan divides the work. */
export interface FetchPlanOptions {
  /** Chunks that are wanted, in the order they are best fetched. */
  readonly wanted: readonly number[]
  /** Bytes of a chunk. */
  readonly lengthOf: (chunk: number) => number
  readonly limits?: FetchPlanLimits
}

/** What is asked of one holder at a time. */
export interface FetchPlanLimits {
  /** Bytes that one holder owes at first, and at most: the more, the quicker it is. A chunk is asked for at least. */
  readonly startBytes: number
  readonly windowBytes: number
  readonly windowChunks: number
  /** A chunk that has not come for so long is asked of another, if one has nothing else to do. */
  readonly slowMs: number
  /** A holder that owes chunks and has sent none for so long is given up. */
  readonly silentMs: number
}

/** What to do next. */
export type FetchStep<H> =
  | { readonly do: 'ask'; readonly holder: H; readonly chunks: readonly number[] }
  | { readonly do: 'drop'; readonly holder: H; readonly why: 'lied' | 'silent' }

/**
 * Which chunk to ask of which holder: whoever is done gets more, so that a fast one gives most; what a slow one owes at the
 * end is asked of others too. A holder that gives one wrong chunk, or nothing for long, is asked no more.
 *
 * Tell it what happens, then call `next`. Pure: it holds no bytes and knows no clock.
 */
export interface FetchPlan<H> {
  /** Chunks that are not here yet. */
  readonly leftCount: number
  readonly isDone: boolean
  /** Something is left, and no holder can be asked for it. */
  readonly isStuck: boolean
  /** Somebody has it all, or may have. Ignored for one that was dropped. */
  addHolder(holder: H, now: Ms): void
  /** It is gone: what it owes is asked of others. It may come back by `addHolder`. */
  holderGone(holder: H): void
  /** Some bytes of it came: it is not silent. */
  heard(holder: H, now: Ms): void
  /** A chunk came. @returns whether it is worth checking: it was asked of that holder, and is not here */
  arrived(holder: H, chunk: number, now: Ms): boolean
  /** It was checked, and put where it belongs if it is right. */
  checked(holder: H, chunk: number, isRight: boolean): void
  /** The holder has not got these. */
  lacks(holder: H, chunks: readonly number[]): void
  next(now: Ms): FetchStep<H>[]
  /** When `next` should be called even if nothing happens; undefined if there is no need. */
  wakeAt(): Ms | undefined
}

/** Make a plan without holders. */
export function createFetchPlan<H>(options: FetchPlanOptions): FetchPlan<H> {
  return new Plan<H>(options)
}

interface Holder {
  /** What it owes, and since when; oldest first. */
  readonly owes: Map<number, Ms>
  readonly lacks: Set<number>
  owedBytes: number
  windowBytes: number
  heardAt: Ms
}

class Plan<H> implements FetchPlan<H> {
  readonly #lengthOf: (chunk: number) => number
  readonly #limits: FetchPlanLimits
  readonly #holders = new Map<H, Holder>()
  readonly #banned = new Set<H>()
  readonly #liars: H[] = []
  /** Not here yet; the value counts how many owe it or are being checked. */
  readonly #left: Map<number, number>
  /** To be asked for: what nobody owes, the next last. */
  readonly #queue: number[]
  /** How many of those that are left are owed or being checked. */
  #owedCount = 0

  constructor({ wanted, lengthOf, limits = FETCH_PLAN_LIMITS }: FetchPlanOptions) {
    this.#lengthOf = lengthOf
    this.#limits = limits
    this.#left = new Map(wanted.map(chunk => [chunk, 0]))
    this.#queue = [...this.#left.keys()].reverse()
  }

  get leftCount(): number {
    return this.#left.size
  }

  get isDone(): boolean {
    return this.#left.size === 0
  }

  get isStuck(): boolean {
    if (this.isDone || this.#owedCount > 0) return false
    return !this.#queue.some(chunk => [...this.#holders.values()].some(({ lacks }) => !lacks.has(chunk)))
  }

  addHolder(holder: H, now: Ms): void {
    if (this.#banned.has(holder) || this.#holders.has(holder)) return
    const windowBytes = this.#limits.startBytes
    this.#holders.set(holder, { owes: new Map(), lacks: new Set(), owedBytes: 0, windowBytes, heardAt: now })
  }

  holderGone(holder: H): void {
    const known = this.#holders.get(holder)
    this.#holders.delete(holder)
    for (const chunk of [...(known?.owes.keys() ?? [])].reverse()) this.#release(chunk)
  }

  heard(holder: H, now: Ms): void {
    const known = this.#holders.get(holder)
    if (known !== undefined) known.heardAt = now
  }

  arrived(holder: H, chunk: number, now: Ms): boolean {
    const known = this.#holders.get(holder)
    const since = known?.owes.get(chunk)
    if (known === undefined || since === undefined) return false
    known.heardAt = now
    const { startBytes, windowBytes, slowMs } = this.#limits
    const [waitedMs, length] = [now - since, this.#lengthOf(chunk)]
    if (waitedMs < slowMs / 4) known.windowBytes = Math.min(windowBytes, known.windowBytes + length)
    else if (waitedMs > slowMs) known.windowBytes = Math.max(startBytes / 4, known.windowBytes - length)
    if (this.#left.has(chunk)) return true
    this.#settle(known, chunk)
    return false
  }

  checked(holder: H, chunk: number, isRight: boolean): void {
    const known = this.#holders.get(holder)
    const isOwed = known?.owes.has(chunk) === true
    if (known !== undefined) this.#settle(known, chunk)
    if (isRight) {
      if ((this.#left.get(chunk) ?? 0) > 0) this.#owedCount -= 1
      this.#left.delete(chunk)
      return
    }
    // If it was given up meanwhile, the chunk was released then.
    if (isOwed) this.#release(chunk)
    if (this.#banned.has(holder)) return
    this.#banned.add(holder)
    this.#liars.push(holder)
    this.holderGone(holder)
  }

  lacks(holder: H, chunks: readonly number[]): void {
    const known = this.#holders.get(holder)
    if (known === undefined) return
    for (const chunk of chunks) {
      known.lacks.add(chunk)
      if (!known.owes.has(chunk)) continue
      this.#settle(known, chunk)
      this.#release(chunk)
    }
  }

  next(now: Ms): FetchStep<H>[] {
    const steps: FetchStep<H>[] = this.#liars
      .splice(0)
      .map(holder => ({ do: 'drop', holder, why: 'lied' }) as const)
    for (const [holder, { owes, heardAt }] of [...this.#holders]) {
      const [oldest] = owes.values()
      if (oldest === undefined || now - Math.max(oldest, heardAt) < this.#limits.silentMs) continue
      this.#banned.add(holder)
      this.holderGone(holder)
      steps.push({ do: 'drop', holder, why: 'silent' })
    }
    for (const [holder, known] of this.#holders) {
      // In large pieces: each is a message.
      if (known.owedBytes * 2 > known.windowBytes || known.owes.size * 2 > this.#limits.windowChunks) continue
      const chunks = this.#choose(known, now)
      if (chunks.length > 0) steps.push({ do: 'ask', holder, chunks })
    }
    return steps
  }

  wakeAt(): Ms | undefined {
    let earliest: number | undefined
    const { slowMs, silentMs } = this.#limits
    for (const { owes, heardAt } of this.#holders.values()) {
      const [oldest] = owes.values()
      if (oldest === undefined) continue
      const silent = Math.max(oldest, heardAt) + silentMs
      earliest = Math.min(earliest ?? silent, silent, this.#holders.size > 1 ? oldest + slowMs : silent)
    }
    return earliest as Ms | undefined
  }

  #choose(holder: Holder, now: Ms): number[] {
    const { windowChunks } = this.#limits
    const { windowBytes } = holder
    const chosen: number[] = []
    const passed: number[] = []
    const hasRoom = (chunk: number) =>
      holder.owes.size === 0 ||
      (holder.owes.size < windowChunks && holder.owedBytes + this.#lengthOf(chunk) <= windowBytes)
    for (let chunk = this.#queue.pop(); chunk !== undefined; chunk = this.#queue.pop()) {
      if (!this.#left.has(chunk)) continue
      if (holder.lacks.has(chunk)) {
        passed.push(chunk)
        continue
      }
      if (!hasRoom(chunk)) {
        this.#queue.push(chunk)
        break
      }
      this.#owe(holder, chunk, now)
      chosen.push(chunk)
    }
    this.#queue.push(...passed.reverse())
    if (chosen.length > 0 || holder.owes.size > 0) return chosen
    // Nothing else to do: help with what others are slow with.
    for (const other of this.#holders.values()) {
      for (const [chunk, since] of other.owes) {
        if (now - since < this.#limits.slowMs || !hasRoom(chunk)) break
        if (other === holder || holder.lacks.has(chunk) || (this.#left.get(chunk) ?? MAX_OWED) >= MAX_OWED)
          continue
        this.#owe(holder, chunk, now)
        chosen.push(chunk)
      }
    }
    return chosen
  }

  #owe(holder: Holder, chunk: number, now: Ms): void {
    holder.owes.set(chunk, now)
    holder.owedBytes += this.#lengthOf(chunk)
    const count = this.#left.get(chunk) ?? 0
    if (count === 0) this.#owedCount += 1
    this.#left.set(chunk, count + 1)
  }

  #settle(holder: Holder, chunk: number): void {
    if (holder.owes.delete(chunk)) holder.owedBytes -= this.#lengthOf(chunk)
  }

  /** One fewer owes it: with none left it has to be asked for again. */
  #release(chunk: number): void {
    const count = this.#left.get(chunk)
    if (count === undefined) return
    this.#left.set(chunk, count - 1)
    if (count !== 1) return
    this.#owedCount -= 1
    this.#queue.push(chunk)
  }
}

/** What an agent asks of one holder at a time. */
export const FETCH_PLAN_LIMITS: FetchPlanLimits = {
  startBytes: 4_194_304,
  windowBytes: 16_777_216,
  windowChunks: 4_096,
  slowMs: 2_000,
  silentMs: 20_000,
}

/** How many holders are asked for one chunk at a time. */
const MAX_OWED = 2
