import type { HubEvent } from '../api/events.ts'
import { MeshError } from '../model/errors.ts'
import type { EndpointId, LinkId } from '../model/ids.ts'
import { type Ms, ms } from '../model/time.ts'

/** One side of a relay: a connection or stream that presented a ticket. Numbered by the hub's edge. */
export type HalfId = number & { readonly __id: 'half' }
/** Two halves that were joined. */
export type RelayId = number & { readonly __id: 'relay' }
/** How a half comes: a connection of its own, or a stream of the link. */
export type RelayWay = 'relay' | 'relay-h2'
/** Which of the two a half is. */
export type Side = 'dial' | 'accept'

/**
 * What the hub must now do.
 *
 * `wake`: call `tick` at that time. A wake that is already set for an earlier time stands, for `tick` asks again; so an
 * edge keeps one timer, for the earliest wake it was asked for.
 */
export type RegistryAction =
  | { readonly do: 'send'; readonly link: LinkId; readonly event: HubEvent }
  | { readonly do: 'close-link'; readonly link: LinkId; readonly error: MeshError }
  | RelayJoin
  | { readonly do: 'refuse'; readonly half: HalfId; readonly error: MeshError }
  | { readonly do: 'cut'; readonly relay: RelayId }
  | { readonly do: 'wake'; readonly at: Ms }

/** Join two halves. */
export interface RelayJoin {
  readonly do: 'join'
  readonly relay: RelayId
  readonly dial: HalfId
  readonly accept: HalfId
  /** Whose rate it counts against. */
  readonly payer: string
  /** Who talks: who asked, and whom it wanted. */
  readonly between: readonly [EndpointId, EndpointId]
}

/** How much the registry keeps; see docs/limits.md. */
export interface RegistryLimits {
  readonly maxLinks: number
  readonly maxRelays: number
  /** Tickets asked for by one endpoint and not yet used or expired. */
  readonly maxOpenTicketsPerEndpoint: number
  /** Relays one endpoint asked for. Those others opened to it do not count, or anybody could keep it from dialling. */
  readonly maxRelaysPerEndpoint: number
  /** A ticket must be presented by both sides within this time. */
  readonly ticketLifeMs: number
}

/** The limits a hub starts with. */
export const REGISTRY_LIMITS: RegistryLimits = {
  maxLinks: 20_000,
  maxRelays: 20_000,
  maxOpenTicketsPerEndpoint: 64,
  maxRelaysPerEndpoint: 2_000,
  ticketLifeMs: 10_000,
}

/**
 * The hub's mind: which endpoint is on which link, which tickets are open, which relays run. Pure: ticket bytes and
 * the time come in as arguments; every method returns what must be done, in order.
 *
 * A ticket is *open* (asked for), then *half* (one side came and waits), then gone (joined, refused or expired).
 * Each side may present it once.
 */
export interface Registry {
  /**
   * An older link of the same endpoint is closed: an agent that comes again does not know that it is still here. What was said
   * on that one may not have arrived: whom the endpoint is to meet, it is told again.
   */
  linkOpened(link: LinkId, endpoint: EndpointId): RegistryAction[]
  /** In any order: the end of a link that was replaced does not take the newer one away. */
  linkClosed(link: LinkId): RegistryAction[]
  /**
   * @param ticket  32 random bytes as base64url, made by the caller for this call
   * @param payer  whose rate the relay counts against; `from` if absent
   * @throws MeshError `offline` if one of the two has no link (who was put out has none), `too-many` at a limit
   */
  askRelay(
    from: EndpointId,
    to: EndpointId,
    ticket: string,
    now: Ms,
    way?: RelayWay,
    payer?: string,
  ): RegistryAction[]
  /** @param by  the endpoint of the link the half came over; undefined for a bare ticket, which is its own proof */
  present(half: HalfId, ticket: string, side: Side, by: EndpointId | undefined, now: Ms): RegistryAction[]
  /** A waiting half went away. */
  halfClosed(half: HalfId): RegistryAction[]
  relayClosed(relay: RelayId): RegistryAction[]
  /** Put endpoints out: their links close, their tickets die, their relays are cut. */
  evict(endpoints: readonly EndpointId[], error: MeshError): RegistryAction[]
  /** An event for every link, or for those of some endpoints. */
  broadcast(event: HubEvent, to?: readonly EndpointId[]): RegistryAction[]
  tick(now: Ms): RegistryAction[]
  linkOf(endpoint: EndpointId): LinkId | undefined
  readonly linkCount: number
  readonly relayCount: number
  /** Relays that a limit kept from being asked for or joined, since the start. */
  readonly refusedRelayCount: number
  readonly openTicketCount: number
  /** Entries of all tables together, a measure of memory: 0 when nobody is here and nothing runs. */
  readonly entryCount: number
}

/** Make an empty registry. */
export function createRegistry(limits: RegistryLimits = REGISTRY_LIMITS): Registry {
  return new RegistryMachine(limits)
}

