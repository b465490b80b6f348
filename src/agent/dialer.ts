import type { IncomingHttpHeaders } from 'node:http2'
import type { Duplex } from 'node:stream'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { PORT_HEADER, SESSION_TICKET_HEADER } from '../core/api/peer-api.ts'
import { type Balancer, createBalancer } from '../core/balance/balancer.ts'
import { createRanks } from '../core/balance/rank.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { ServiceName } from '../core/model/names.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Clock } from '../core/model/time.ts'
import { FLOW_HEADER } from '../core/stream/flow-header.ts'
import { RESUMABLE_HEADER } from '../core/stream/resume-headers.ts'
import { parseUsageStream, USAGE_HEADER } from '../core/stream/usage-header.ts'
import type { KeptBudget } from '../net/resumable-stream.ts'
import type { Dialing, DialOptions } from '../sdk/app.ts'
import { answered } from './dial-answer.ts'
import { DialAttempt, type OpenStream } from './dial-attempt.ts'
import { AT_HAND_MS, atHandAfter } from './first-of.ts'
import type { Hostings } from './hostings.ts'
import type { HubLink } from './hub-link.ts'
import type { PeerSession } from './peer-session.ts'
import type { Peers } from './peers.ts'
import { createResumer, type Resumer } from './resumer.ts'
import { describeAbsence, hostOf, mayDialAt, type ServiceSession, ticketId } from './service-session.ts'
import type { MeteredStream, UsageReporter } from './usage.ts'

/** Who hosts a service, as the last session told. */
interface Balancing {
  readonly session: ServiceSession
  readonly balancer: Balancer<EndpointId>
  readonly online: ReadonlySet<EndpointId>
  /** The service as HTTP/2 names it. */
  readonly authority: string
}

/** What dialling in a mesh needs. */
export interface DialerOptions {
  readonly self: EndpointIdentity
  readonly link: HubLink
  readonly peers: Peers
  readonly hostings: Hostings
  /** What resumable streams may keep. */
  readonly kept: KeptBudget
  readonly usage: Pick<UsageReporter, 'prepare' | 'requireRoom'>
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
}

/** Opens streams to services by name. */
export interface Dialer extends Disposable {
  dial(service: ServiceName, options?: DialOptions): Dialing
  /** Ask for the session ticket and open sessions, so that the first dial waits for nothing. Never throws. */
  prepare(service: ServiceName, options?: DialOptions): void
  /** Something changed about these services: what is known of them is stale. */
  forget(services: readonly ServiceName[]): void
  /** These services may not be dialled any more: streams to them end, and sessions are asked for anew. */
  revoke(services: readonly ServiceName[], reason: MeshError): void
  /** An endpoint may not host a service any more: streams to it there end. */
  endHosting(endpoint: EndpointId, service: ServiceName, reason: MeshError): void
  /** A link opened anew: changes may have been missed. */
  forgetAll(): void
  /** Renew the tickets of what has open streams, which need good ones to go on by another path. Never throws. */
  refreshOpen(): void
  /** A better session to a peer came up: open streams move to it. */
  migrate(peer: PeerSession): void
  /** Break the streams to those who are out, also those that wait for a path. */
  drop(isGone: (identity: EndpointIdentity) => boolean, reason: MeshError): void
}

/** Make the dialler of one mesh. */
export function createDialer(options: DialerOptions): Dialer {
  return new MeshDialer(options)
}

class MeshDialer implements Dialer {
  readonly #options: DialerOptions
  readonly #sessions = new Map<ServiceName, ServiceSession>()
  readonly #asking = new Map<ServiceName, Promise<ServiceSession>>()
  readonly #balancings = new Map<ServiceName, Balancing>()
  /** Where the last stream to a service went. */
  readonly #last = new Map<ServiceName, EndpointId>()
  readonly #resumer: Resumer

