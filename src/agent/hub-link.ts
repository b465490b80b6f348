import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { type HubEvent, MAX_EVENT_BYTES, parseHubEvent } from '../core/api/events.ts'
import { EVENTS_PATH } from '../core/api/hub-api.ts'
import type { PassageTarget } from '../core/api/passage.ts'
import type { Answer, Arguments, Route } from '../core/api/route.ts'
import { createLineSplitter } from '../core/codec/lines.ts'
import { createLinkMachine, type LinkAction, type LinkState } from '../core/link/link.ts'
import { type Address, parseAddress } from '../core/model/address.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import { type Clock, formatSpan, ms } from '../core/model/time.ts'
import { type CallOptions, callRoute, exchange, type JsonRequest } from '../net/call-route.ts'
import { connectTcp } from '../net/host-sockets.ts'
import { openHttp2 } from '../net/http2-client.ts'
import type { ShownIdentity } from '../net/http2-server.ts'
import { type KeepAlive, keepAlive, LINK_KEEP_ALIVE } from '../net/keep-alive.ts'
import { isFromGone, type NetworkChange } from '../net/own-addresses.ts'
import type { TlsIdentity } from '../net/tls-options.ts'
import { type Detour, reachHub, watchReturn } from './hub-way.ts'
import { noLink, readRefusal } from './link-errors.ts'

/** What a link needs of its membership. */
export interface HubLinkOptions {
  /** Which hub it leads to. */
  readonly hub: PassageTarget
  readonly bootstraps: readonly string[]
  /** False if it is not going to be started: then nobody waits for it. */
  readonly isEnabled?: boolean
  readonly identity: () => TlsIdentity
  /** Read who answered. @throws MeshError if it is no hub of this mesh */
  readonly identifyHub: (socket: TLSSocket) => ShownIdentity
  readonly certificate: () => { issuedAtMs: number; expiresAtMs: number }
  /** Have the certificate renewed over this link. */
  readonly renew: (link: HubLink) => Promise<void>
  /** The certificate has ended: have it renewed by this hub without a link. */
  readonly renewLate: (bootstrap: string) => Promise<void>
  /** Another way to the hub, where its addresses do not answer; none if absent. */
  readonly detour?: Detour
  readonly onEvent: (event: HubEvent) => void
  readonly onState: (state: LinkState) => void
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
}

/** An agent's link to a mesh: kept up, over whichever hub answers. */
export interface HubLink extends AsyncDisposable {
  readonly hub: PassageTarget
  readonly state: LinkState
  /** Where the hub of the open link is reached; undefined where another hub carries the link. */
  readonly hubAddress: Address | undefined
  /** The link is open, and no other hub carries it. */
  readonly isDirect: boolean
  /** One more connection to the hub of the link, by the way that the link goes. @throws MeshError `offline`, `unreachable` … */
  connectAgain(options: { readonly timeoutMs: number; readonly signal?: AbortSignal }): Promise<Duplex>
  readonly session: ClientHttp2Session | undefined
  readonly roundTripMs: number | undefined
  start(): void
  /** End a link that is dead for sure, see whether it is if not, and try at once to have one. */
  networkChanged(change: NetworkChange): void
  /** Something else by the same way is silent: see soon whether the link still lives. */
  doubt(): void
  /** Somebody needs it now: try at once, where it is not open. */
  hurry(): void
  /** @throws MeshError `offline` if no link opens in time */
  whenOnline(timeoutMs: number): Promise<ClientHttp2Session>
  /** Ask the controller or hub; waits a little for a link. @throws MeshError its own, or `offline` */
  call<R extends Route>(route: R, args: Arguments<R>, options?: CallOptions): Promise<Answer<R>>
  /** Send any request and have its JSON answer, whatever its status. @throws MeshError as `exchange`, or `offline` */
  pass(request: JsonRequest): Promise<{ status: number; value: unknown }>
}

/** Make the link of one mesh. */
export function createHubLink(options: HubLinkOptions): HubLink {
  return new HubLinkEdge(options)
}

class HubLinkEdge implements HubLink {
  readonly #options: HubLinkOptions
  readonly #machine
  readonly #waiters = new Set<() => void>()
  #abort = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #wakeDueMs = Number.POSITIVE_INFINITY
  session: ClientHttp2Session | undefined
  hubAddress: Address | undefined
  roundTripMs: number | undefined
  #return: Disposable | undefined
  #localAddress: string | undefined
  #keepAlive: KeepAlive | undefined

  constructor(options: HubLinkOptions) {
    this.#options = options
    this.#machine = createLinkMachine(options.bootstraps, options.random)
    const { issuedAtMs, expiresAtMs } = options.certificate()
    this.#perform(this.#machine.certified(ms(issuedAtMs), ms(expiresAtMs), options.clock.now()))
  }

  get hub(): PassageTarget {
    return this.#options.hub
  }

  get state(): LinkState {
    return this.#machine.state
  }

  start(): void {
    this.#perform(this.#machine.start(this.#options.clock.now()))
  }

