import { MeshError } from '../../core/model/errors.ts'
import type { ServiceName } from '../../core/model/names.ts'
import type { Host } from '../../sdk/app.ts'
import { createExclusive } from '../../sdk/for-apps/exclusive.ts'
import type { IdentityTokens } from './identity-tokens.ts'
import { Inbound } from './inbound.ts'
import type { TunnelLimits } from './limits.ts'
import type { InboundInfo, InboundSetting, OutboundInfo, OutboundSetting } from './messages.ts'
import { Outbound } from './outbound.ts'
import {
  type EndKind,
  type InboundRecord,
  inboundRecordShape,
  type OutboundRecord,
  outboundRecordShape,
  readRecords,
  recordKey,
  toJson,
} from './records.ts'

/** The inbounds and outbounds of this endpoint, as they run and as they are kept. */
export class Ends implements AsyncDisposable {
  readonly #host: Host
  readonly #limits: TunnelLimits
  readonly #tokens: IdentityTokens
  readonly #inbounds = new Map<ServiceName, Inbound>()
  readonly #outbounds = new Map<ServiceName, Outbound>()
  // Two changes of one end, or a change and the keeping of its owner, must not cross.
  readonly #exclusive = createExclusive()
  #isDisposed = false

  constructor(host: Host, limits: TunnelLimits, tokens: IdentityTokens) {
    this.#host = host
    this.#tokens = tokens
    this.#limits = limits
  }

