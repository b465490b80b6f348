import type { Address } from '../model/address.ts'
import type { IntroductionId, Probe, ProbeSide } from '../model/probe.ts'
import { type Ms, ms } from '../model/time.ts'
import { plainAddress } from './candidate.ts'
import { KeptPair } from './kept-pair.ts'
import { createGuessing, createSpreading } from './port-search.ts'
import { type AnsweredPing, ProbeWire, type SendProbe } from './probe-wire.ts'
import { type Pair, PunchAttempt } from './punch-attempt.ts'
import { PUNCH_LIMITS } from './punch-limits.ts'
import { type PunchFailure, type PunchPlan, type PunchTerms, planPunch } from './punch-terms.ts'

/**
 * What the agent must now do for one introduction.
 *
 * `open-sockets`: open `count` more sockets, numbered from `first`; sends from them may follow in the same list.
 * `close-sockets`: close all that `open-sockets` ever asked for, but `except`.
 * `chosen`: both sides agreed on this pair; also again, when the other side begins anew.
 * `lost`: the pair works no more; the machine looks for another, and says `chosen` or `failed`.
 * `failed`: the end of this introduction; the machine does nothing from then on.
 * `wake`: call `tick` at that time. A wake that is already set for an earlier time stands, for `tick` asks again; so an
 * edge keeps one timer, for the earliest wake it was asked for.
 */
export type PuncherAction =
  | SendProbe
  | { readonly do: 'open-sockets'; readonly first: number; readonly count: number }
  | { readonly do: 'close-sockets'; readonly except?: number }
  | { readonly do: 'chosen'; readonly socket: number; readonly remote: Address }
  | { readonly do: 'lost' }
  | { readonly do: 'failed'; readonly reason: PunchFailure }
  | { readonly do: 'wake'; readonly at: Ms }

import { createTokenBucket } from '../model/token-bucket.ts'

/** What a puncher is made for. */
export interface PuncherOptions {
  readonly introduction: IntroductionId
  readonly side: ProbeSide
  readonly terms: PunchTerms
  /** Numbers from 0 up to, but not including, 1. */
  readonly random: () => number
}

/** Where it stands. */
export type PunchState =
  | { readonly state: 'idle' | 'probing' | 'stopped' }
  | { readonly state: 'chosen'; readonly socket: number; readonly remote: Address; readonly since: Ms }
  | { readonly state: 'failed'; readonly reason: PunchFailure }

/**
 * The mind of one side of an introduction: find a pair of addresses over which datagrams pass both ways, agree on it with
 * the other side, keep it, and find another when it is lost. Pure: the edge owns the sockets, checks the code of each
 * probe before it hands it in, and gives the time of a clock that never goes back.
 *
 * *idle* until `start`; *probing* while there is no pair; *chosen* once both agreed; *failed* or *stopped* at the end. While a pair is
 * chosen and in doubt, an attempt for another may run beside it; the answer to the doubt ends that attempt.
 */
export interface Puncher {
  readonly state: PunchState
  start(now: Ms): PuncherAction[]
  /** A probe with a good code came to a socket. */
  receive(socket: number, from: Address, probe: Probe, now: Ms): PuncherAction[]
  /** The hub introduced the two again: somebody moved, or another address became known. */
  introduced(terms: PunchTerms, now: Ms): PuncherAction[]
  /** Our network changed, or the stream over the pair stalls: see whether it still works, and look for others. */
  networkChanged(now: Ms): PuncherAction[]
  tick(now: Ms): PuncherAction[]
  /** It is no longer wanted. */
  stop(): PuncherAction[]
}

/** Make one for an introduction. */
export function createPuncher(options: PuncherOptions): Puncher {
  return new PuncherMachine(options)
}

/** A pair that the dialling side proposed. */
interface Nomination {
  readonly pair: Pair
  readonly send: SendProbe
  count: number
  againAt: Ms
}

class PuncherMachine implements Puncher {
  readonly #options: PuncherOptions
  readonly #wire: ProbeWire
  #plan: PunchPlan
  #phase: 'idle' | 'running' | 'failed' | 'stopped' = 'idle'
  #kept: KeptPair | undefined
  #attempt: PunchAttempt | undefined
  readonly #searches = createTokenBucket(1 / 60, PUNCH_LIMITS.searchBurst)
  #attemptAt: Ms | undefined
  #searchAt: Ms | undefined
  #searchedHost: string | undefined
  #lastStartAt: Ms | undefined
  #gapMs: number = PUNCH_LIMITS.firstGapMs
  #nomination: Nomination | undefined
  /** Of the newest nomination that was agreed to. */
  #agreed = 0
  #nextSocket = 1
  #hasExtraSockets = false

