import type { z } from 'zod'
import { type Balancer, createBalancer } from '../../core/balance/balancer.ts'
import { type CheckCount, createCheckCount } from '../../core/balance/check-count.ts'
import type { HttpTarget, TryStep } from '../../core/gateway/forwarding.ts'
import { formatHttpTarget, parseHttpTarget } from '../../core/gateway/http-target.ts'
import { parseStatusSet, type StatusSet } from '../../core/gateway/status-set.ts'
import { formatTarget } from '../../core/model/address.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { ms } from '../../core/model/time.ts'
import type { Host, HttpForwarder } from '../../sdk/app.ts'
import type { HttpRoute, httpRouteStateShape } from './http-messages.ts'
import type { HttpCaller, IdentityTokens } from './identity-tokens.ts'

/** What a route needs. */
export interface LiveHttpRouteOptions {
  readonly host: Host
  readonly setting: HttpRoute
  /** Asks targets how they are. */
  readonly forwarder: HttpForwarder<HttpCaller>
  readonly tokens: Pick<IdentityTokens, 'mark'>
  /** What cookies of this route are marked with. */
  readonly scope: string
  /** The health of some target is another. */
  readonly onHealth: () => void
}

interface Member {
  /** As it is written. */
  readonly name: string
  readonly target: HttpTarget
  /** The value of its cookie. */
  readonly mark: string
  readonly checks: CheckCount | undefined
  totalCount: number
  lastError: string | undefined
  cancel: () => void
}

/** A route of an outbound at work: its targets, how they are, and which of them is taken. */
export class LiveHttpRoute implements Disposable {
  readonly setting: HttpRoute
  /** Host and path. */
  readonly name: string
  readonly host: string
  readonly path: string
  readonly #options: LiveHttpRouteOptions
  readonly #members = new Map<string, Member>()
  readonly #byTarget = new Map<HttpTarget, Member>()
  readonly #byMark = new Map<string, Member>()
  readonly #balancer: Balancer<string>
  readonly #expected: StatusSet | undefined
  #isDisposed = false