  networkChanged(change: NetworkChange): void {
    if (isFromGone(change, this.#localAddress)) this.session?.destroy()
    else this.doubt()
    this.#perform(this.#machine.networkChanged(this.#options.clock.now()))
  }

  doubt(): void {
    this.#keepAlive?.doubt()
  }

  hurry(): void {
    if (this.session === undefined) this.#perform(this.#machine.networkChanged(this.#options.clock.now()))
  }

  get isDirect(): boolean {
    return this.session !== undefined && this.hubAddress !== undefined
  }

  async connectAgain({ timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal }): Promise<Duplex> {
    const { detour } = this.#options
    const { hubAddress } = this
    if (hubAddress !== undefined)
      return connectTcp({ kind: 'address', ...hubAddress }, { timeoutMs, ...(signal && { signal }) })
    if (this.session === undefined || detour === undefined)
      throw new MeshError('offline', 'Cannot connect to hub: no link to it')
    const late = AbortSignal.timeout(timeoutMs)
    return detour(signal === undefined ? late : AbortSignal.any([signal, late]))
  }

  async whenOnline(timeoutMs: number): Promise<ClientHttp2Session> {
    if (this.#options.isEnabled === false) {
      throw new MeshError(
        'offline',
        'Cannot reach the mesh: it is disabled here: go online with `ztm enable mesh`',
      )
    }
    const { state: before } = this
    // A hub that said no (evicted, not trusted) will not say yes in a moment.
    const isHopeless = before.state === 'waiting' && !before.lastError.kind.retry
    if (this.session === undefined && timeoutMs > 0 && !isHopeless) {
      await new Promise<void>(resolve => {
        const done = () => {
          clearTimeout(timer)
          this.#waiters.delete(done)
          resolve()
        }
        const timer = setTimeout(done, timeoutMs)
        this.#waiters.add(done)
      })
    }
    if (this.session !== undefined) return this.session
    throw noLink('lastError' in this.state ? this.state.lastError : undefined)
  }

  async call<R extends Route>(route: R, args: Arguments<R>, options?: CallOptions): Promise<Answer<R>> {
    return callRoute(await this.whenOnline(ONLINE_WAIT_MS), route, args, options)
  }

  async pass(request: JsonRequest): Promise<{ status: number; value: unknown }> {
    return exchange(await this.whenOnline(ONLINE_WAIT_MS), request)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#machine.stop()
    this.#abort.abort()
    clearTimeout(this.#timer)
    this.#return?.[Symbol.dispose]()
    for (const waiter of [...this.#waiters]) waiter()
    const { session } = this
    this.session = undefined
    if (session === undefined || session.destroyed) return
    await new Promise<void>(resolve => {
      session.once('close', resolve)
      session.destroy()
    })
  }

  #perform(actions: readonly LinkAction[]): void {
    for (const action of actions) {
      switch (action.do) {
        case 'connect':
          void this.#connect(action.bootstrap)
          break
        case 'renew':
          void this.#renew()
          break
        case 'wake':
          this.#wakeAt(action.at)
          break
        default:
          action satisfies never
      }
    }
    this.#options.onState(this.state)
  }

  /**
   * One timer, for the earliest wake: the machine asks again for those that are left. The clock may be set meanwhile, or
   * the computer sleep: what counts is when the timer fires, and it never waits long without a look at the clock.
   */
  #wakeAt(at: number): void {
    const delayMs = Math.max(0, Math.min(at - this.#options.clock.now(), LONGEST_WAIT_MS)) + 1
    const dueMs = performance.now() + delayMs
    if (this.#wakeDueMs <= dueMs) return
    this.#wakeDueMs = dueMs
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#wakeDueMs = Number.POSITIVE_INFINITY
      this.#perform(this.#machine.tick(this.#options.clock.now()))
    }, delayMs)
  }

  async #connect(bootstrap: string): Promise<void> {
    const { log, clock, identity, identifyHub } = this.#options
    this.#abort.abort()
    this.#abort = new AbortController()
    this.#closing = undefined
    const { signal } = this.#abort
    try {
      await this.#renewLate(bootstrap)
      if (signal.aborted) return
      const address = parseAddress(bootstrap)
      const { detour } = this.#options
      const way = await reachHub(address, { detour, signal, timeoutMs: CONNECT_TIMEOUT_MS })
      const { session, socket: secured } = await openHttp2(way.connection, {
        identity: identity(),
        rootPem: identity().rootPem,
        identify: identifyHub,
        timeoutMs: CONNECT_TIMEOUT_MS,
        signal,
      })
      signal.addEventListener('abort', () => session.destroy(), { once: true })
      if (signal.aborted) session.destroy()
      const lost = this.#watchLoss(session, bootstrap)
      const events = session.request({ ':method': 'GET', ':path': EVENTS_PATH })
      await readEvents(events, event => this.#onEvent(event))
      if (session.destroyed) {
        throw (
          this.#closing ?? new MeshError('link-closed', 'Cannot open link: hub ended it after its greeting')
        )
      }
      lost.arm()
      this.session = session
      this.hubAddress = way.isDirect ? address : undefined
      this.#localAddress = way.localAddress
      if (!way.isDirect) this.#return = watchReturn(address, () => session.destroy())
      this.#keepAlive = keepAlive(session, {
        times: LINK_KEEP_ALIVE,
        socket: secured,
        onRoundTrip: roundTripMs => {
          this.roundTripMs = roundTripMs
        },
      })
      log.info('link.opened', { hub: bootstrap, ...(!way.isDirect && { isCarried: true }) })
      this.#perform(this.#machine.connected(clock.now()))
      for (const waiter of [...this.#waiters]) waiter()
    } catch (error) {
      if (!signal.aborted) this.#lost(toMeshError(error), bootstrap)
    }
  }

  /** Report the end of a session once, and only after it counted as open. */
  #watchLoss(session: ClientHttp2Session, bootstrap: string): { arm(): void } {
    let isArmed = false
    session.once('close', () => {
      if (!isArmed || this.session !== session) return
      this.session = undefined
      this.roundTripMs = undefined
      this.#return?.[Symbol.dispose]()
      this.#lost(this.#closing ?? new MeshError('link-closed', 'Link to hub ended'), bootstrap)
      this.#closing = undefined
    })
    return {
      arm() {
        isArmed = true
      },
    }
  }

  #closing: MeshError | undefined

  #lost(error: MeshError, hub: string): void {
    const before = this.state
    const isRepeat = before.state === 'connecting' && before.lastError?.code === error.code
    // Once for each new reason: a hub that is away for a day must not fill the log.
    if (!isRepeat) this.#options.log.warn('link.lost', { hub, code: error.code, reason: error.message })
    this.#perform(this.#machine.lost(error, this.#options.clock.now()))
  }

  #onEvent(event: HubEvent): void {
    if (event.event === 'hello') {
      const skewMs = Math.abs(event.timeMs - this.#options.clock.now())
      if (skewMs > MAX_SKEW_MS) {
        this.#options.log.warn('clock.skew', {
          skew: formatSpan(skewMs),
          hub: new Date(event.timeMs).toISOString(),
        })
      }
    }
    if (event.event === 'closing') this.#closing = new MeshError(event.code, event.message)
    this.#options.onEvent(event)
  }

