import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { MAX_EVENT_BYTES } from '../core/api/events.ts'
import { HUB_FEED_PATH, type HubFeedEvent, parseHubFeedEvent } from '../core/api/relay-hub-api.ts'
import type { Answer, Arguments, Route } from '../core/api/route.ts'
import { createLineSplitter } from '../core/codec/lines.ts'
import { createLinkMachine, type LinkAction, type LinkMachine } from '../core/link/link.ts'
import { parseAddress } from '../core/model/address.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import { type Clock, ms } from '../core/model/time.ts'
import { callRoute } from '../net/call-route.ts'
import { connectTcp } from '../net/host-sockets.ts'
import { openHttp2 } from '../net/http2-client.ts'
import type { ShownIdentity } from '../net/http2-server.ts'
import { KEEP_ALIVE, keepAlive } from '../net/keep-alive.ts'
import type { TlsIdentity } from '../net/tls-options.ts'
import { tlsIdentity } from '../pki/check.ts'

/** What the link of a hub that only relays to its controller is made of. */
export interface ControllerLinkOptions {
  /** Addresses of the hub with the controller, `host:port`. */
  readonly controllers: readonly string[]
  readonly identity: () => TlsIdentity
  readonly certificate: () => { readonly issuedAtMs: number; readonly expiresAtMs: number }
  /** Have the certificate renewed by a call over this link. */
  readonly renew: (link: ControllerLink) => Promise<void>
  readonly onFeed: (event: HubFeedEvent) => void
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
}

/** The link of a hub that only relays to its controller: kept up, tried again for ever. */
export interface ControllerLink extends AsyncDisposable {
  readonly isOpen: boolean
  start(): void
  /** @throws MeshError `offline`, or the controller's own */
  call<R extends Route>(route: R, args: Arguments<R>): Promise<Answer<R>>
}

/** Make it. */
export function createControllerLink(options: ControllerLinkOptions): ControllerLink {
  return new ControllerLinkEdge(options)
}

class ControllerLinkEdge implements ControllerLink {
  readonly #options: ControllerLinkOptions
  readonly #machine: LinkMachine
  #session: ClientHttp2Session | undefined
  #timer: NodeJS.Timeout | undefined
  #abort = new AbortController()
  #closing: MeshError | undefined

  constructor(options: ControllerLinkOptions) {
    this.#options = options
    this.#machine = createLinkMachine(options.controllers, options.random)
  }

  get isOpen(): boolean {
    return this.#session !== undefined
  }

  start(): void {
    this.#certified()
    this.#perform(this.#machine.start(this.#options.clock.now()))
  }

