import assert from 'node:assert/strict'
import type { HubEvent } from '../core/api/events.ts'
import type { Eviction } from '../core/api/shapes.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { EndpointId, LinkId } from '../core/model/ids.ts'
import { ms } from '../core/model/time.ts'
import {
  createRegistry,
  type HalfId,
  type Registry,
  type RegistryAction,
  type RegistryLimits,
  type RelayId,
  type Side,
} from '../core/registry/registry.ts'
import type { VirtualTime } from './virtual-time.ts'
import type { VirtualWire } from './virtual-wire.ts'

/** Whoever opens a link to a virtual hub. */
export interface Visitor {
  readonly endpoint: EndpointId
  greeted(evictions: readonly Eviction[]): void
  heard(event: HubEvent): void
  /** The last words of the hub on this link. */
  refused(error: MeshError): void
}

interface LinkEnd {
  readonly visitor: Visitor
  readonly wire: VirtualWire
  isClosing: boolean
}

interface Half {
  readonly ticket: string
  readonly side: Side
  readonly owner: EndpointId
}

/**
 * A hub in virtual time: the registry of the real one, and the edge around it. What the registry says is checked as it
 * is carried out; a wrong join throws.
 */
export class VirtualHub {
  readonly #time: VirtualTime
  readonly #random: () => number
  readonly #limits: RegistryLimits
  /** Survive the hub, as they are in its store. */
  readonly #evictions = new Map<string, Eviction>()
  #registry: Registry
  #links = new Map<LinkId, LinkEnd>()
  #linkOfWire = new Map<VirtualWire, LinkId>()
  #halves = new Map<HalfId, Half>()
  #relays = new Map<RelayId, readonly [EndpointId, EndpointId]>()
  #usedTickets = new Set<string>()
  #callOffWake: (() => void) | undefined
  #wakeAt = Number.POSITIVE_INFINITY
  /** Counts the lives of the hub: what was under way in an earlier one is void. */
  #life = 1
  #nextId = 1
  isUp = true
  /** When connections came in, ms of virtual time. */
  arrivals: number[] = []
  joinCount = 0
  refusedCount = 0

  constructor(time: VirtualTime, random: () => number, limits: RegistryLimits) {
    this.#time = time
    this.#random = random
    this.#limits = limits
    this.#registry = createRegistry(limits)
  }

  get registry(): Registry {
    return this.#registry
  }