interface Ticket {
  readonly text: string
  readonly dial: EndpointId
  readonly accept: EndpointId
  readonly payer: string
  readonly way: RelayWay
  readonly askedAt: Ms
  /** The half that came first and waits. */
  waiting?: { readonly half: HalfId; readonly side: Side }
}

class RegistryMachine implements Registry {
  readonly #limits: RegistryLimits
  readonly #linkOf = new Map<EndpointId, LinkId>()
  readonly #endpointOf = new Map<LinkId, EndpointId>()
  // In the order they were asked for, which is the order of expiry, as every ticket lives equally long.
  readonly #tickets = new Map<string, Ticket>()
  readonly #waiting = new Map<HalfId, Ticket>()
  readonly #relays = new Map<RelayId, readonly [EndpointId, EndpointId]>()
  /** By who asked. */
  readonly #ticketCount = new Map<EndpointId, number>()
  readonly #relayCount = new Map<EndpointId, number>()
  #nextRelay = 1
  #refusedRelayCount = 0

  constructor(limits: RegistryLimits) {
    this.#limits = limits
  }

  get linkCount(): number {
    return this.#linkOf.size
  }

  get relayCount(): number {
    return this.#relays.size
  }

  get refusedRelayCount(): number {
    return this.#refusedRelayCount
  }

  get openTicketCount(): number {
    return this.#tickets.size
  }

  get entryCount(): number {
    const links = this.#linkOf.size + this.#endpointOf.size
    const counts = this.#ticketCount.size + this.#relayCount.size
    return links + counts + this.#tickets.size + this.#waiting.size + this.#relays.size
  }

  linkOf(endpoint: EndpointId): LinkId | undefined {
    return this.#linkOf.get(endpoint)
  }

  linkOpened(link: LinkId, endpoint: EndpointId): RegistryAction[] {
    const older = this.#linkOf.get(endpoint)
    if (older === undefined && this.#linkOf.size >= this.#limits.maxLinks) {
      const message = `Cannot open link: hub has ${this.#limits.maxLinks} links: use another hub or raise --max-agents`
      return [{ do: 'close-link', link, error: new MeshError('too-many', message) }]
    }
    this.#linkOf.set(endpoint, link)
    this.#endpointOf.set(link, endpoint)
    const introductions = this.#introductions(link, endpoint)
    if (older === undefined) return introductions
    this.#endpointOf.delete(older)
    const error = new MeshError('conflict', 'Link ended: the same endpoint opened a newer one')
    return [{ do: 'close-link', link: older, error }, ...introductions]
  }

  linkClosed(link: LinkId): RegistryAction[] {
    const endpoint = this.#endpointOf.get(link)
    if (endpoint === undefined) return []
    this.#endpointOf.delete(link)
    this.#linkOf.delete(endpoint)
    return []
  }

