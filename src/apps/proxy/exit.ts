import type { Duplex } from 'node:stream'
import type { Access } from '../../core/api/shapes.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { UserName } from '../../core/model/names.ts'
import type { Host, Hosting, Incoming } from '../../sdk/app.ts'
import { createConnectionSet } from '../../sdk/for-apps/connection-set.ts'
import { join } from '../../sdk/for-apps/join.ts'
import { createRateLimitedLog } from '../../sdk/for-apps/rate-limited-log.ts'
import { encodeSmallMessage, readSmallMessage } from '../../sdk/for-apps/small-message.ts'
import { exitServiceOf, type PassageMessage, passageShape } from './exit-messages.ts'
import { compileExitRules, type ExitRules, type Passage } from './exit-rules.ts'
import type { ProxyLimits } from './limits.ts'
import type { ExitSetting } from './messages.ts'
import { type OwnNetworks, watchOwnNetworks } from './own-networks.ts'
import { carryDatagrams } from './udp-exit.ts'

/** Lets connections of others out into the world from this computer. */
export interface Exit extends AsyncDisposable {
  /** Why others cannot find it, though it is open. */
  readonly error: MeshError | undefined
  readonly connectionCount: number
  /** Use other rules from now on; connections that are open stay. */
  change(setting: ExitSetting): Promise<void>
}

/**
 * Open this endpoint as an exit.
 *
 * @throws MeshError `name-taken`, `bad-name`
 */
export async function openExit(host: Host, setting: ExitSetting, limits: ProxyLimits): Promise<Exit> {
  const exit = new HostedExit(host, setting, limits)
  await exit.open()
  return exit
}

class HostedExit implements Exit {
  readonly #host: Host
  readonly #limits: ProxyLimits
  readonly #connections = createConnectionSet<UserName>()
  readonly #connecting = new Map<UserName, number>()
  readonly #warn: ReturnType<typeof createRateLimitedLog>
  /** Associations, and whose they are. */
  readonly #associations = new Map<Duplex, UserName>()
  readonly #sockets = { count: 0 }
  readonly #own: OwnNetworks
  #setting: ExitSetting
  #rules: ExitRules
  #hosting: Hosting | undefined

  constructor(host: Host, setting: ExitSetting, limits: ProxyLimits) {
    this.#host = host
    this.#limits = limits
    this.#setting = setting
    this.#own = watchOwnNetworks(host)
    this.#rules = this.#compile()
    this.#warn = createRateLimitedLog(host, 'exit.refused', limits.logIntervalMs)
  }

  async open(): Promise<void> {
    this.#hosting = await this.#host.serve(exitServiceOf(this.#host.endpoint.user), {
      access: accessOf(this.#setting),
      onStream: incoming => void this.#receive(incoming),
    })
    this.#hosting.report('up')
  }

  get error(): MeshError | undefined {
    return this.#hosting?.error
  }

  get connectionCount(): number {
    return this.#connections.count() + this.#associations.size
  }

  async change(setting: ExitSetting): Promise<void> {
    this.#setting = setting
    this.#rules = this.#compile()
    await this.#hosting?.update(accessOf(setting))
  }

  #compile(): ExitRules {
    return compileExitRules(this.#setting, addresses => this.#own.has(addresses))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#own[Symbol.dispose]()
    await this.#hosting?.[Symbol.asyncDispose]()
    this.#connections.reset()
    for (const stream of this.#associations.keys()) stream.destroy()
  }

  async #receive(incoming: Incoming): Promise<void> {
    const { user } = incoming.from
    // The entry waits for what is said of the passage, and hears both in one packet.
    const stream = incoming.accept(true)
    stream.on('error', () => {})
    const cancelHello = this.#host.after(this.#limits.helloTimeoutMs, () => stream.destroy())
    try {
      const passage = await readSmallMessage(stream, passageShape)
      cancelHello()
      this.#refuseTooMany(user)
      // Whoever looks at the groups of a stream loses it when they change: not before a rule asks.
      const who = { user, groups: () => incoming.groups }
      if (passage.protocol === 'udp') this.#carryUdp(stream, who)
      else await this.#carryTcp(stream, who, passage)
    } catch (thrown) {
      cancelHello()
      const error = toMeshError(thrown)
      this.#warn(error.code, { user, peer: incoming.from.endpoint, code: error.code, reason: error.message })
      if (!stream.destroyed) stream.end(encodeSmallMessage({ isOpen: false, error: error.toBody() }))
    }
  }

  #refuseTooMany(user: UserName): void {
    const { maxExitConnections, maxExitConnectionsPerUser } = this.#limits
    const associations = [...this.#associations.values()].filter(owner => owner === user).length
    const own = this.#connections.count(user) + (this.#connecting.get(user) ?? 0) + associations
    if (this.connectionCount < maxExitConnections && own < maxExitConnectionsPerUser) return
    throw new MeshError(
      'too-many',
      'Cannot connect: this exit has as many connections as it takes: try again',
    )
  }

  async #carryTcp(stream: Duplex, who: Leaver, { host, port }: PassageMessage): Promise<void> {
    const { user } = who
    this.#connecting.set(user, (this.#connecting.get(user) ?? 0) + 1)
    const abort = new AbortController()
    const giveUp = () => abort.abort()
    stream.once('close', giveUp)
    let refusal: string | undefined
    try {
      const connection = await this.#host.connectTcp(
        { kind: 'address', host, port },
        {
          timeoutMs: this.#limits.connectTimeoutMs,
          signal: abort.signal,
          mayUse: ip => {
            refusal = this.#rules.refusal({ ...who, host, ip, port })
            return refusal === undefined
          },
        },
      )
      this.#connections.add(user, connection)
      stream.write(encodeSmallMessage({ isOpen: true }))
      join(connection, stream)
    } catch (thrown) {
      const error = toMeshError(thrown)
      if (error.code !== 'denied' || refusal === undefined) throw error
      throw new MeshError('denied', `Cannot connect to ${host}: ${refusal}`)
    } finally {
      stream.off('close', giveUp)
      const count = (this.#connecting.get(user) ?? 1) - 1
      if (count > 0) this.#connecting.set(user, count)
      else this.#connecting.delete(user)
    }
  }

  #carryUdp(stream: Duplex, who: Leaver): void {
    this.#associations.set(stream, who.user)
    stream.once('close', () => this.#associations.delete(stream))
    stream.write(encodeSmallMessage({ isOpen: true }))
    carryDatagrams(stream, {
      host: this.#host,
      limits: this.#limits,
      sockets: this.#sockets,
      refusal: passage => this.#rules.refusal({ ...who, ...passage }),
    })
  }
}

/** Who wants out. */
type Leaver = Pick<Passage, 'user' | 'groups'>

function accessOf({ users, groups }: ExitSetting): Access {
  return { users, entrances: [], ...(groups && { groups }) }
}