  /** The process ends; the operating system breaks its connections. */
  kill(): void {
    this.isUp = false
    this.#life += 1
    for (const { wire } of this.#links.values()) wire.close('hub')
    this.#callOffWake?.()
    this.#wakeAt = Number.POSITIVE_INFINITY
    this.#links = new Map()
    this.#linkOfWire = new Map()
    this.#halves = new Map()
    this.#relays = new Map()
    this.#registry = createRegistry(this.#limits)
  }

  start(): void {
    this.isUp = true
  }

  /** A connection came in. @returns whether anybody listens */
  arrive(): boolean {
    if (this.isUp) this.arrivals.push(this.#time.now())
    return this.isUp
  }

  /** The handshake is done. */
  accept(visitor: Visitor, wire: VirtualWire): void {
    const isEvicted = [...this.#evictions.values()].some(({ endpoint }) => endpoint === visitor.endpoint)
    if (!this.isUp) wire.close('hub')
    else if (isEvicted) this.#hangUp(visitor, wire, new MeshError('evicted', 'Cannot open link: evicted'))
    else this.#openLink(visitor, wire)
  }

  #openLink(visitor: Visitor, wire: VirtualWire): void {
    const link = this.#nextId++ as LinkId
    this.#links.set(link, { visitor, wire, isClosing: false })
    this.#linkOfWire.set(wire, link)
    const evictions = [...this.#evictions.values()]
    wire.send('agent', () => visitor.greeted(evictions))
    this.#drive(this.#registry.linkOpened(link, visitor.endpoint))
  }

  /** A wire was closed, or fell silent. */
  wireClosed(wire: VirtualWire): void {
    const link = this.#linkOfWire.get(wire)
    if (link !== undefined) this.#linkClosed(link)
  }

  /** @returns a ticket, or why there is none */
  ask(from: EndpointId, to: EndpointId): string | MeshError {
    const ticket = `ticket ${this.#nextId++}`
    try {
      this.#drive(this.#registry.askRelay(from, to, ticket, this.#time.now()))
      return ticket
    } catch (error) {
      this.refusedCount += 1
      return toMeshError(error)
    }
  }

  /** @returns a function by which the half goes away */
  present(owner: EndpointId, ticket: string, side: Side, isOverLink: boolean): () => void {
    if (!this.isUp) return () => {}
    const half = this.#nextId++ as HalfId
    this.#halves.set(half, { ticket, side, owner })
    const by = isOverLink ? owner : undefined
    this.#drive(this.#registry.present(half, ticket, side, by, this.#time.now()))
    return this.#inThisLife(() => {
      if (this.#halves.delete(half)) this.#drive(this.#registry.halfClosed(half))
    })
  }

  evict(endpoint: EndpointId): string {
    const id = `eviction ${this.#nextId++}`
    const eviction = {
      id,
      user: 'user',
      endpoint,
      beforeMs: this.#time.now(),
      by: 'root',
    } as unknown as Eviction
    this.#evictions.set(id, eviction)
    if (!this.isUp) return id
    this.#drive(this.#registry.broadcast({ event: 'evicted', eviction }))
    this.#drive(this.#registry.evict([endpoint], new MeshError('evicted', 'Link ended: evicted')))
    return id
  }

  undoEviction(id: string): void {
    this.#evictions.delete(id)
  }

  /** Undo all evictions. */
  forgive(): void {
    this.#evictions.clear()
  }

  /** Compare the registry with what is really there. */
  check(): void {
    const open = [...this.#links.values()].filter(({ isClosing }) => !isClosing)
    const endpoints = new Set(open.map(({ visitor }) => visitor.endpoint))
    assert.equal(this.#registry.linkCount, endpoints.size, 'links')
    for (const endpoint of endpoints) {
      const link = this.#registry.linkOf(endpoint)
      assert.equal(
        link && this.#links.get(link)?.visitor.endpoint,
        endpoint,
        'a link that is gone, or not theirs',
      )
    }
    assert.equal(this.#registry.relayCount, this.#relays.size, 'relays')
    assert.ok(this.#halves.size <= this.#registry.openTicketCount, 'more halves wait than tickets are open')
    const { linkCount, relayCount, openTicketCount, entryCount } = this.#registry
    assert.ok(entryCount <= 2 * linkCount + 2 * relayCount + 3 * openTicketCount, 'entries of what is gone')
    assert.ok(openTicketCount === 0 || this.#wakeAt < Number.POSITIVE_INFINITY, 'tickets without a wake')
  }

  #drive(actions: readonly RegistryAction[]): void {
    for (const action of actions) {
      switch (action.do) {
        case 'send': {
          const end = this.#links.get(action.link)
          end?.wire.send('agent', () => end.visitor.heard(action.event))
          break
        }
        case 'close-link':
          this.#closeLink(action.link, action.error)
          break
        case 'join':
          this.#join(action.relay, action.dial, action.accept)
          break
        case 'refuse':
          assert.ok(this.#halves.delete(action.half), 'refused a half that is not there')
          break
        case 'cut':
          this.#later(50, () => this.#relayClosed(action.relay))
          break
        case 'wake':
          this.#wake(action.at)
          break
        default:
          action satisfies never
      }
    }
  }

  #closeLink(link: LinkId, error: MeshError): void {
    const end = this.#links.get(link)
    assert.ok(end !== undefined, 'closed a link that is not there')
    end.isClosing = true
    this.#hangUp(end.visitor, end.wire, error)
    // The edge hears of the end of its own connection later.
    this.#later(250, () => this.#linkClosed(link))
  }

  #hangUp(visitor: Visitor, wire: VirtualWire, error: MeshError): void {
    wire.send('agent', () => visitor.refused(error))
    wire.close('hub')
  }

  #linkClosed(link: LinkId): void {
    const end = this.#links.get(link)
    if (end === undefined) return
    this.#links.delete(link)
    this.#linkOfWire.delete(end.wire)
    this.#drive(this.#registry.linkClosed(link))
  }

  #join(relay: RelayId, dial: HalfId, accept: HalfId): void {
    const [a, b] = [this.#halves.get(dial), this.#halves.get(accept)]
    assert.ok(a !== undefined && b !== undefined, 'joined a half that is gone')
    assert.deepEqual([a.side, b.side, b.ticket], ['dial', 'accept', a.ticket])
    assert.ok(!this.#usedTickets.has(a.ticket), 'joined a ticket twice')
    for (const { endpoint } of this.#evictions.values()) {
      assert.ok(endpoint !== a.owner && endpoint !== b.owner, 'joined an endpoint that is evicted')
    }
    this.#usedTickets.add(a.ticket)
    this.#halves.delete(dial)
    this.#halves.delete(accept)
    this.#relays.set(relay, [a.owner, b.owner])
    this.joinCount += 1
    this.#later(60_000, () => this.#relayClosed(relay))
  }

  #relayClosed(relay: RelayId): void {
    if (this.#relays.delete(relay)) this.#drive(this.#registry.relayClosed(relay))
  }

  #wake(at: number): void {
    if (this.#wakeAt <= at) return
    this.#callOffWake?.()
    this.#wakeAt = at
    this.#callOffWake = this.#time.after(at - this.#time.now(), () => {
      this.#wakeAt = Number.POSITIVE_INFINITY
      this.#drive(this.#registry.tick(ms(this.#time.now())))
    })
  }

  #later(withinMs: number, call: () => void): void {
    this.#time.after(this.#random() * withinMs, this.#inThisLife(call))
  }

  #inThisLife(call: () => void): () => void {
    const life = this.#life
    return () => {
      if (life === this.#life) call()
    }
  }
}