  constructor(options: PuncherOptions) {
    this.#options = options
    this.#plan = planPunch(options.terms)
    this.#wire = new ProbeWire(options.side, options.introduction)
  }

  get state(): PunchState {
    if (this.#phase === 'idle' || this.#phase === 'stopped') return { state: this.#phase }
    if (this.#phase === 'failed') return { state: 'failed', reason: this.#plan.failure }
    if (this.#kept === undefined) return { state: 'probing' }
    const { socket, remote, chosenAt } = this.#kept
    return { state: 'chosen', socket, remote, since: chosenAt }
  }

  start(now: Ms): PuncherAction[] {
    if (this.#phase !== 'idle') return []
    this.#phase = 'running'
    this.#attemptAt = now
    return this.tick(now)
  }

  introduced(terms: PunchTerms, now: Ms): PuncherAction[] {
    if (this.#phase !== 'running') return []
    this.#plan = planPunch(terms)
    const isYoung = now < this.#earliestStart(now, PUNCH_LIMITS.firstGapMs)
    // An attempt that has just begun takes the new addresses in. Otherwise one begins: the other side hears of it now too,
    // and the two must not be far apart, so the longer gaps do not count.
    if (this.#attempt?.isActive && isYoung) this.#activate(this.#attempt, now)
    else this.#beginSoon(now, PUNCH_LIMITS.firstGapMs)
    this.#kept?.doubt(now)
    return this.tick(now)
  }

  networkChanged(now: Ms): PuncherAction[] {
    if (this.#phase !== 'running') return []
    this.#kept?.doubt(now)
    this.#beginSoon(now)
    return this.tick(now)
  }

  receive(socket: number, from: Address, probe: Probe, now: Ms): PuncherAction[] {
    const remote = plainAddress(from)
    const isOurs = probe.introduction === this.#options.introduction && probe.side !== this.#options.side
    if (this.#phase !== 'running' || !isOurs || remote === undefined) return []
    const sends = probe.kind === 'pong' ? this.#ponged(socket, remote, probe, now) : []
    const answers = probe.kind === 'pong' ? [] : this.#pinged(socket, remote, probe, now)
    return [...sends, ...answers, ...this.tick(now)]
  }

  tick(now: Ms): PuncherAction[] {
    if (this.#phase !== 'running') return []
    const actions = [...this.#stepKept(now), ...this.#stepAttempt(now), ...this.#stepNomination(now)]
    if (this.#attempt?.isOver(now)) this.#attempt = undefined
    if (this.#attempt === undefined) this.#searchAt = undefined
    const isLooking = this.#attempt !== undefined || this.#attemptAt !== undefined
    if (this.#kept === undefined && !isLooking) return [...actions, ...this.#fail()]
    return [...actions, ...this.#wake(now)]
  }

  stop(): PuncherAction[] {
    this.#phase = 'stopped'
    return this.#closeSockets()
  }

  // What comes in.

  #pinged(socket: number, from: Address, probe: Probe, now: Ms): PuncherAction[] {
    const isKept = this.#kept?.is(socket, from) === true
    const works = isKept || this.#attempt?.works(socket, from) === true
    const isProven = works || this.#attempt?.isProven(from) === true
    if (probe.kind === 'ping' || !works || probe.transaction < this.#agreed) {
      // An old nomination is not answered, one that comes too early is when it comes again.
      const isAnswered = probe.kind === 'ping'
      const pong = isAnswered ? this.#wire.pong(socket, from, probe.transaction, isProven, now) : []
      return isKept || works ? pong : [...pong, ...this.#pingBack(socket, from, now)]
    }
    if (this.#options.side === 'dial') return []
    // The same from elsewhere: the other side moved before it heard that we agree.
    const isKnown = probe.transaction === this.#agreed && isKept
    const chosen = isKnown ? [] : this.#choose(socket, from, undefined, now)
    this.#agreed = probe.transaction
    return [...this.#wire.pong(socket, from, probe.transaction, true, now), ...chosen]
  }

  /** The peer pinged from where we did not expect it: it may have moved, or be about to choose. */
  #pingBack(socket: number, from: Address, now: Ms): PuncherAction[] {
    if (this.#kept !== undefined && this.#attempt === undefined) {
      // What was under way when the pair was chosen still comes in. And what is played again must not cost more.
      if (now < this.#kept.chosenAt + STRAY_GRACE_MS || now < this.#earliestStart(now, this.#gapMs)) return []
      this.#noteStart(now)
      this.#kept.doubt(now)
      this.#attempt = new PunchAttempt(this.#wire, now)
    }
    return this.#attempt?.pinged(socket, from, now) ?? []
  }

  #ponged(
    socket: number,
    from: Address,
    { transaction, seen }: Extract<Probe, { kind: 'pong' }>,
    now: Ms,
  ): PuncherAction[] {
    const ping = this.#wire.answered(socket, from, transaction, now)
    if (ping === undefined) return []
    if (transaction === this.#nomination?.send.probe.transaction) return this.#choose(socket, from, seen, now)
    if (this.#kept?.is(socket, from)) return this.#keptAnswered(this.#kept, ping, seen, now)
    this.#attempt?.answered(socket, from, ping, now)
    return []
  }

  #keptAnswered(kept: KeptPair, { sentAt }: AnsweredPing, seen: Address, now: Ms): PuncherAction[] {
    const hasMoved = kept.heard(sentAt, seen, now)
    if (!kept.isInDoubt) {
      this.#attempt = undefined
      this.#attemptAt = undefined
    }
    // The pair works for us, but the peer knows us elsewhere: it has to hear where we are now.
    if (!hasMoved || this.#nomination !== undefined || this.#options.side !== 'dial') return []
    const { socket, remote } = kept
    return this.#nominate({ socket, remote, cost: 0, roundTripMs: now - sentAt }, now)
  }

  /** @param seen  from where the other side sees us, if it says so */
  #choose(socket: number, remote: Address, seen: Address | undefined, now: Ms): PuncherAction[] {
    this.#kept = new KeptPair(socket, remote, seen, now)
    this.#attempt = undefined
    this.#attemptAt = undefined
    this.#nomination = undefined
    return [{ do: 'chosen', socket, remote }, ...this.#closeSockets(socket)]
  }

  // What time brings.

  #stepKept(now: Ms): PuncherAction[] {
    const kept = this.#kept
    if (kept === undefined) return []
    if (!kept.isLost(now)) return kept.step(this.#wire, now)
    this.#kept = undefined
    this.#nomination = undefined
    if (!this.#attempt?.isActive) this.#beginSoon(now)
    return [{ do: 'lost' }, ...(this.#attempt === undefined ? this.#closeSockets() : [])]
  }

  /** Begin an attempt as soon as it may. */
  #beginSoon(now: Ms, gapMs = this.#gapMs): void {
    const at = Math.max(now, this.#earliestStart(now, gapMs))
    this.#attemptAt = ms(Math.min(at, this.#attemptAt ?? at))
  }

  #earliestStart(now: Ms, gapMs: number): number {
    return this.#lastStartAt === undefined ? now : this.#lastStartAt + gapMs
  }

  #noteStart(now: Ms): void {
    const isCalm = this.#lastStartAt === undefined || now - this.#lastStartAt > PUNCH_LIMITS.longestGapMs
    this.#gapMs = isCalm ? PUNCH_LIMITS.firstGapMs : Math.min(this.#gapMs * 2, PUNCH_LIMITS.longestGapMs)
    this.#lastStartAt = now
  }

  #stepAttempt(now: Ms): PuncherAction[] {
    if (this.#attemptAt !== undefined && now >= this.#attemptAt) this.#begin(now)
    const searching = this.#searchAt !== undefined && now >= this.#searchAt ? this.#beginSearch(now) : []
    return [...searching, ...(this.#attempt?.step(now) ?? [])]
  }

  #begin(now: Ms): void {
    this.#noteStart(now)
    this.#attemptAt = undefined
    // One of the pair that is kept is for the other side to know where we are.
    if (this.#kept === undefined) this.#nomination = undefined
    this.#searchAt = undefined
    // One that only answered so far may know where the peer is now.
    const isPassive = this.#attempt?.isActive === false
    const before = this.#attempt
    if (!isPassive) this.#attempt = undefined
    if (this.#plan.useful.length === 0 && !isPassive) return
    this.#attempt ??= new PunchAttempt(this.#wire, now)
    // A search takes its time, and goes on unless the peer is elsewhere now.
    const isSameTarget = this.#plan.searchTarget?.host === this.#searchedHost
    if (before?.searching !== undefined && isSameTarget) this.#attempt.search(before.searching)
    this.#activate(this.#attempt, now)
  }

  #activate(attempt: PunchAttempt, now: Ms): void {
    const { useful, searchTarget, lengthMs } = this.#plan
    attempt.activate(useful, lengthMs, now)
    if (searchTarget === undefined || attempt.searching !== undefined) return
    this.#searchAt ??= ms(now + PUNCH_LIMITS.searchAfterMs)
  }

  #beginSearch(now: Ms): PuncherAction[] {
    // Not beside a pair that may still be good: it can wait until that is lost.
    if (this.#kept !== undefined) {
      this.#searchAt = ms(now + PUNCH_LIMITS.retryMs)
      return []
    }
    this.#searchAt = undefined
    const { searchTarget, isOwnHidden } = this.#plan
    if (searchTarget === undefined || this.#attempt === undefined) return []
    if (this.#attempt.workingSince !== undefined || !this.#searches.take(now)) return []
    this.#searchedHost = searchTarget.host
    if (!isOwnHidden) {
      this.#attempt.search(createGuessing(searchTarget.host, this.#options.random, now))
      return []
    }
    const first = this.#nextSocket
    this.#nextSocket += PUNCH_LIMITS.searchSockets
    const closing = this.#closeSockets()
    this.#hasExtraSockets = true
    this.#attempt.search(createSpreading(searchTarget, first, now))
    return [...closing, { do: 'open-sockets', first, count: PUNCH_LIMITS.searchSockets }]
  }

  #stepNomination(now: Ms): PuncherAction[] {
    const nomination = this.#nomination
    if (nomination !== undefined) {
      if (now < nomination.againAt) return []
      // Of the pair that is kept it goes on, slowly: without it the other side would look for us elsewhere.
      const goesOn = nomination.count < PUNCH_LIMITS.nominations || this.#kept !== undefined
      if (goesOn) return this.#nominateAgain(nomination, now)
      this.#nomination = undefined
      this.#attempt?.drop(nomination.pair)
    }
    const since = this.#attempt?.workingSince
    const best = this.#attempt?.best()
    if (this.#options.side !== 'dial' || this.#kept !== undefined) return []
    if (this.#attempt === undefined || best === undefined || since === undefined) return []
    const isSettled = now >= since + PUNCH_LIMITS.settleMs || !this.#attempt.mayImprove(best.cost)
    return isSettled ? this.#nominate(best, now) : []
  }

  #nominate(pair: Pair, now: Ms): PuncherAction[] {
    const send = this.#wire.ping('nominate', pair.socket, pair.remote, now)
    if (send === undefined) return []
    this.#nomination = { pair, send, count: 1, againAt: ms(now + NOMINATE_GAP_MS) }
    return [send]
  }

  #nominateAgain(nomination: Nomination, now: Ms): PuncherAction[] {
    nomination.count += 1
    const isEarly = nomination.count < PUNCH_LIMITS.nominations
    nomination.againAt = ms(now + (isEarly ? NOMINATE_GAP_MS : SLOW_NOMINATE_GAP_MS))
    const send = this.#wire.repeat(nomination.send, now)
    return send === undefined ? [] : [send]
  }

  #fail(): PuncherAction[] {
    this.#phase = 'failed'
    return [...this.#closeSockets(), { do: 'failed', reason: this.#plan.failure }]
  }

  #wake(now: Ms): PuncherAction[] {
    const workingSince = this.#options.side === 'dial' ? this.#attempt?.workingSince : undefined
    const isSettling =
      workingSince !== undefined && this.#kept === undefined && this.#nomination === undefined
    const settledAt = isSettling ? workingSince + PUNCH_LIMITS.settleMs : 0
    const times = [
      this.#kept?.wakeAt,
      this.#attempt?.wakeAt,
      this.#attemptAt,
      this.#searchAt,
      this.#nomination?.againAt,
      isSettling ? Math.max(settledAt, now + RETRY_SEND_MS) : undefined,
    ].filter(at => at !== undefined)
    return times.length === 0 ? [] : [{ do: 'wake', at: ms(Math.max(now + 1, Math.min(...times))) }]
  }

  #closeSockets(except?: number): PuncherAction[] {
    if (!this.#hasExtraSockets) return []
    this.#hasExtraSockets = except !== undefined && except !== 0
    return [{ do: 'close-sockets', ...(this.#hasExtraSockets && except !== undefined && { except }) }]
  }
}

// The two sides do not choose in the same moment, and datagrams overtake each other.
const STRAY_GRACE_MS = 3_000
const NOMINATE_GAP_MS = 100
const SLOW_NOMINATE_GAP_MS = 1_000
// When too much was sent just now.
const RETRY_SEND_MS = 20
