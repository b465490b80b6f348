import type { Access } from '../../core/api/shapes.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { protocolOf, type ServiceName } from '../../core/model/names.ts'
import type { Host, Hosting, Incoming } from '../../sdk/app.ts'
import { createRateLimitedLog, type RateLimitedLog } from '../../sdk/for-apps/rate-limited-log.ts'
import { createHttpWay, type HttpWay } from './http-way.ts'
import type { IdentityTokens } from './identity-tokens.ts'
import type { Traffic } from './intake.ts'
import type { TunnelLimits } from './limits.ts'
import type { OutboundInfo, OutboundSetting } from './messages.ts'
import { createJoiningWay, type OutboundWay } from './outbound-way.ts'
import { PauseSwitch } from './pause-switch.ts'
import { type OutboundRecord, partsOf } from './records.ts'

/** What an outbound needs. */
export interface OutboundOptions {
  readonly host: Host
  readonly service: ServiceName
  readonly limits: TunnelLimits
  /** Of this endpoint. */
  readonly tokens: IdentityTokens
}

/** The end of a tunnel that hosts its service: streams that arrive go on to the targets. */
export class Outbound implements AsyncDisposable {
  readonly #options: OutboundOptions
  #way: OutboundWay
  readonly #warn: RateLimitedLog
  #setting: OutboundSetting
  #hosting: Hosting | undefined
  #serving: Promise<void> | undefined
  #error: MeshError | undefined
  #isDisposed = false
  readonly #pause: PauseSwitch
  /** Of ways that are closed by now. */
  #earlier: Traffic = { sentBytes: 0, receivedBytes: 0, droppedCount: 0 }
  #retryMs: number
  #cancelRetry: (() => void) | undefined
  #totalCount = 0
  #failedCount = 0
  #lastError: string | undefined

  /** An outbound that is not hosted yet: see `restore`, `open`. */
  constructor(options: OutboundOptions, setting: OutboundSetting, isPaused = false) {
    const { host, service, limits } = options
    checkTargets(service, setting)
    this.#options = options
    this.#setting = setting
    this.#pause = new PauseSwitch(isPaused)
    this.#retryMs = limits.firstRetryMs
    this.#warn = createRateLimitedLog(host, 'tunnel.stream-refused', limits.logIntervalMs)
    this.#way = this.#createWay(setting)
  }