  /** Open everything that is kept. */
  async restore(): Promise<void> {
    await readRecords(this.#host, 'inbound', inboundRecordShape, (service, record) => {
      this.#inbounds.set(service, this.#createInbound(service, record))
    })
    await readRecords(this.#host, 'outbound', outboundRecordShape, (service, { setting, isPaused }) => {
      this.#outbounds.set(service, this.#createOutbound(service, setting, isPaused))
    })
    await Promise.all([...this.#inbounds.values(), ...this.#outbounds.values()].map(end => end.restore()))
  }

  /** All inbounds, by name. */
  inbounds(): InboundInfo[] {
    return [...this.#inbounds.values()].map(inbound => inbound.describe()).sort(byName)
  }

  /** All outbounds, by name. */
  outbounds(): OutboundInfo[] {
    return [...this.#outbounds.values()].map(outbound => outbound.describe()).sort(byName)
  }

  /** @throws MeshError `not-found` */
  inbound(service: ServiceName): InboundInfo {
    return this.#find('inbound', this.#inbounds, service).describe()
  }

  /** @throws MeshError `not-found` */
  outbound(service: ServiceName): OutboundInfo {
    return this.#find('outbound', this.#outbounds, service).describe()
  }

  /** The last requests to an outbound. @throws MeshError `not-found`, `bad-input` */
  requests(service: ServiceName, after: number): ReturnType<Outbound['requests']> {
    return this.#find('outbound', this.#outbounds, service).requests(after)
  }

  /**
   * Open an inbound, or change it.
   *
   * @throws MeshError as `Inbound.change`, or `too-many`
   */
  openInbound(service: ServiceName, setting: InboundSetting): Promise<InboundInfo> {
    return this.#alone('inbound', service, async () => {
      const save = (record: InboundRecord) => this.#save('inbound', service, record)
      const known = this.#inbounds.get(service)
      const inbound = known ?? this.#createInbound(service)
      if (known === undefined) this.#checkCount('inbound', this.#inbounds, service)
      try {
        await inbound.change(setting, save)
      } catch (error) {
        if (known === undefined) await inbound[Symbol.asyncDispose]()
        throw error
      }
      this.#inbounds.set(service, inbound)
      return inbound.describe()
    })
  }

  /**
   * Open an outbound, or change it.
   *
   * @throws MeshError as `Outbound.open` and `Outbound.change`, or `too-many`
   */
  openOutbound(service: ServiceName, setting: OutboundSetting): Promise<OutboundInfo> {
    return this.#alone('outbound', service, async () => {
      const save = (record: OutboundRecord) => this.#save('outbound', service, record)
      const known = this.#outbounds.get(service)
      if (known !== undefined) {
        await known.change(setting, save)
        return known.describe()
      }
      this.#checkCount('outbound', this.#outbounds, service)
      const outbound = this.#createOutbound(service, setting)
      try {
        await outbound.open(save)
      } catch (error) {
        await outbound[Symbol.asyncDispose]()
        throw error
      }
      this.#outbounds.set(service, outbound)
      return outbound.describe()
    })
  }

  /** Pause an inbound, or resume it. @throws MeshError `not-found` */
  pauseInbound(service: ServiceName, isPaused: boolean): Promise<InboundInfo> {
    return this.#alone('inbound', service, async () => {
      const inbound = this.#find('inbound', this.#inbounds, service)
      await inbound.pause(isPaused, record => this.#save('inbound', service, record))
      return inbound.describe()
    })
  }

  /** Pause an outbound, or resume it. @throws MeshError `not-found` */
  pauseOutbound(service: ServiceName, isPaused: boolean): Promise<OutboundInfo> {
    return this.#alone('outbound', service, async () => {
      const outbound = this.#find('outbound', this.#outbounds, service)
      await outbound.pause(isPaused, record => this.#save('outbound', service, record))
      return outbound.describe()
    })
  }

  /** Close an inbound and its connections. @throws MeshError `not-found` */
  closeInbound(service: ServiceName): Promise<undefined> {
    return this.#alone('inbound', service, () => this.#close('inbound', this.#inbounds, service))
  }

  /** Close an outbound and its connections. @throws MeshError `not-found` */
  closeOutbound(service: ServiceName): Promise<undefined> {
    return this.#alone('outbound', service, () => this.#close('outbound', this.#outbounds, service))
  }

  /** Stop everything; what is kept stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true
    // A change that is under way would open ports that nobody closes.
    await this.#exclusive.whenIdle()
    await Promise.all(
      [...this.#inbounds.values(), ...this.#outbounds.values()].map(end => end[Symbol.asyncDispose]()),
    )
  }

  #createInbound(service: ServiceName, record?: InboundRecord): Inbound {
    const onOwner = () => void this.#keepOwner(service)
    return new Inbound({ host: this.#host, service, limits: this.#limits, onOwner }, record)
  }

  #createOutbound(service: ServiceName, setting: OutboundSetting, isPaused?: boolean): Outbound {
    const parts = { host: this.#host, service, limits: this.#limits, tokens: this.#tokens }
    return new Outbound(parts, setting, isPaused)
  }

  async #keepOwner(service: ServiceName): Promise<void> {
    if (this.#isDisposed) return
    try {
      await this.#alone('inbound', service, async () => {
        const inbound = this.#inbounds.get(service)
        // Closed meanwhile: keeping it now would bring it back at the next start.
        if (inbound !== undefined) await this.#save('inbound', service, inbound.record())
      })
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown)
      this.#host.log.warn('tunnel.owner-not-kept', { service, reason })
    }
  }

  #alone<T>(kind: EndKind, service: ServiceName, work: () => Promise<T>): Promise<T> {
    return this.#exclusive.run(recordKey(kind, service), async () => {
      if (this.#isDisposed)
        throw new MeshError('offline', `Cannot change ${kind} "${service}": the app is stopping`)
      return work()
    })
  }

  #save(kind: EndKind, service: ServiceName, record: InboundRecord | OutboundRecord): Promise<void> {
    return this.#host.storage.put(recordKey(kind, service), toJson(record))
  }

  async #close(
    kind: EndKind,
    ends: Map<ServiceName, AsyncDisposable>,
    service: ServiceName,
  ): Promise<undefined> {
    const end = this.#find(kind, ends, service)
    // First what is kept: one that is closed must not come back, even if the agent dies now.
    await this.#host.storage.delete(recordKey(kind, service))
    ends.delete(service)
    await end[Symbol.asyncDispose]()
    return undefined
  }

  #find<E>(kind: EndKind, ends: ReadonlyMap<ServiceName, E>, service: ServiceName): E {
    const end = ends.get(service)
    if (end !== undefined) return end
    const { name } = this.#host.endpoint
    throw new MeshError(
      'not-found',
      `Cannot find ${kind} "${service}" at endpoint "${name}": it is not open there`,
    )
  }

  #checkCount(kind: EndKind, ends: ReadonlyMap<ServiceName, unknown>, service: ServiceName): void {
    if (ends.size < this.#limits.maxEnds) return
    throw new MeshError(
      'too-many',
      `Cannot open ${kind} "${service}": ${this.#limits.maxEnds} are open: close one first`,
    )
  }
}

function byName(a: { protocol: string; name: string }, b: { protocol: string; name: string }): number {
  return a.protocol.localeCompare(b.protocol) || a.name.localeCompare(b.name)
}
