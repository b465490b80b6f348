import type { MeshError } from '../model/errors.ts'
import type { Ms } from '../model/time.ts'

/** `round-robin`: each in turn. `least-connections`: the one with the fewest open, in turn where they are equal. */
export type BalanceMethod = 'round-robin' | 'least-connections'

/** How a balancer chooses. */
export interface BalancerOptions<M extends string> {
  readonly method: BalanceMethod
  /** Those to begin with; none by default. */
  readonly members?: readonly M[]
  /** How long a member is passed over after its first failure; twice as long after each further one. Default 1 s. */
  readonly firstBackoffMs?: number
  /** The longest a member is passed over. Default 30 s. */
  readonly longestBackoffMs?: number
}

/** What is known of one member. */
export interface MemberHealth<M extends string> {
  readonly member: M
  /** By the last try: `unknown` before the first, `down` from a failure until a success. */
  readonly state: 'up' | 'down' | 'unknown'
  readonly openCount: number
  /** The last failure; stays when the member is up again. */
  readonly failedAtMs?: Ms
  readonly lastError?: MeshError
}

/**
 * Chooses among the targets of a service or the endpoints that host it. Pure: told what happened, says whom to try.
 *
 * A member is *unknown* until it is tried, *up* after a success, *down* after a failure. One that is down is passed
 * over for a backoff, then put first for one connection, which is its trial; a success makes it up, a failure doubles
 * the backoff. While passed over it is still tried after all others: never is worse than last.
 *
 * Members are told apart by their text. Connections to one that left are counted on, in case it comes back; whatever
 * else is reported of one that is not a member is ignored.
 */
export interface Balancer<M extends string> {
  /** Replace the members; those that stay keep what is known of them. */
  setMembers(members: readonly M[]): void
  /**
   * The order in which to try members for one connection. Asking moves the turn on, so ask once a connection.
   *
   * @param isWanted  leaves members out, without costing them their turn
   * @param rankOf  a lower number goes first, before any turn or trial; of those passed over, too
   * @returns every wanted member once
   */
  pick(now: Ms, isWanted?: (member: M) => boolean, rankOf?: (member: M) => number): M[]
  /** A connection to it began: count it. To spread a burst, say so before it is known to succeed. */
  opened(member: M): void
  /** A connection that was counted ended. */
  closed(member: M): void
  /** A connection to it, or a check of its health, failed. */
  failed(member: M, now: Ms, error?: MeshError): void
  succeeded(member: M): void
  /** What is known of each member, in the order of `setMembers`. */
  health(): MemberHealth<M>[]
}

/** Make a balancer. */
export function createBalancer<M extends string>(options: BalancerOptions<M>): Balancer<M> {
  return new BalancerMachine(options)
}

interface Member<M extends string> {
  readonly name: M
  state: 'up' | 'down' | 'unknown'
  openCount: number
  /** When it was last put first, counted in picks: the lowest is next in turn. */
  turn: number
  /** While down: passed over until then. */
  retryAtMs: number
  backoffMs: number
  /** While down: its trial was given out and has not been reported on. */
  isOnTrial: boolean
  failedAtMs: Ms | undefined
  lastError: MeshError | undefined
}

class BalancerMachine<M extends string> implements Balancer<M> {
  readonly #method: BalanceMethod
  readonly #firstBackoffMs: number
  readonly #longestBackoffMs: number
  #members = new Map<M, Member<M>>()
  // Left while connections were open. Each has one, so this is bounded by the caller's own connections.
  readonly #left = new Map<M, Member<M>>()
  #pickCount = 0

  constructor(options: BalancerOptions<M>) {
    this.#method = options.method
    this.#firstBackoffMs = options.firstBackoffMs ?? FIRST_BACKOFF_MS
    this.#longestBackoffMs = options.longestBackoffMs ?? LONGEST_BACKOFF_MS
    this.setMembers(options.members ?? [])
  }