  /** Host what was kept. Where that fails it is tried again and again. */
  async restore(): Promise<void> {
    this.#cancelRetry?.()
    if (this.#pause.isPaused) return
    try {
      await this.#serve()
      this.#error = undefined
    } catch (thrown) {
      this.#error = toMeshError(thrown)
      const { host, service, limits } = this.#options
      host.log.warn('tunnel.not-hosted', { service, code: this.#error.code, reason: this.#error.message })
      if (this.#isDisposed || this.#pause.isPaused) return
      this.#cancelRetry = host.after(this.#retryMs, () => void this.restore())
      this.#retryMs = Math.min(this.#retryMs * 2, limits.longestRetryMs)
    }
  }

  /**
   * Host it for the first time.
   *
   * @param save  makes it last; it is not hosted if that throws
   * @throws MeshError `name-taken`, `conflict`
   */
  async open(save: (record: OutboundRecord) => Promise<void>): Promise<void> {
    await this.#serve()
    await save(this.record())
  }

  /**
   * Become what `setting` says. Open connections stay, but those of people who no longer may.
   *
   * @param save  makes it last; nothing changes if it throws
   */
  async change(setting: OutboundSetting, save: (record: OutboundRecord) => Promise<void>): Promise<void> {
    checkTargets(this.#options.service, setting)
    if (setting.http !== undefined) await this.#options.tokens.prepare()
    await save({ ...this.record(), setting })
    const isOther = (setting.http === undefined) !== (this.#setting.http === undefined)
    this.#setting = setting
    if (isOther) this.#renewWay()
    if (this.#hosting === undefined) await this.restore()
    if (this.#hosting === undefined) return
    // First who may, then what: nobody who is shut out by this change gets to a new target.
    await this.#hosting.update(accessOf(setting))
    this.#way.set(setting)
  }

  /**
   * Host it no longer and break every connection, or host it again.
   *
   * @param save  makes it last; nothing changes if it throws
   */
  async pause(isPaused: boolean, save: (record: OutboundRecord) => Promise<void>): Promise<void> {
    if (!(await this.#pause.change(isPaused, () => save(this.record())))) return
    if (!isPaused) return this.restore()
    this.#cancelRetry?.()
    this.#error = undefined
    await this.#serving?.catch(() => {})
    const hosting = this.#hosting
    this.#hosting = undefined
    this.#renewWay()
    await hosting?.[Symbol.asyncDispose]()
  }

  /** The last requests behind a number. @throws MeshError `bad-input` if it reads none */
  requests(after: number): ReturnType<HttpWay['requests']['since']> {
    if ('requests' in this.#way) return (this.#way as HttpWay).requests.since(after)
    const { service } = this.#options
    throw new MeshError(
      'bad-input',
      `Cannot list requests to "${service}": it joins connections, and reads none`,
    )
  }

  /** What must be kept of it. */
  record(): OutboundRecord {
    return { version: 1, setting: this.#setting, ...(this.#pause.isPaused && { isPaused: true }) }
  }

  describe(): OutboundInfo {
    const { service } = this.#options
    const { entrances, users, groups, policies, balance, isRange, isProbed } = this.#setting
    const error = this.#error ?? this.#hosting?.error
    return {
      ...partsOf(service),
      ...this.#way.describe(),
      entrances: [...entrances],
      users: [...users],
      ...(groups !== undefined && { groups: [...groups] }),
      ...(policies === true && { policies }),
      balance,
      isRange,
      isProbed,
      ...(this.#pause.isPaused && { isPaused: true }),
      health: this.#way.health,
      ...(error !== undefined && { error: error.message }),
      connectionCount: this.#way.count(),
      totalCount: this.#totalCount,
      failedCount: this.#failedCount,
      ...this.#traffic(),
      ...(this.#lastError !== undefined && { lastError: this.#lastError }),
    }
  }

  /** Host it no longer and break every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true
    this.#cancelRetry?.()
    this.#way.close()
    await this.#hosting?.[Symbol.asyncDispose]()
  }

  /** Once at a time: a change may come while hosting is tried again. */
  async #serve(): Promise<void> {
    if (this.#hosting !== undefined) return
    this.#serving ??= this.#beginServing().finally(() => {
      this.#serving = undefined
    })
    await this.#serving
  }

  async #beginServing(): Promise<void> {
    const { host, service, tokens } = this.#options
    if (this.#setting.http !== undefined) await tokens.prepare()
    const hosting = await host.serve(service, {
      access: accessOf(this.#setting),
      onStream: incoming => void this.#receive(incoming),
    })
    if (this.#isDisposed || this.#pause.isPaused) {
      await hosting[Symbol.asyncDispose]()
      return
    }
    this.#hosting = hosting
    this.#way.set(this.#setting)
    if (this.#way.health !== 'unknown') hosting.report(this.#way.health)
  }

  async #receive(incoming: Incoming): Promise<void> {
    this.#totalCount += 1
    try {
      await this.#way.receive(incoming)
    } catch (thrown) {
      const error = toMeshError(thrown)
      // Given up by the dialler: nobody hears the refusal, and nothing is wrong here.
      if (!incoming.signal.aborted) this.#fail(error)
      incoming.refuse(error)
    }
  }

  /** Break off what the way carries, and take another. */
  #renewWay(): void {
    this.#earlier = this.#traffic()
    this.#way.close()
    this.#way = this.#createWay(this.#setting)
  }

  #traffic(): Traffic {
    const { sentBytes, receivedBytes, droppedCount } = this.#way.traffic()
    const before = this.#earlier
    return {
      sentBytes: before.sentBytes + sentBytes,
      receivedBytes: before.receivedBytes + receivedBytes,
      droppedCount: before.droppedCount + droppedCount,
    }
  }

  #createWay({ http }: OutboundSetting): OutboundWay {
    const { host, service, limits, tokens } = this.#options
    const onHealth = (health: OutboundInfo['health']) => {
      host.log.info('tunnel.health', { service, health })
      this.#hosting?.report(health)
    }
    if (http !== undefined) return createHttpWay({ host, service, limits, tokens, onHealth })
    return createJoiningWay(protocolOf(service), { host, limits, onHealth })
  }

  #fail(error: MeshError): void {
    this.#failedCount += 1
    this.#lastError = error.message
    const { service } = this.#options
    this.#warn(error.code, { service, code: error.code, reason: error.message })
  }
}

function accessOf({ users, groups, entrances, policies }: OutboundSetting): Access {
  return { users, entrances, ...(groups && { groups }), ...(policies === true && { policies }) }
}

function checkTargets(service: ServiceName, { targets, http }: OutboundSetting): void {
  if (protocolOf(service) === 'udp' && http !== undefined)
    throw new MeshError('bad-input', `Cannot route requests of "${service}": HTTP needs a service of TCP`)
  if (protocolOf(service) === 'udp' && targets.some(target => 'unix' in target)) {
    throw new MeshError('bad-input', `Cannot use unix sockets as targets of "${service}": UDP has none`)
  }
}
