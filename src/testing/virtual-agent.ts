import assert from 'node:assert/strict'
import type { HubEvent } from '../core/api/events.ts'
import type { Eviction } from '../core/api/shapes.ts'
import { createLinkMachine, type LinkAction, type LinkMachine } from '../core/link/link.ts'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Side } from '../core/registry/registry.ts'
import type { VirtualHub, Visitor } from './virtual-hub.ts'
import type { VirtualTime } from './virtual-time.ts'
import { createVirtualWire, type VirtualWire, type WireTimes } from './virtual-wire.ts'

/** What a virtual agent lives in. */
export interface VirtualAgentOptions {
  readonly endpoint: EndpointId
  readonly time: VirtualTime
  readonly random: () => number
  readonly hub: VirtualHub
  readonly wireTimes: WireTimes
  /** Share of halves with which something goes wrong: never presented, presented twice, given up. */
  readonly mischief: number
}

/** An agent in virtual time: the link machine of the real one, and the edge around it. */
export class VirtualAgent implements Visitor {
  readonly endpoint: EndpointId
  readonly #options: VirtualAgentOptions
  readonly #machine: LinkMachine
  #wire: VirtualWire | undefined
  #lastWords: MeshError | undefined
  #callOffWake: (() => void) | undefined
  #wakeAt = Number.POSITIVE_INFINITY
  /** Evictions this agent has heard of, each with the time. */
  readonly heardOf = new Map<string, number>()

  constructor(options: VirtualAgentOptions) {
    this.#options = options
    this.endpoint = options.endpoint
    this.#machine = createLinkMachine(['hub:8888'], options.random)
  }

  get state(): LinkMachine['state']['state'] {
    return this.#machine.state.state
  }

  start(): void {
    this.#perform(this.#machine.start(this.#options.time.now()))
  }

  stop(): void {
    this.#machine.stop()
    const wire = this.#wire
    this.#wire = undefined
    wire?.close('agent')
  }

  /** The link breaks, and both ends hear of it. */
  breakLink(): void {
    const wire = this.#wire
    if (wire === undefined) return
    wire.close('agent')
    this.#lost(wire)
  }

  /** The link falls silent: a cable is pulled. */
  silenceLink(): void {
    this.#wire?.cut()
  }

  /** Ask the hub for a relay to a peer and present its ticket. */
  dial(peer: EndpointId): void {
    const wire = this.#wire
    if (this.state !== 'online' || wire === undefined) return
    wire.send('hub', () => {
      const ticket = this.#options.hub.ask(this.endpoint, peer)
      if (typeof ticket === 'string') wire.send('agent', () => this.#present(ticket, 'dial'))
    })
  }

  greeted(evictions: readonly Eviction[]): void {
    for (const { id } of evictions) this.#hearOf(id)
    this.#perform(this.#machine.connected(this.#options.time.now()))
  }

  heard(event: HubEvent): void {
    if (event.event === 'evicted') this.#hearOf(event.eviction.id)
    if (event.event === 'introduce') this.#present(event.ticket, 'accept')
  }

  refused(error: MeshError): void {
    this.#lastWords = error
  }

  /** There is exactly one way forward. */
  check(): void {
    const { state } = this.#machine
    const hasTry = this.#wire?.isOpen('agent') === true
    if (state.state === 'stopped') assert.ok(!hasTry, 'stopped, but connected')
    else if (state.state === 'waiting') {
      assert.ok(!hasTry && this.#wakeAt <= state.until, 'waiting, but for nothing')
    } else assert.ok(hasTry, `${state.state}, but without a connection`)
  }

  #hearOf(eviction: string): void {
    if (!this.heardOf.has(eviction)) this.heardOf.set(eviction, this.#options.time.now())
  }

  #perform(actions: readonly LinkAction[]): void {
    for (const action of actions) {
      if (action.do === 'connect') this.#connect()
      else if (action.do === 'wake') this.#wake(action.at)
    }
  }

  #wake(at: number): void {
    const { time } = this.#options
    if (this.#wakeAt <= at) return
    this.#callOffWake?.()
    this.#wakeAt = at
    this.#callOffWake = time.after(at - time.now(), () => {
      this.#wakeAt = Number.POSITIVE_INFINITY
      this.#perform(this.#machine.tick(time.now()))
    })
  }

  /** A round trip for TCP, one for TLS; the greeting comes back with the third. */
  #connect(): void {
    const { time, random, hub, wireTimes } = this.#options
    this.#lastWords = undefined
    const wire: VirtualWire = createVirtualWire(time, random, wireTimes, end => {
      if (end === 'hub') hub.wireClosed(wire)
      else this.#lost(wire)
    })
    this.#wire = wire
    wire.send('hub', () => {
      if (!hub.arrive()) wire.close('hub')
      else wire.send('agent', () => wire.send('hub', () => hub.accept(this, wire)))
    })
  }

  #lost(wire: VirtualWire): void {
    if (this.#wire !== wire) return
    this.#wire = undefined
    const error = this.#lastWords ?? new MeshError('link-closed', 'Link to hub ended')
    this.#perform(this.#machine.lost(error, this.#options.time.now()))
  }

  /** Over a connection of its own, or over the link. */
  #present(ticket: string, side: Side): void {
    const { time, random, hub, wireTimes, mischief } = this.#options
    const fate = random() / mischief
    if (fate < 1 / 3) return
    const isOverLink = random() < 0.3
    const present = () => hub.present(this.endpoint, ticket, side, isOverLink)
    time.after(3 * wireTimes.latencyMs, () => {
      const giveUp = present()
      if (fate < 2 / 3) present()
      else if (fate < 1) time.after(random() * 2_000, giveUp)
    })
  }
}