  askRelay(
    from: EndpointId,
    to: EndpointId,
    text: string,
    now: Ms,
    way: RelayWay = 'relay',
    payer: string = from,
  ): RegistryAction[] {
    // Expires nothing itself: were it to throw then, the halves that expired would never be told.
    const link = this.#linkOf.get(to)
    if (link === undefined) {
      throw new MeshError('offline', `Cannot reach endpoint ${to}: it is not connected to this hub`)
    }
    if (!this.#linkOf.has(from)) throw new MeshError('offline', 'Cannot open relay: your link has ended')
    const limit = this.#relayLimit(from) ?? this.#ticketLimit(from)
    if (limit !== undefined) {
      this.#refusedRelayCount += 1
      throw new MeshError('too-many', `Cannot open relay: ${limit}: try again later`)
    }
    if (this.#tickets.has(text)) throw new MeshError('bug', 'Cannot open relay: the ticket is in use')
    const isFirst = this.#tickets.size === 0
    const ticket: Ticket = { text, dial: from, accept: to, payer, way, askedAt: now }
    this.#tickets.set(text, ticket)
    add(this.#ticketCount, from, 1)
    return [{ do: 'send', link, event: introduction(ticket) }, ...(isFirst ? this.#wake() : [])]
  }

  present(half: HalfId, text: string, side: Side, by: EndpointId | undefined, now: Ms): RegistryAction[] {
    const expired = this.#expire(now)
    const ticket = this.#tickets.get(text)
    const holder = side === 'dial' ? ticket?.dial : ticket?.accept
    if (ticket === undefined || ticket.waiting?.side === side || (by !== undefined && by !== holder)) {
      const error = new MeshError(
        'bad-ticket',
        'Cannot join relay: ticket is unknown, used, expired or not yours',
      )
      return [...expired, { do: 'refuse', half, error }]
    }
    if (ticket.waiting === undefined) {
      ticket.waiting = { half, side }
      this.#waiting.set(half, ticket)
      return expired
    }
    const other = ticket.waiting.half
    const [dial, accept] = side === 'dial' ? [half, other] : [other, half]
    this.#forget(ticket)
    return [...expired, ...this.#join(ticket, dial, accept)]
  }

  halfClosed(half: HalfId): RegistryAction[] {
    const ticket = this.#waiting.get(half)
    // The ticket is used up: whoever saw its first use must not be able to present it again.
    if (ticket !== undefined) this.#forget(ticket)
    return []
  }

  relayClosed(relay: RelayId): RegistryAction[] {
    const ends = this.#relays.get(relay)
    if (ends === undefined) return []
    this.#relays.delete(relay)
    add(this.#relayCount, ends[0], -1)
    return []
  }

  evict(endpoints: readonly EndpointId[], error: MeshError): RegistryAction[] {
    const gone = new Set(endpoints)
    const actions: RegistryAction[] = []
    for (const endpoint of gone) {
      const link = this.#linkOf.get(endpoint)
      if (link === undefined) continue
      this.linkClosed(link)
      actions.push({ do: 'close-link', link, error })
    }
    for (const ticket of [...this.#tickets.values()]) {
      if (!gone.has(ticket.dial) && !gone.has(ticket.accept)) continue
      this.#forget(ticket)
      if (ticket.waiting !== undefined) actions.push({ do: 'refuse', half: ticket.waiting.half, error })
    }
    for (const [relay, [a, b]] of this.#relays) {
      if (gone.has(a) || gone.has(b)) actions.push({ do: 'cut', relay })
    }
    return actions
  }

  broadcast(event: HubEvent, to?: readonly EndpointId[]): RegistryAction[] {
    const links =
      to === undefined
        ? [...this.#linkOf.values()]
        : [...new Set(to)].flatMap(endpoint => this.#linkOf.get(endpoint) ?? [])
    return links.map(link => ({ do: 'send', link, event }))
  }

  tick(now: Ms): RegistryAction[] {
    return [...this.#expire(now), ...this.#wake()]
  }

  #expire(now: Ms): RegistryAction[] {
    const actions: RegistryAction[] = []
    for (const ticket of this.#tickets.values()) {
      // Either way: a clock that was set back must not keep tickets open for as long as it was set back.
      if (Math.abs(now - ticket.askedAt) < this.#limits.ticketLifeMs) break
      this.#forget(ticket)
      if (ticket.waiting === undefined) continue
      const error = new MeshError('timed-out', 'Cannot join relay: the other side did not come in time')
      actions.push({ do: 'refuse', half: ticket.waiting.half, error })
    }
    return actions
  }

  #wake(): RegistryAction[] {
    for (const { askedAt } of this.#tickets.values()) {
      return [{ do: 'wake', at: ms(askedAt + this.#limits.ticketLifeMs) }]
    }
    return []
  }

  #join(ticket: Ticket, dial: HalfId, accept: HalfId): RegistryAction[] {
    // Asked again: of many tickets opened below the limit, only as many may be used as reach it.
    const limit = this.#relayLimit(ticket.dial)
    if (limit !== undefined) {
      this.#refusedRelayCount += 1
      const error = new MeshError('too-many', `Cannot join relay: ${limit}: try again later`)
      return [dial, accept].map(half => ({ do: 'refuse', half, error }))
    }
    const relay = this.#nextRelay++ as RelayId
    this.#relays.set(relay, [ticket.dial, ticket.accept])
    add(this.#relayCount, ticket.dial, 1)
    const between = [ticket.dial, ticket.accept] as const
    return [{ do: 'join', relay, dial, accept, payer: ticket.payer, between }]
  }

  /** Which limit keeps an endpoint from one more relay, if any. */
  #relayLimit(dial: EndpointId): string | undefined {
    const { maxRelays, maxRelaysPerEndpoint } = this.#limits
    if (this.#relays.size >= maxRelays) return `hub carries ${maxRelays} relays`
    const isFull = (this.#relayCount.get(dial) ?? 0) >= maxRelaysPerEndpoint
    return isFull ? `endpoint has ${maxRelaysPerEndpoint} relays` : undefined
  }

  #ticketLimit(dial: EndpointId): string | undefined {
    const { maxOpenTicketsPerEndpoint } = this.#limits
    const isFull = (this.#ticketCount.get(dial) ?? 0) >= maxOpenTicketsPerEndpoint
    return isFull ? `endpoint has ${maxOpenTicketsPerEndpoint} tickets open` : undefined
  }

  #introductions(link: LinkId, endpoint: EndpointId): RegistryAction[] {
    return [...this.#tickets.values()]
      .filter(({ accept, waiting }) => accept === endpoint && waiting?.side !== 'accept')
      .map(ticket => ({ do: 'send', link, event: introduction(ticket) }))
  }

  #forget(ticket: Ticket): void {
    if (!this.#tickets.delete(ticket.text)) return
    if (ticket.waiting !== undefined) this.#waiting.delete(ticket.waiting.half)
    add(this.#ticketCount, ticket.dial, -1)
  }
}

function introduction({ text, dial, way }: Ticket): HubEvent {
  return { event: 'introduce', ticket: text, peer: dial, way }
}

function add(counts: Map<EndpointId, number>, endpoint: EndpointId, change: number): void {
  const count = (counts.get(endpoint) ?? 0) + change
  if (count > 0) counts.set(endpoint, count)
  else counts.delete(endpoint)
}
