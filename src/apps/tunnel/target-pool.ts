import { type Balancer, createBalancer } from '../../core/balance/balancer.ts'
import { formatTarget, type Target } from '../../core/model/address.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { ms } from '../../core/model/time.ts'
import type { Host, Incoming } from '../../sdk/app.ts'
import type { TunnelLimits } from './limits.ts'
import type { OutboundInfo, OutboundSetting } from './messages.ts'
import { createTargetProbes, type TargetProbes } from './target-probes.ts'

/** How all targets together are. */
export type Health = OutboundInfo['health']

/** What a pool needs. */
export interface TargetPoolOptions {
  readonly host: Host
  readonly limits: TunnelLimits
  /** Targets of UDP say nothing when they are connected to, so they are not probed. */
  readonly isProbed: boolean
  /** Called when the health of all together has changed. */
  readonly onHealth: (health: Health) => void
}

/** The targets of one outbound: which to take for a stream, and how each is. */
export class TargetPool implements Disposable {
  readonly #options: TargetPoolOptions
  readonly #probes: TargetProbes
  #targets: readonly Target[] = []
  #byKey: ReadonlyMap<string, Target> = new Map()
  #isRange = false
  #balancer: Balancer<string> = createBalancer({ method: 'round-robin' })
  #method: OutboundSetting['balance'] = 'round-robin'
  #health: Health = 'unknown'

  constructor(options: TargetPoolOptions) {
    this.#options = options
    this.#probes = createTargetProbes({
      host: options.host,
      limits: options.limits,
      isInUse: key => this.#openCount(key) > 0,
      onResult: (target, error) => this.report(target, error),
    })
  }

  /** Use these targets from now on. Open connections to others stay. */
  set(setting: OutboundSetting): void {
    this.#targets = setting.targets.map(toTarget)
    this.#byKey = new Map(this.#targets.map(target => [formatTarget(target), target]))
    this.#isRange = setting.isRange
    if (setting.balance !== this.#method) {
      // What is known of the targets is lost; open connections are counted on by their own set.
      this.#method = setting.balance
      this.#balancer = createBalancer({ method: setting.balance })
    }
    this.#balancer.setMembers([...this.#byKey.keys()])
    const isProbed = this.#options.isProbed && setting.isProbed
    this.#probes.set(isProbed ? this.#targets : [])
    this.#update()
  }

  /** All targets together: `partly` where some are down and some are not. */
  get health(): Health {
    return this.#health
  }

  /**
   * Connect to a target, passing over those that fail.
   *
   * @throws MeshError `target-refused` with what was tried and why, `timed-out` if the dialler gave up
   */
  async connect<T>(
    incoming: Pick<Incoming, 'service' | 'port' | 'signal'>,
    open: (target: Target, timeoutMs: number) => Promise<T>,
  ): Promise<{ target: Target; connection: T }> {
    const {
      limits,
      host: { clock },
    } = this.#options
    const deadlineMs = clock.now() + limits.attemptTimeoutMs
    const tried: string[] = []
    for (const target of this.#order(incoming.port)) {
      const leftMs = deadlineMs - clock.now()
      if (incoming.signal.aborted || leftMs <= 0) break
      const key = formatTarget(target)
      const balancer = this.#balancer
      balancer.opened(key)
      try {
        const connection = await open(target, Math.min(leftMs, limits.connectTimeoutMs))
        this.report(target, undefined)
        return { target, connection }
      } catch (thrown) {
        balancer.closed(key)
        const error = toMeshError(thrown)
        if (incoming.signal.aborted) break
        // Too many open files is our own trouble, and would be so with every other target.
        if (error.code === 'too-many') throw error
        this.report(target, error)
        tried.push(`${key} (${reasonOf(error)})`)
      }
    }
    if (incoming.signal.aborted)
      throw new MeshError('timed-out', `Cannot reach "${incoming.service}": given up`)
    throw new MeshError(
      'target-refused',
      `Cannot reach a target of "${incoming.service}": ${listTried(tried)}`,
    )
  }

  /** A connection that `connect` gave has ended. */
  closed(target: Target): void {
    this.#balancer.closed(formatTarget(target))
    this.#probes.used(target)
  }

  /** A try of a target has failed, or gone well. */
  report(target: Target, error: MeshError | undefined): void {
    const key = formatTarget(target)
    if (error === undefined) this.#balancer.succeeded(key)
    else this.#balancer.failed(key, this.#options.host.clock.now(), error)
    this.#probes.tried(target, error === undefined)
    // What goes well as before changes nothing.
    if (error !== undefined || this.#health !== 'up') this.#update()
  }

  /** Each target as it is. @param countOf  its open connections */
  describe(countOf: (key: string) => number): OutboundInfo['targets'] {
    const byKey = new Map(this.#balancer.health().map(health => [health.member, health]))
    return this.#targets.map(target => {
      const key = formatTarget(target)
      const known = byKey.get(key)
      return {
        target: target.kind === 'unix' ? { unix: target.path } : { host: target.host, port: target.port },
        health: known?.state ?? 'unknown',
        connectionCount: countOf(key),
        ...(known?.lastError !== undefined && { lastError: known.lastError.message }),
      }
    })
  }

  /** Stop probing. */
  [Symbol.dispose](): void {
    this.#probes[Symbol.dispose]()
  }

  /** A port of a range has its one target, as the ports are different services; else whoever is best, then the others. */
  #order(port: number | undefined): Target[] {
    const own = this.#isRange && port !== undefined ? this.#targets[port] : undefined
    if (own !== undefined) return [own]
    return this.#balancer
      .pick(ms(this.#options.host.clock.now()))
      .slice(0, MAX_TRIES)
      .flatMap(key => this.#byKey.get(key) ?? [])
  }

  #openCount(key: string): number {
    return this.#balancer.health().find(({ member }) => member === key)?.openCount ?? 0
  }

  #update(): void {
    const states = new Set(this.#balancer.health().map(({ state }) => state))
    const health = states.has('down')
      ? states.size === 1
        ? 'down'
        : 'partly'
      : states.has('up')
        ? 'up'
        : 'unknown'
    if (health === this.#health) return
    this.#health = health
    this.#options.onHealth(health)
  }
}

function toTarget(target: OutboundSetting['targets'][number]): Target {
  return 'unix' in target ? { kind: 'unix', path: target.unix } : { kind: 'address', ...target }
}

/** The state of `Cannot connect to X: state`. */
function reasonOf(error: MeshError): string {
  const at = error.message.indexOf(': ')
  return at < 0 ? error.message : error.message.slice(at + 2)
}

function listTried(tried: readonly string[]): string {
  if (tried.length === 0) return 'there was no time to try one'
  const shown = tried.slice(0, MAX_SHOWN_TARGETS).join(', ')
  return tried.length > MAX_SHOWN_TARGETS ? `${shown} and ${tried.length - MAX_SHOWN_TARGETS} more` : shown
}

/** Targets tried for one stream; with more of them down the next stream tries others. */
const MAX_TRIES = 16
const MAX_SHOWN_TARGETS = 5