  /** A computer that was off for longer than its certificate lives comes back by its key. */
  async #renewLate(bootstrap: string): Promise<void> {
    const { certificate, clock, renewLate } = this.#options
    if (certificate().expiresAtMs > clock.now()) return
    await renewLate(bootstrap)
    const { issuedAtMs, expiresAtMs } = certificate()
    this.#perform(this.#machine.certified(ms(issuedAtMs), ms(expiresAtMs), clock.now()))
  }

  async #renew(): Promise<void> {
    const { clock, log, renew, certificate } = this.#options
    try {
      await renew(this)
      const { issuedAtMs, expiresAtMs } = certificate()
      this.#perform(this.#machine.certified(ms(issuedAtMs), ms(expiresAtMs), clock.now()))
    } catch (error) {
      log.warn('certificate.not-renewed', { reason: toMeshError(error).message })
      this.#perform(this.#machine.renewFailed(clock.now()))
    }
  }
}

/** Resolves when the first event came; later ones keep coming. */
function readEvents(events: ClientHttp2Stream, onEvent: (event: HubEvent) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const splitter = createLineSplitter(MAX_EVENT_BYTES)
    // Asked now: a stream that has closed does not know its session any more.
    const { session } = events
    let isRefused = false
    let refusal = ''
    const timer = setTimeout(() => {
      reject(new MeshError('timed-out', 'Cannot open link: hub sent no greeting'))
      session?.destroy()
    }, CONNECT_TIMEOUT_MS)
    events.on('response', headers => {
      isRefused = headers[':status'] !== 200
    })
    events.on('data', (chunk: Buffer) => {
      if (isRefused) {
        refusal += chunk.toString('utf8').slice(0, 4_096 - refusal.length)
        return
      }
      try {
        for (const line of splitter.push(chunk)) {
          const event = parseHubEvent(line)
          if (event !== undefined) onEvent(event)
          clearTimeout(timer)
          resolve()
        }
      } catch (error) {
        reject(toMeshError(error))
        session?.destroy()
      }
    })
    events.on('error', () => {})
    events.on('close', () => {
      clearTimeout(timer)
      reject(readRefusal(refusal))
      // A link without events hears of no eviction and of nobody who wants to come in: it is none.
      session?.destroy()
    })
  })
}

/** TCP, TLS and the greeting must each be done within this time. */
const CONNECT_TIMEOUT_MS = 10_000
/** How long a request waits for a link that is just being opened. */
const ONLINE_WAIT_MS = 5_000
/** The clock is looked at this often, whatever is waited for. */
const LONGEST_WAIT_MS = 60_000
/** Clocks may differ this much. */
const MAX_SKEW_MS = 300_000
