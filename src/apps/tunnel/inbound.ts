import type { Address } from '../../core/model/address.ts'
import { formatAddress } from '../../core/model/address.ts'
import { MeshError } from '../../core/model/errors.ts'
import { protocolOf, type ServiceName } from '../../core/model/names.ts'
import type { Host } from '../../sdk/app.ts'
import type { Intake } from './intake.ts'
import type { TunnelLimits } from './limits.ts'
import { ListenPlace } from './listen-place.ts'
import type { InboundInfo, InboundSetting } from './messages.ts'
import { PauseSwitch } from './pause-switch.ts'
import { createPinnedDialer, type PinnedDialer } from './pinned-dialer.ts'
import { type InboundRecord, partsOf } from './records.ts'
import { createTcpIntake } from './tcp-intake.ts'
import { createUdpIntake } from './udp-intake.ts'

/** What an inbound needs. */
export interface InboundOptions {
  readonly host: Host
  readonly service: ServiceName
  readonly limits: TunnelLimits
  /** Keep what `record` says now; called when the owner was met. */
  readonly onOwner: () => void
}

/** The end of a tunnel that listens: whatever comes to its ports goes to the service through the mesh. */
export class Inbound implements AsyncDisposable {
  readonly #options: InboundOptions
  readonly #dialer: PinnedDialer
  readonly #intake: Intake
  #setting: InboundSetting
  #places: readonly ListenPlace[] = []
  readonly #pause: PauseSwitch