  async call<R extends Route>(route: R, args: Arguments<R>): Promise<Answer<R>> {
    if (this.#session === undefined)
      throw new MeshError('offline', 'Cannot ask controller: no link to it: it is tried again by itself')
    return callRoute(this.#session, route, args)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#machine.stop()
    this.#abort.abort()
    clearTimeout(this.#timer)
    this.#session?.destroy()
    this.#session = undefined
  }

  #certified(): void {
    const { certificate, clock } = this.#options
    const { issuedAtMs, expiresAtMs } = certificate()
    this.#perform(this.#machine.certified(ms(issuedAtMs), ms(expiresAtMs), clock.now()))
  }

  #perform(actions: readonly LinkAction[]): void {
    for (const action of actions) {
      if (action.do === 'connect') void this.#connect(action.bootstrap)
      else if (action.do === 'renew') void this.#renew()
      else this.#wakeAt(action.at)
    }
  }

  #wakeAt(at: number): void {
    const { clock } = this.#options
    clearTimeout(this.#timer)
    const delayMs = Math.max(0, Math.min(at - clock.now(), LONGEST_WAIT_MS)) + 1
    this.#timer = setTimeout(() => this.#perform(this.#machine.tick(clock.now())), delayMs)
  }

  async #connect(controller: string): Promise<void> {
    const { identity, clock, log } = this.#options
    this.#abort = new AbortController()
    this.#closing = undefined
    const { signal } = this.#abort
    try {
      const address = { kind: 'address', ...parseAddress(controller) } as const
      const connection = await connectTcp(address, { timeoutMs: CONNECT_TIMEOUT_MS, signal })
      const { session, socket } = await openHttp2(connection, {
        identity: identity(),
        rootPem: identity().rootPem,
        identify: shown => this.#identify(shown),
        timeoutMs: CONNECT_TIMEOUT_MS,
        signal,
      })
      signal.addEventListener('abort', () => session.destroy(), { once: true })
      session.once('close', () => this.#ended(session, controller))
      keepAlive(session, { times: KEEP_ALIVE, socket })
      const feed = session.request({ ':method': 'GET', ':path': HUB_FEED_PATH })
      this.#session = session
      await readFeed(feed, event => this.#hear(event))
      this.#perform(this.#machine.connected(clock.now()))
      log.info('controller.linked', { controller })
    } catch (error) {
      if (signal.aborted) return
      const session = this.#session
      this.#session = undefined
      session?.destroy()
      this.#lost(this.#closing ?? toMeshError(error), controller)
    }
  }

  #identify(socket: TLSSocket): ShownIdentity {
    const { identity, clock } = this.#options
    const shown = tlsIdentity(socket, { rootPem: identity().rootPem, now: clock.now(), expect: ['hub'] })
    if (shown !== undefined) return shown
    throw new MeshError('not-trusted', 'Cannot ask controller: the other side shows no certificate')
  }

  #hear(event: HubFeedEvent): void {
    if (event.event === 'closing') this.#closing = new MeshError(event.code, event.message)
    this.#options.onFeed(event)
  }

  #ended(session: ClientHttp2Session, controller: string): void {
    if (this.#session !== session) return
    this.#session = undefined
    if (this.#machine.state.state !== 'online') return
    this.#lost(this.#closing ?? new MeshError('link-closed', 'Link to controller ended'), controller)
  }

  #lost(error: MeshError, controller: string): void {
    const { log, clock } = this.#options
    log.warn('controller.lost', { controller, code: error.code, reason: error.message })
    this.#perform(this.#machine.lost(error, clock.now()))
  }

  async #renew(): Promise<void> {
    const { log, clock, renew } = this.#options
    try {
      await renew(this)
      this.#certified()
    } catch (error) {
      log.warn('certificate.not-renewed', { reason: toMeshError(error).message })
      this.#perform(this.#machine.renewFailed(clock.now()))
    }
  }
}

/** Resolves when the first line came; later ones keep coming. A link without its feed hears of no eviction: it is none. */
function readFeed(feed: ClientHttp2Stream, onFeed: (event: HubFeedEvent) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const splitter = createLineSplitter(MAX_EVENT_BYTES)
    // Asked now: a stream that has closed does not know its session any more.
    const { session } = feed
    let status = 0
    feed.on('response', headers => {
      status = Number(headers[':status'])
    })
    feed.on('data', (chunk: Buffer) => {
      if (status !== 200) return
      try {
        for (const line of splitter.push(chunk)) {
          const event = parseHubFeedEvent(line)
          if (event !== undefined) onFeed(event)
          resolve()
        }
      } catch (error) {
        reject(toMeshError(error))
        session?.destroy()
      }
    })
    feed.on('error', () => {})
    feed.on('close', () => {
      const why = status === 200 || status === 0 ? 'it was closed' : `answer ${status}`
      reject(
        new MeshError(
          status === 401 || status === 403 ? 'not-trusted' : 'link-closed',
          `Cannot hear controller: ${why}`,
        ),
      )
      session?.destroy()
    })
  })
}

/** TCP and TLS must each be done within this time. */
const CONNECT_TIMEOUT_MS = 10_000
/** The clock is looked at this often, whatever is waited for. */
const LONGEST_WAIT_MS = 60_000