  setMembers(names: readonly M[]): void {
    const before = this.#members
    this.#members = new Map()
    for (const name of names) {
      this.#members.set(name, before.get(name) ?? this.#left.get(name) ?? createMember(name))
      this.#left.delete(name)
    }
    for (const [name, member] of before) {
      if (!this.#members.has(name) && member.openCount > 0) this.#left.set(name, member)
    }
  }

  pick(now: Ms, isWanted: (member: M) => boolean = () => true, rankOf: (member: M) => number = () => 0): M[] {
    const byRank = (a: Member<M>, b: Member<M>) => rankOf(a.name) - rankOf(b.name)
    const ready: Member<M>[] = []
    const passedOver: Member<M>[] = []
    for (const member of this.#members.values()) {
      if (!isWanted(member.name)) continue
      if (this.#isPassedOver(member, now)) passedOver.push(member)
      else ready.push(member)
    }
    ready.sort((a, b) => byRank(a, b) || this.#compare(a, b))
    passedOver.sort((a, b) => byRank(a, b) || a.retryAtMs - b.retryAtMs || a.turn - b.turn)
    const first = ready[0] ?? passedOver[0]
    if (first !== undefined) this.#giveTurn(first, now)
    return [...ready, ...passedOver].map(({ name }) => name)
  }

  opened(name: M): void {
    const known = this.#members.get(name) ?? this.#left.get(name)
    const member = known ?? createMember(name)
    member.openCount += 1
    if (known === undefined) this.#left.set(name, member)
  }

  closed(name: M): void {
    const member = this.#members.get(name) ?? this.#left.get(name)
    if (member === undefined || member.openCount === 0) return
    member.openCount -= 1
    if (member.openCount === 0) this.#left.delete(name)
  }

  failed(name: M, now: Ms, error?: MeshError): void {
    const member = this.#members.get(name)
    if (member === undefined) return
    // Ten connections that break at once are one failure, and those tried last while passed over are none.
    const isNew = member.state !== 'down' || member.isOnTrial || !this.#isPassedOver(member, now)
    if (isNew) {
      const doubled = member.state === 'down' ? member.backoffMs * 2 : this.#firstBackoffMs
      member.backoffMs = Math.min(doubled, this.#longestBackoffMs)
      member.retryAtMs = now + member.backoffMs
    }
    member.state = 'down'
    member.isOnTrial = false
    member.failedAtMs = now
    member.lastError = error
  }

  succeeded(name: M): void {
    const member = this.#members.get(name)
    if (member === undefined) return
    member.state = 'up'
    member.isOnTrial = false
  }

  health(): MemberHealth<M>[] {
    return Array.from(this.#members.values(), ({ name, state, openCount, failedAtMs, lastError }) => ({
      member: name,
      state,
      openCount,
      ...(failedAtMs !== undefined && { failedAtMs }),
      ...(lastError !== undefined && { lastError }),
    }))
  }

  #isPassedOver(member: Member<M>, now: Ms): boolean {
    if (member.state !== 'down') return false
    const leftMs = member.retryAtMs - now
    // More left than there can be: the clock was set back. It must not keep a member out for hours.
    return leftMs > 0 && leftMs <= member.backoffMs
  }

  #compare(a: Member<M>, b: Member<M>): number {
    // A trial is due: whichever the method, or a member without connections would never come back.
    if ((a.state === 'down') !== (b.state === 'down')) return a.state === 'down' ? -1 : 1
    if (this.#method === 'least-connections' && a.openCount !== b.openCount) return a.openCount - b.openCount
    return a.turn - b.turn
  }

  #giveTurn(member: Member<M>, now: Ms): void {
    this.#pickCount += 1
    member.turn = this.#pickCount
    if (member.state !== 'down' || this.#isPassedOver(member, now)) return
    // One connection tries it; the others go on passing it over until that one has reported.
    member.isOnTrial = true
    member.retryAtMs = now + member.backoffMs
  }
}

function createMember<M extends string>(name: M): Member<M> {
  return {
    name,
    state: 'unknown',
    openCount: 0,
    turn: 0,
    retryAtMs: 0,
    backoffMs: 0,
    isOnTrial: false,
    failedAtMs: undefined,
    lastError: undefined,
  }
}

/** Long enough for a program to restart. */
const FIRST_BACKOFF_MS = 1_000
/** Somebody who repairs a target should not have to wait longer for it to be found. */
const LONGEST_BACKOFF_MS = 30_000