  constructor(options: DialerOptions) {
    this.#options = options
    this.#resumer = createResumer({
      budget: options.kept,
      session: endpoint => this.#sessionAgain(endpoint),
      ticket: async name => {
        const { ticket, service } = await this.#sessionAtHand(name)
        return { ticket, owner: service.owner }
      },
      answered,
      log: options.log,
    })
  }

  migrate(peer: PeerSession): void {
    this.#resumer.migrate(peer)
  }

  drop(isGone: (identity: EndpointIdentity) => boolean, reason: MeshError): void {
    this.#resumer.drop(isGone, reason)
  }

  [Symbol.dispose](): void {
    this.#resumer[Symbol.dispose]()
  }

  forget(services: readonly ServiceName[]): void {
    // Kept as a fallback while the controller is away, but asked for again before it is used.
    for (const service of services) {
      const session = this.#sessions.get(service)
      if (session !== undefined) this.#sessions.set(service, { ...session, askedAtMs: 0 })
    }
  }

  revoke(services: readonly ServiceName[], reason: MeshError): void {
    for (const service of services) this.#sessions.delete(service)
    this.#resumer.drop((_, service) => services.includes(service), reason)
  }

  endHosting(endpoint: EndpointId, service: ServiceName, reason: MeshError): void {
    this.forget([service])
    this.#resumer.drop((peer, one) => peer.endpoint === endpoint && one === service, reason)
  }

  forgetAll(): void {
    this.forget([...this.#sessions.keys()])
  }

  refreshOpen(): void {
    if (this.#options.link.session === undefined) return
    // Renews it where two thirds of its life are over.
    for (const service of this.#resumer.services()) this.#session(service).catch(() => {})
  }

  prepare(service: ServiceName, options: DialOptions = {}): void {
    this.#session(service)
      .then(session =>
        Promise.allSettled(this.#choose(session, options).map(endpoint => this.#warm(endpoint))),
      )
      .catch(error =>
        this.#options.log.debug('service.not-prepared', { service, reason: toMeshError(error).message }),
      )
  }

  dial(service: ServiceName, options: DialOptions = {}): Dialing {
    return new DialAttempt(service, attempt => this.#open(service, options, attempt))
  }

  async #warm(endpoint: EndpointId): Promise<void> {
    if (endpoint !== this.#options.self.endpoint) await this.#options.peers.session(endpoint)
  }

  /** As `peers.session`; where no hub wants this endpoint any more, that is why. */
  async #sessionAgain(endpoint: EndpointId): Promise<PeerSession> {
    const { peers, link } = this.#options
    try {
      return await peers.session(endpoint)
    } catch (error) {
      const { state } = link
      throw state.state === 'waiting' && !state.lastError.kind.retry ? state.lastError : error
    }
  }

  async #open(service: ServiceName, options: DialOptions, attempt: DialAttempt): Promise<OpenStream> {
    const session = this.#fresh(service) ?? (await this.#session(service))
    try {
      return await this.#openBy(session, options, attempt)
    } catch (thrown) {
      // The ticket at hand may have been taken back since it was given; a new one says whether that still holds.
      if (toMeshError(thrown).code !== 'bad-ticket' || attempt.isCancelled) throw thrown
      const again = await this.#session(service)
      if (again.ticket === session.ticket) throw thrown
      return await this.#openBy(again, options, attempt)
    }
  }

  async #openBy(session: ServiceSession, options: DialOptions, attempt: DialAttempt): Promise<OpenStream> {
    const service = session.service.name
    const { owner } = session.service
    if (options.owner !== undefined && options.owner !== owner) {
      throw new MeshError(
        'denied',
        `Cannot dial "${service}": it was ${options.owner}'s and is ${owner}'s now: close and open the inbound to accept that`,
      )
    }
    const { balancer } = this.#balancing(session)
    let lastError: MeshError | undefined
    const order = this.#choose(session, options)
    for (const endpoint of order) {
      if (attempt.isCancelled) break
      try {
        const opened = await this.#openAtOrAgain(endpoint, session, options, attempt)
        if (opened === undefined) break
        balancer.succeeded(endpoint)
        balancer.opened(endpoint)
        tellWhenClosed(opened.stream, balancer, endpoint)
        this.#last.set(service, endpoint)
        return {
          ...opened,
          endpoint,
          owner,
          user: hostOf(session, endpoint),
          sessionId: session.id,
          ...(session.metering !== undefined && { isMetered: true }),
        }
      } catch (thrown) {
        const error = toMeshError(thrown)
        balancer.failed(endpoint, this.#options.clock.now(), error)
        if (error.code === 'bad-ticket') this.forget([service])
        // That one endpoint is away says less than why another refused.
        if (lastError === undefined || error.code !== 'offline') lastError = error
      }
    }
    this.#refreshSoon(service)
    // Without a link of our own nothing can be said of theirs.
    const isOurs = this.#options.link.session === undefined
    if (lastError !== undefined && (isOurs || lastError.code !== 'offline')) throw lastError
    const state = describeAbsence(session, new Set(order))
    throw new MeshError('offline', `Cannot dial "${service}": ${state}`, { cause: lastError })
  }

  /** A session that dies under a dial says nothing about the hosting: another path may be there already. */
  async #openAtOrAgain(
    endpoint: EndpointId,
    ...rest: [session: ServiceSession, options: DialOptions, attempt: DialAttempt]
  ): Promise<Pick<OpenStream, 'stream' | 'datagrams'> | undefined> {
    const attempt = rest[2]
    const before = this.#options.peers.warm(endpoint)
    try {
      return await this.#openAt(endpoint, ...rest)
    } catch (thrown) {
      const hasDied = before !== undefined && !before.isOpen
      // With something said already it might be said twice.
      const isSafe = !attempt.isCancelled && attempt.earlyBytes === 0
      if (!isSafe || !hasDied || toMeshError(thrown).code !== 'link-closed') throw thrown
      return await this.#openAt(endpoint, ...rest)
    }
  }

  /** @returns undefined if the dial was given up meanwhile: nobody would close a stream opened now */
  async #openAt(
    endpoint: EndpointId,
    session: ServiceSession,
    options: DialOptions,
    attempt: DialAttempt,
  ): Promise<Pick<OpenStream, 'stream' | 'datagrams'> | undefined> {
    const { self, hostings, peers, usage } = this.#options
    if (endpoint === self.endpoint)
      return { stream: attempt.start(hostings.receiveLocal(session.service.name, self, options.port)) }
    if (session.metering !== undefined) usage.requireRoom(session.service.name)
    const peer = peers.warm(endpoint) ?? (await peers.session(endpoint))
    if (attempt.isCancelled) return undefined
    if (peer.identity.user !== hostOf(session, endpoint)) {
      throw new MeshError(
        'not-trusted',
        `Cannot dial "${session.service.name}": the hosting endpoint is another user's than was said`,
      )
    }
    const service = session.service.name
    const name = this.#resumer.offer(service, peer.session)
    // A stream that may go on by another path has nothing beside it on this one.
    const offered = name === undefined && options.takesDatagrams ? peer.datagrams?.offer() : undefined
    const stream = peer.session.request({
      ':method': 'CONNECT',
      ':authority': this.#balancing(session).authority,
      [SESSION_TICKET_HEADER]: session.ticket,
      ...(name !== undefined && { [RESUMABLE_HEADER]: name }),
      ...(offered !== undefined && { [FLOW_HEADER]: offered.name }),
      ...(options.port !== undefined && { [PORT_HEADER]: String(options.port) }),
    })
    peer.use(stream)
    const datagrams = offered && peer.datagrams?.open(offered.flow, stream)
    attempt.start(stream)
    const answer = await answered(stream, service)
    const metered = this.#meter(session, answer)
    // An agent that cannot resume answers without it, and all is as it was without.
    const isResumable = name !== undefined && answer[RESUMABLE_HEADER] === name
    const goOn = (early: readonly Uint8Array[]) =>
      this.#resumer.take({ service, peer, carrier: stream, early })
    const opened = isResumable ? attempt.goOn(goOn) : stream
    metered?.start(opened, attempt.earlyBytes)
    if (datagrams === undefined || answer[FLOW_HEADER] !== offered?.name) return { stream: opened }
    return { stream: opened, datagrams: metered?.datagrams(datagrams) ?? datagrams }
  }

  #meter({ metering, service }: ServiceSession, answer: IncomingHttpHeaders): MeteredStream | undefined {
    if (metering === undefined) return undefined
    const { self, usage } = this.#options
    const stream = parseUsageStream(answer[USAGE_HEADER])
    return usage.prepare({ ...metering, stream, service: service.name, end: 'dialler', dialler: self })
  }

  /** Endpoints to try, best first. */
  #choose(session: ServiceSession, options: DialOptions): readonly EndpointId[] {
    const { balancer, online } = this.#balancing(session)
    const { name, hostings, strategy } = session.service
    const [only] = hostings
    // Nothing to choose: the usual case.
    if (only !== undefined && hostings.length === 1) return mayDialAt(only, options) ? [only.endpoint] : []
    const wanted = new Set(options.exits ?? [])
    const named = new Set(
      hostings.filter(({ instance }) => instance === options.instance).map(({ endpoint }) => endpoint),
    )
    const isWanted = (endpoint: EndpointId) =>
      (wanted.size === 0 || wanted.has(endpoint)) && (options.instance === undefined || named.has(endpoint))
    const rankOf = createRanks<EndpointId>({
      strategy,
      memberOf: endpoint => hostings.find(hosting => hosting.endpoint === endpoint)?.rank ?? NO_RANK,
      last: options.sticky ?? this.#last.get(name),
      random: this.#options.random,
    })
    const order = balancer.pick(this.#options.clock.now(), isWanted, rankOf)
    // One that was offline when the session was made may be back: last, not never.
    return [
      ...order.filter(endpoint => online.has(endpoint)),
      ...order.filter(endpoint => !online.has(endpoint)),
    ]
  }

  #balancing(session: ServiceSession): Balancing {
    const { name, hostings } = session.service
    const known = this.#balancings.get(name)
    if (known?.session === session) return known
    const balancer = known?.balancer ?? createBalancer<EndpointId>({ method: 'round-robin' })
    balancer.setMembers(hostings.map(({ endpoint }) => endpoint))
    const online = new Set(hostings.filter(({ isOnline }) => isOnline).map(({ endpoint }) => endpoint))
    const balancing = { session, balancer, online, authority: encodeURIComponent(name) }
    this.#balancings.set(name, balancing)
    return balancing
  }

  /** What is known of a service, where nothing has to be asked. */
  #fresh(service: ServiceName): ServiceSession | undefined {
    const known = this.#sessions.get(service)
    if (known === undefined || known.askedAtMs === 0) return undefined
    const lifeMs = known.expiresAtMs - known.askedAtMs
    return this.#options.clock.now() < known.askedAtMs + (lifeMs * 2) / 3 ? known : undefined
  }

  async #session(service: ServiceName): Promise<ServiceSession> {
    const fresh = this.#fresh(service)
    if (fresh !== undefined) return fresh
    const known = this.#sessions.get(service)
    if (known !== undefined && known.expiresAtMs > this.#options.clock.now()) {
      // Renew beside the dial; wait only when what is known is stale.
      const asked = this.#ask(service)
      if (known.askedAtMs > 0) {
        asked.catch(() => {})
        return known
      }
      // A controller that hangs is not waited for.
      return atHandAfter(asked, AT_HAND_MS, known).catch(error => {
        if (toMeshError(error).kind.fault === 'caller') throw error
        return known
      })
    }
    return this.#ask(service)
  }

  /** To go on with a stream a good ticket is enough; a direct path may be there again before the link. */
  async #sessionAtHand(service: ServiceName): Promise<ServiceSession> {
    const known = this.#sessions.get(service)
    const isGood = known !== undefined && known.expiresAtMs > this.#options.clock.now()
    return isGood && this.#options.link.session === undefined ? known : this.#session(service)
  }

  #refreshSoon(service: ServiceName): void {
    this.forget([service])
  }

  #ask(service: ServiceName): Promise<ServiceSession> {
    const pending = this.#asking.get(service)
    if (pending !== undefined) return pending
    const asked = this.#options.link
      .call(CONTROLLER_API.openSession, { body: { service } })
      .then(answer => {
        const id = answer.metering?.session ?? ticketId(answer.ticket)
        const session = { ...answer, id, askedAtMs: this.#options.clock.now() }
        this.#sessions.set(service, session)
        return session
      })
      .finally(() => this.#asking.delete(service))
    this.#asking.set(service, asked)
    return asked
  }
}

/** Not a function of `#open`: with it all that a dial needs would live as long as its stream. */
function tellWhenClosed(stream: Duplex, balancer: Balancer<EndpointId>, endpoint: EndpointId): void {
  stream.on('close', () => balancer.closed(endpoint))
}

const NO_RANK = { cost: 0, precedence: 'default' } as const
