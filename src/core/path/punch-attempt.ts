import { type Address, formatAddress } from '../model/address.ts'
import { ipRange, parseIp } from '../model/ip-address.ts'
import { type Ms, ms } from '../model/time.ts'
import type { Candidate } from './candidate.ts'
import type { PortSearch } from './port-search.ts'
import type { AnsweredPing, ProbeWire, SendProbe } from './probe-wire.ts'
import { PING_GAPS_MS, PUNCH_LIMITS } from './punch-limits.ts'

/** A socket of ours and an address of the peer. */
export interface Pair {
  readonly socket: number
  readonly remote: Address
  /** Lower is closer. */
  readonly cost: number
  /** Of the answer that showed that it works; undefined until there is one. */
  readonly roundTripMs: number | undefined
}

interface Target {
  readonly address: Address
  readonly cost: number
  /** When it is pinged next on our own account; undefined for one that is only answered, and at the end. */
  pingAt: Ms | undefined
  pingCount: number
  /** Pings because it pinged us. */
  backPingCount: number
  isProven: boolean
}

type MutablePair = { -readonly [Key in keyof Pair]: Pair[Key] } & {
  readonly target: Target
  pingedAt: Ms | undefined
  /** When it is pinged next because the peer pinged us over it. */
  backPingAt: Ms | undefined
}

/**
 * One go at finding pairs that work: pings to the candidates with growing gaps, pings back to wherever the peer pings
 * from, and perhaps a search. It begins *passive*, answering only, and pings on its own account from `activate` on.
 */
export class PunchAttempt {
  readonly #wire: ProbeWire
  readonly #targets = new Map<string, Target>()
  readonly #pairs = new Map<string, MutablePair>()
  #learnedCount = 0
  #search: PortSearch | undefined
  #endsAt: Ms
  #isActive = false
  #workingSince: Ms | undefined

  constructor(wire: ProbeWire, now: Ms) {
    this.#wire = wire
    this.#endsAt = ms(now + PUNCH_LIMITS.attemptMs)
  }

  get isActive(): boolean {
    return this.#isActive
  }

  get searching(): PortSearch | undefined {
    return this.#search
  }

  /** Since when there is a pair that works. */
  get workingSince(): Ms | undefined {
    return this.#workingSince
  }