  /** An inbound as it was kept, or a new one that has no listen yet. Nothing is opened: see `restore`, `change`. */
  constructor(options: InboundOptions, record?: InboundRecord) {
    const { host, service, limits } = options
    this.#options = options
    this.#pause = new PauseSwitch(record?.isPaused === true)
    this.#setting = record?.setting ?? { listens: [], exits: [] }
    this.#dialer = createPinnedDialer({
      host,
      service,
      owner: record?.owner,
      onOwner: options.onOwner,
      logIntervalMs: limits.logIntervalMs,
    })
    this.#dialer.exits = this.#setting.exits
    const createIntake = protocolOf(service) === 'udp' ? createUdpIntake : createTcpIntake
    this.#intake = createIntake(host, {
      service,
      dialer: this.#dialer,
      limits,
    })
    this.#places = this.#setting.listens.map((listen, i) =>
      this.#createPlace({ host: listen.ip, port: listen.port }, record?.chosenPorts[i] || undefined),
    )
    numberRanges(this.#places)
  }

  /** Open what was kept. A port that cannot be opened is tried again and again. */
  async restore(): Promise<void> {
    if (this.#pause.isPaused) return
    await Promise.all(this.#places.map(place => place.open()))
    for (const place of this.#places) {
      if (place.error !== undefined) this.#logUnopened(place, place.error)
    }
    this.#dialer.prepare()
  }

  /**
   * Become what `setting` says. Listens that stay keep their connections. If all are new at least one must open,
   * else nothing changes; the others are tried again and again. One that is paused stays so, and opens nothing.
   *
   * @param save  makes it last; nothing changes if it throws
   * @throws MeshError `port-in-use`, `not-permitted`, `bad-input`
   */
  async change(setting: InboundSetting, save: (record: InboundRecord) => Promise<void>): Promise<void> {
    checkListens(setting.listens)
    const before = this.#places
    const places = this.#arrange(setting)
    const added = places.filter(place => !before.includes(place))
    const removed = before.filter(place => !places.includes(place))
    numberRanges(places)
    try {
      if (!this.#pause.isPaused) await openBeside(added, removed)
      const error = added.find(place => place.error !== undefined)?.error
      if (error !== undefined && added.length === places.length && !added.some(place => place.isOpen))
        throw error
      await save(this.#recordOf(setting, places))
    } catch (error) {
      numberRanges(before)
      await Promise.all(added.map(place => place.close()))
      if (!this.#pause.isPaused) await Promise.all(removed.map(place => place.isOpen || place.open()))
      throw error
    }
    this.#setting = setting
    this.#places = places
    this.#dialer.exits = setting.exits
    for (const place of removed) {
      await place.close()
      this.#intake.drop(place)
    }
    if (!this.#pause.isPaused) this.#dialer.prepare()
  }

  /**
   * Stop listening and break every connection, or listen again. Ports that somebody else took meanwhile are tried again and again.
   *
   * @param save  makes it last; nothing changes if it throws
   */
  async pause(isPaused: boolean, save: (record: InboundRecord) => Promise<void>): Promise<void> {
    if (!(await this.#pause.change(isPaused, () => save(this.record())))) return
    if (!isPaused) return this.restore()
    await Promise.all(this.#places.map(place => place.close()))
    this.#intake.drop()
  }

  /** What must be kept of it. */
  record(): InboundRecord {
    return this.#recordOf(this.#setting, this.#places)
  }

  describe(): InboundInfo {
    const { service } = this.#options
    const { owner, totalCount, failedCount, lastError } = this.#dialer
    return {
      ...partsOf(service),
      listens: this.#places.map(place => ({
        ip: place.asked.host,
        port: place.port,
        isOpen: place.isOpen,
        ...(place.error !== undefined && { error: place.error.message }),
        connectionCount: this.#intake.count(place),
      })),
      exits: [...this.#setting.exits],
      ...(this.#pause.isPaused && { isPaused: true }),
      ...(owner !== undefined && { owner }),
      connectionCount: this.#intake.count(),
      totalCount,
      failedCount,
      ...this.#intake.traffic(),
      ...(lastError !== undefined && { lastError }),
    }
  }

  /** Stop listening and break every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#places.map(place => place.close()))
    this.#intake.drop()
  }

  /** One place a listen: those that are there already stay. A chosen port may come back as asked for. */
  #arrange(setting: InboundSetting): ListenPlace[] {
    const left = new Set(this.#places)
    return setting.listens.map(({ ip, port }) => {
      for (const place of left) {
        if (place.asked.host !== ip || (place.asked.port !== port && place.port !== port)) continue
        left.delete(place)
        return place
      }
      return this.#createPlace({ host: ip, port }, undefined)
    })
  }

  #createPlace(asked: Address, chosenPort: number | undefined): ListenPlace {
    const { host, limits } = this.#options
    const listen = (at: Address, place: ListenPlace) => this.#intake.listen(at, place)
    return new ListenPlace({ host, asked, chosenPort, listen, limits })
  }

  #recordOf(setting: InboundSetting, places: readonly ListenPlace[]): InboundRecord {
    const { owner } = this.#dialer
    return {
      version: 1,
      setting: { ...setting, listens: places.map(({ asked }) => ({ ip: asked.host, port: asked.port })) },
      chosenPorts: places.map(({ chosenPort }) => chosenPort ?? 0),
      ...(owner !== undefined && { owner }),
      ...(this.#pause.isPaused && { isPaused: true }),
    }
  }

  #logUnopened(place: ListenPlace, error: MeshError): void {
    const { host, service } = this.#options
    host.log.warn('tunnel.listen-failed', {
      service,
      address: formatAddress(place.asked),
      code: error.code,
      reason: error.message,
    })
  }
}

/** Number the ports of each address: they are a range, and may go to a range of targets one by one. */
function numberRanges(places: readonly ListenPlace[]): void {
  const counts = new Map<string, number>()
  for (const { asked } of places) counts.set(asked.host, (counts.get(asked.host) ?? 0) + 1)
  const next = new Map<string, number>()
  for (const place of places) {
    const { host } = place.asked
    const index = next.get(host) ?? 0
    next.set(host, index + 1)
    place.rangeIndex = counts.get(host) === 1 ? undefined : index
  }
}

/** Open the added places. Where one clashes with a place about to go (another address, the same port), that closes first. */
async function openBeside(added: readonly ListenPlace[], removed: readonly ListenPlace[]): Promise<void> {
  await Promise.all(added.map(place => place.open()))
  const clashes = removed.filter(({ port }) => added.some(place => !place.isOpen && place.port === port))
  if (clashes.length === 0) return
  await Promise.all(clashes.map(place => place.close()))
  await Promise.all(added.filter(place => !place.isOpen).map(place => place.open()))
}

function checkListens(listens: InboundSetting['listens']): void {
  const seen = new Set<string>()
  for (const { ip, port } of listens) {
    if (port === 0) continue
    const host = ip === '*' ? '::' : ip
    const address = formatAddress({ host, port })
    if (seen.has(address)) {
      throw new MeshError('bad-input', `Cannot listen on ${address} twice: name each address once`)
    }
    seen.add(address)
    if (host === '0.0.0.0' && listens.some(other => other.port === port && /^(\*|::)$/.test(other.ip))) {
      throw new MeshError(
        'bad-input',
        `Cannot listen on ${address} beside [::]:${port}: [::] takes IPv4 too, leave out 0.0.0.0`,
      )
    }
  }
}