  constructor(options: LiveHttpRouteOptions) {
    const { setting, tokens, scope } = options
    this.#options = options
    this.setting = setting
    this.host = setting.host
    this.path = setting.path
    this.name = `${setting.host}${setting.path}`
    this.#expected = setting.health && parseStatusSet(setting.health.expect)
    for (const text of setting.targets) {
      const parsed = parseHttpTarget(text)
      const name = formatHttpTarget(parsed)
      const { to, isTls, isHttp2 } = parsed
      const member: Member = {
        name,
        target: { to, isHttp2, ...(isTls && { tls: setting.tls ?? {} }) },
        mark: tokens.mark(`${scope} ${this.name} ${name}`),
        checks: setting.health && createCheckCount(setting.health),
        totalCount: 0,
        lastError: undefined,
        cancel: () => {},
      }
      this.#members.set(name, member)
      this.#byTarget.set(member.target, member)
      this.#byMark.set(member.mark, member)
    }
    this.#balancer = createBalancer({ method: setting.balance, members: [...this.#members.keys()] })
    if (setting.health !== undefined) for (const member of this.#members.values()) void this.#check(member)
  }

  /**
   * The targets for a request, best first: the one that the caller came to before, if it is well, then by turns.
   *
   * @param marks  values of the caller's cookie
   * @throws MeshError `offline` if no target is well
   */
  choose(marks: readonly string[]): HttpTarget[] {
    const { sticky } = this.setting
    const own = sticky && marks.map(mark => this.#byMark.get(mark)).find(member => member !== undefined)
    const isWell = (name: string) => this.#members.get(name)?.checks?.state !== 'down'
    const rank = (name: string) => (name === own?.name ? 0 : 1)
    const order = this.#balancer.pick(ms(this.#options.host.clock.now()), isWell, rank)
    const members = order.flatMap(name => this.#members.get(name) ?? [])
    if (members.length === 0)
      throw new MeshError('offline', `Cannot send request on: no target of ${this.name} is well`)
    return members.map(({ target }) => target)
  }

  /** The cookie that leads to a target again; undefined where the caller has it, or the route makes none. */
  cookieFor(target: HttpTarget, marks: readonly string[]): string | undefined {
    const { sticky } = this.setting
    const member = this.#byTarget.get(target)
    if (sticky === undefined || member === undefined || marks.includes(member.mark)) return undefined
    const age = sticky.maxAgeSeconds === undefined ? '' : `; Max-Age=${sticky.maxAgeSeconds}`
    return `${sticky.cookie}=${member.mark}; Path=/; HttpOnly; SameSite=Lax${age}`
  }

  /** Take note of a try; see `Forwarding.onTry`. */
  readonly noteTry = (target: HttpTarget, step: TryStep, error?: MeshError): void => {
    const member = this.#byTarget.get(target)
    if (member === undefined) return
    const { name } = member
    if (step === 'begun') {
      member.totalCount += 1
      this.#balancer.opened(name)
    } else if (step === 'ended') this.#balancer.closed(name)
    else {
      const before = this.#stateOf(member)
      if (step === 'answered') this.#balancer.succeeded(name)
      else this.#fail(member, error)
      if (this.#stateOf(member) !== before) this.#options.onHealth()
    }
  }

  describe(): z.output<typeof httpRouteStateShape> {
    const counts = new Map(this.#balancer.health().map(({ member, openCount }) => [member, openCount]))
    const targets = [...this.#members.values()].map(member => ({
      target: member.name,
      health: this.#stateOf(member),
      requestCount: counts.get(member.name) ?? 0,
      totalCount: member.totalCount,
      ...(member.lastError !== undefined && { lastError: member.lastError }),
    }))
    return { host: this.host, path: this.path, targets }
  }

  /** How each target is. */
  states(): ('up' | 'down' | 'unknown')[] {
    return [...this.#members.values()].map(member => this.#stateOf(member))
  }

  /** Target as it is written. */
  nameOf(target: HttpTarget): string | undefined {
    return this.#byTarget.get(target)?.name
  }

  /** Check no more. */
  [Symbol.dispose](): void {
    this.#isDisposed = true
    for (const member of this.#members.values()) member.cancel()
  }

  /** What checks say; of what is not checked, the last try. */
  #stateOf({ name, checks }: Member): 'up' | 'down' | 'unknown' {
    if (checks !== undefined) return checks.state
    return this.#balancer.health().find(({ member }) => member === name)?.state ?? 'unknown'
  }

  #fail(member: Member, error: MeshError | undefined): void {
    this.#balancer.failed(member.name, ms(this.#options.host.clock.now()), error)
    member.lastError = error?.message ?? 'failed'
  }

  async #check(member: Member): Promise<void> {
    const { host, forwarder, onHealth } = this.#options
    const { health, hostHeader } = this.setting
    if (health === undefined || member.checks === undefined || this.#isDisposed) return
    let fault: string | undefined
    try {
      const { to } = member.target
      const asked = health.host ?? hostHeader ?? (to.kind === 'unix' ? 'localhost' : formatTarget(to))
      const headers = ['host', asked, 'user-agent', 'ztm-health', 'accept', '*/*']
      const status = await forwarder.probe(member.target, { ...health, headers })
      if (!this.#expected?.has(status)) fault = `Check of ${health.path} was answered with ${status}`
    } catch (thrown) {
      fault = toMeshError(thrown).message
    }
    if (this.#isDisposed) return
    if (fault !== undefined) member.lastError = fault
    const isChanged = member.checks.note(fault === undefined)
    // What is up by its checks need not wait for its next trial.
    if (isChanged && fault === undefined) this.#balancer.succeeded(member.name)
    if (isChanged) onHealth()
    member.cancel = host.after(health.intervalMs, () => void this.#check(member))
  }
}