  /** Ping these too. @param lengthMs  how long the attempt lasts from now on, at the least */
  activate(candidates: readonly Candidate[], lengthMs: number, now: Ms): void {
    this.#endsAt = ms(this.#isActive ? Math.max(this.#endsAt, now + lengthMs) : now + lengthMs)
    this.#isActive = true
    for (const { address } of candidates) {
      if (this.#targets.size >= MAX_TARGETS) return
      const known = this.#targets.get(formatAddress(address))
      if (known === undefined) this.#addTarget(address, now)
      else if (known.pingCount === 0) known.pingAt = now
    }
  }

  search(search: PortSearch): void {
    this.#search = search
  }

  /** Whether nothing came of it: a pair that works gets time to be agreed on. */
  isOver(now: Ms): boolean {
    return now >= this.#overAt
  }

  get #overAt(): number {
    const agreedBy = this.#workingSince === undefined ? 0 : this.#workingSince + PUNCH_LIMITS.lostMs
    return Math.max(this.#endsAt, agreedBy)
  }

  get wakeAt(): Ms {
    const searchAt = this.#workingSince === undefined ? this.#search?.wakeAt : undefined
    const pings = [...this.#targets.values()].flatMap(({ pingAt, isProven }) =>
      pingAt === undefined || isProven ? [] : [pingAt],
    )
    const backPings = [...this.#pairs.values()].flatMap(({ backPingAt }) => backPingAt ?? [])
    return ms(Math.min(this.#overAt, searchAt ?? this.#overAt, ...pings, ...backPings))
  }

  step(now: Ms): SendProbe[] {
    const sends: SendProbe[] = []
    for (const target of this.#targets.values()) {
      if (target.isProven || target.pingAt === undefined || now < target.pingAt) continue
      const pair = this.#pairOf(0, target)
      const send = this.#ping(pair, now)
      if (send !== undefined) target.pingCount += 1
      sends.push(...(send === undefined ? [] : [send]))
      const gapMs = send === undefined ? RETRY_SEND_MS : PING_GAPS_MS[target.pingCount - 1]
      const isLast = target.pingCount >= PUNCH_LIMITS.pingsPerAddress || gapMs === undefined
      target.pingAt = isLast ? undefined : ms(now + gapMs)
    }
    for (const pair of this.#pairs.values()) {
      if (pair.backPingAt !== undefined && now >= pair.backPingAt) sends.push(...this.#pingBack(pair, now))
    }
    if (this.#workingSince !== undefined) return sends
    for (const { socket, to } of this.#search?.step(now) ?? []) {
      const send = this.#wire.ping('ping', socket, to, now)
      if (send !== undefined) sends.push(send)
    }
    return sends
  }

  /** The peer pinged: ping back, unless the pair is known to work. */
  pinged(socket: number, from: Address, now: Ms): SendProbe[] {
    const target = this.#targets.get(formatAddress(from)) ?? this.#learn(from)
    if (target === undefined) return []
    const pair = this.#pairOf(socket, target)
    const isSoonAgain = pair.pingedAt !== undefined && now < pair.pingedAt + BACK_PING_GAP_MS
    return isSoonAgain ? [] : this.#pingBack(pair, now)
  }

  /** Ping where the peer pinged from; and again for a while, as it may have heard enough and ping no more. */
  #pingBack(pair: MutablePair, now: Ms): SendProbe[] {
    const { target } = pair
    pair.backPingAt = undefined
    if (pair.roundTripMs !== undefined || target.backPingCount >= PUNCH_LIMITS.pingsPerAddress) return []
    const send = this.#ping(pair, now)
    if (send !== undefined) target.backPingCount += 1
    const gapMs = send === undefined ? RETRY_SEND_MS : PING_GAPS_MS[target.backPingCount - 1]
    if (gapMs !== undefined) pair.backPingAt = ms(now + gapMs)
    return send === undefined ? [] : [send]
  }

  /** A ping was answered, so the pair works. */
  answered(socket: number, from: Address, ping: AnsweredPing, now: Ms): void {
    const target = this.#targets.get(formatAddress(from)) ?? this.#learn(from)
    if (target === undefined) return
    target.isProven = true
    const pair = this.#pairOf(socket, target)
    pair.roundTripMs = Math.min(pair.roundTripMs ?? Number.POSITIVE_INFINITY, now - ping.sentAt)
    this.#workingSince ??= now
  }

  works(socket: number, from: Address): boolean {
    return this.#pairs.get(keyOf(socket, from))?.roundTripMs !== undefined
  }

  isProven(address: Address): boolean {
    return this.#targets.get(formatAddress(address))?.isProven === true
  }

  /** The pair does not work after all. */
  drop({ socket, remote }: Pair): void {
    this.#pairs.delete(keyOf(socket, remote))
    const isLast = ![...this.#pairs.values()].some(({ roundTripMs }) => roundTripMs !== undefined)
    if (isLast) this.#workingSince = undefined
  }

  /** The closest of the pairs that work, then the quickest. */
  best(): Pair | undefined {
    let best: MutablePair | undefined
    for (const pair of this.#pairs.values()) {
      if (pair.roundTripMs === undefined) continue
      const isBetter =
        best === undefined ||
        pair.cost < best.cost ||
        (pair.cost === best.cost && pair.roundTripMs < (best.roundTripMs ?? 0))
      if (isBetter) best = pair
    }
    return best
  }

  /** Whether a closer pair than one of that cost may still come. */
  mayImprove(cost: number): boolean {
    return [...this.#targets.values()].some(
      target => target.cost < cost && !target.isProven && target.pingAt !== undefined,
    )
  }

  #ping(pair: MutablePair, now: Ms): SendProbe | undefined {
    const send = this.#wire.ping('ping', pair.socket, pair.remote, now)
    if (send !== undefined) pair.pingedAt = now
    return send
  }

  #learn(address: Address): Target | undefined {
    if (this.#learnedCount >= PUNCH_LIMITS.learnedAddresses) return undefined
    this.#learnedCount += 1
    return this.#addTarget(address, undefined)
  }

  #addTarget(address: Address, pingAt: Ms | undefined): Target {
    const target: Target = {
      address,
      cost: costOf(address),
      pingAt,
      pingCount: 0,
      backPingCount: 0,
      isProven: false,
    }
    this.#targets.set(formatAddress(address), target)
    return target
  }

  #pairOf(socket: number, target: Target): MutablePair {
    const key = keyOf(socket, target.address)
    const known = this.#pairs.get(key)
    if (known !== undefined) return known
    const { address: remote, cost } = target
    const pair = {
      socket,
      remote,
      cost,
      target,
      roundTripMs: undefined,
      pingedAt: undefined,
      backPingAt: undefined,
    }
    this.#pairs.set(key, pair)
    return pair
  }
}

/** The own network is closer than the internet, and IPv6 has no NAT that could forget. */
function costOf({ host }: Address): number {
  const ip = parseIp(host) ?? new Uint8Array(4)
  if (ipRange(ip) !== 'public') return 0
  return ip.length === 16 ? 1 : 2
}

function keyOf(socket: number, remote: Address): string {
  return `${socket} ${formatAddress(remote)}`
}

// Candidates of several introductions within one attempt, and learned ones.
const MAX_TARGETS = 24
const RETRY_SEND_MS = 20
const BACK_PING_GAP_MS = 20
