import type { Address } from '../../core/model/address.ts'
import { type MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Host, Listener } from '../../sdk/app.ts'
import type { TunnelLimits } from './limits.ts'

/** What a place needs to open its port. */
export interface ListenPlaceOptions {
  readonly host: Host
  /** As it was asked for; port 0 lets the computer choose. */
  readonly asked: Address
  /** The port that was chosen before, for one asked as 0. */
  readonly chosenPort: number | undefined
  readonly listen: (at: Address, place: ListenPlace) => Promise<Listener>
  readonly limits: TunnelLimits
}

/**
 * One address an inbound listens at. *Closed* until `open`; then *open*, or *failed* and tried again with backoff
 * until it opens or is closed.
 */
export class ListenPlace {
  readonly asked: Address
  /** Which port of a range it is, if it is one of several: the other end knows it by that. */
  rangeIndex: number | undefined
  readonly #options: ListenPlaceOptions
  #listener: Listener | undefined
  #chosenPort: number | undefined
  #error: MeshError | undefined
  #cancelRetry: (() => void) | undefined
  #retryMs: number
  /** Counts openings and closings: an attempt that ends after a later one began is out of date. */
  #generation = 0

  constructor(options: ListenPlaceOptions) {
    this.#options = options
    this.asked = options.asked
    this.#chosenPort = options.chosenPort
    this.#retryMs = options.limits.firstRetryMs
  }

  get isOpen(): boolean {
    return this.#listener !== undefined
  }

  /** Why it is not open. */
  get error(): MeshError | undefined {
    return this.#error
  }

  /** The port the computer chose for one asked as 0. */
  get chosenPort(): number | undefined {
    return this.#chosenPort
  }

  /** Where it listens, or will. */
  get port(): number {
    return this.asked.port === 0 ? (this.#chosenPort ?? 0) : this.asked.port
  }

  /** Open the port. Never throws: see `error`. */
  async open(): Promise<void> {
    this.#cancelRetry?.()
    const generation = ++this.#generation
    try {
      const listener = await this.#listen()
      if (generation !== this.#generation) {
        await listener[Symbol.asyncDispose]()
        return
      }
      this.#listener = listener
      this.#error = undefined
      this.#retryMs = this.#options.limits.firstRetryMs
      if (this.asked.port === 0) this.#chosenPort = listener.address.port
    } catch (thrown) {
      if (generation === this.#generation) this.#fail(toMeshError(thrown))
    }
  }

  /** Stop listening, and trying to. */
  async close(): Promise<void> {
    this.#generation += 1
    this.#cancelRetry?.()
    const listener = this.#listener
    this.#listener = undefined
    await listener?.[Symbol.asyncDispose]()
  }

  async #listen(): Promise<Listener> {
    const { listen } = this.#options
    if (this.asked.port !== 0 || this.#chosenPort === undefined) return listen(this.asked, this)
    try {
      return await listen({ host: this.asked.host, port: this.#chosenPort }, this)
    } catch {
      // Somebody else has it meanwhile. It was never promised to anybody: any other will do.
      return listen(this.asked, this)
    }
  }

  #fail(error: MeshError): void {
    const { host, limits } = this.#options
    this.#error = error
    this.#cancelRetry = host.after(this.#retryMs, () => void this.open())
    this.#retryMs = Math.min(this.#retryMs * 2, limits.longestRetryMs)
  }
}
