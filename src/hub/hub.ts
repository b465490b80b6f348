import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ControllerPort } from '../core/api/controller.ts'
import { isEdgePath } from '../core/api/edge-path.ts'
import { EVENTS_PATH } from '../core/api/hub-api.ts'
import { HUB_FEED_PATH } from '../core/api/relay-hub-api.ts'
import type { HubInfo } from '../core/api/shapes.ts'
import { type Address, formatAddress, parseAddress } from '../core/model/address.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { EndpointId, HubId, MeshId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Clock, Ms } from '../core/model/time.ts'
import {
  createRegistry,
  REGISTRY_LIMITS,
  type Registry,
  type RegistryAction,
  type RegistryLimits,
} from '../core/registry/registry.ts'
import type { RelayRates } from '../core/registry/relay-budget.ts'
import {
  type AcceptedPeer,
  createHttp2Server,
  type Http2Server,
  type ShownIdentity,
} from '../net/http2-server.ts'
import { LINK_STREAMS } from '../net/http2-settings.ts'
import { HUB_PORT_LIMITS, type HubPort, type HubPortLimits, openHubPort } from '../net/hub-port.ts'
import { type Http2App, refuseStream, serveHttp2 } from '../net/serve-http2.ts'
import type { TlsIdentity } from '../net/tls-options.ts'
import { admitPeer } from './admit-peer.ts'
import { createCandidateBook } from './candidates.ts'
import { untilDrained } from './drain.ts'
import { createEdgeDoor, type EdgeDoor } from './edge-door.ts'
import { createHubApp, requireEndpoint } from './hub-app.ts'
import { greetingOf } from './hub-greeting.ts'
import { createHubHandlers, requireOpen } from './hub-handlers.ts'
import { createInterests } from './interests.ts'
import { createLinks, type Links } from './links.ts'
import {
  createMemberSessions,
  MEMBER_SESSION_LIMITS,
  type MemberSessionLimits,
  type MemberSessions,
} from './member-sessions.ts'
import { createPassages, type HubPlaces, isPassage, type Passages, placesOf } from './passages.ts'
import { createRelayCarrier, type RelayCarrier } from './relay-carrier.ts'
import { createRelayFeeds, type RelayFeeds } from './relay-feeds.ts'
import { createRelayGrants, type RelayGrants } from './relay-grants.ts'
import { presentRelayStream } from './relay-streams.ts'
import { createRelayWorkers, type RelayWorkersOptions } from './relay-workers.ts'
import { createRelays, type Relays } from './relays.ts'
import { checkShownCertificate } from './shown-certificate.ts'
import { tellChange } from './tell-change.ts'
import { openUdpEcho, type UdpEcho } from './udp-echo.ts'
import { createWakeTimer, type WakeTimer } from './wake-timer.ts'

/** What a hub is made of. */
export interface HubOptions {
  readonly mesh: MeshId
  readonly id: HubId
  /** Where agents reach it: `host:port`. */
  readonly names: readonly string[]
  readonly listen: Address
  readonly identity: TlsIdentity
  /** Read who showed a certificate. @throws MeshError for one that is no good */
  readonly identify: (socket: TLSSocket) => ShownIdentity | undefined
  readonly controller: ControllerPort
  readonly version: string
  readonly clock: Clock
  readonly log: Log
  /** Reads the hub's own log, newest last. */
  readonly readLog: Parameters<typeof createHubHandlers>[0]['readLog']
  readonly certificateExpiresAtMs: () => number
  readonly limits?: HubLimits
  /** The policy lets nobody meet directly: then nobody need learn how its NAT shows it. */
  readonly isDirectForbidden?: boolean
  /** Where the other hubs of the mesh are; those that only relay, as the controller knows them, if absent. */
  readonly places?: HubPlaces
  /** Processes that copy what is relayed by tickets; this one does if absent. */
  readonly relayWorkers?: Pick<RelayWorkersOptions, 'count' | 'start'> | undefined
}

/** Limits that differ from the usual ones; see docs/limits.md. */
export interface HubLimits {
  readonly registry?: Partial<RegistryLimits>
  readonly relayRates?: RelayRates
  readonly port?: Partial<HubPortLimits>
  readonly sessions?: Partial<MemberSessionLimits>
}

/** What a hub counts for itself and its metrics. */
export interface HubCounts {
  readonly strangerCount: number
  readonly openTicketCount: number
  /** Relays that a limit refused, since the start. */
  readonly refusedRelayCount: number
  /** How long relays waited for the rates that are set, since the start. */
  readonly throttledMs: number
}

/** A running hub. */
export interface Hub extends AsyncDisposable {
  readonly address: Address
  /** Use a renewed certificate from now on. */
  renew(identity: TlsIdentity): void
  /** Counters and facts of this moment. */
  describe(): HubInfo & HubCounts
}

/**
 * Start a hub: introduces agents, relays their ciphertext, serves the controller's routes.
 *
 * @throws MeshError `port-in-use`, `not-permitted`, `bad-input`
 */
export async function startHub(options: HubOptions): Promise<Hub> {
  const hub = new HubProcess(options)
  await hub.listen()
  return hub
}

class HubProcess implements Hub {
  readonly #options: HubOptions
  readonly #registry: Registry
  readonly #links: Links
  readonly #grants: RelayGrants | undefined
  readonly #carrier: RelayCarrier
  readonly #relays: Relays
  readonly #passages: Passages
  readonly #sessions: MemberSessions
  readonly #server: Http2Server
  readonly #app: Http2App
  readonly #door: EdgeDoor
  readonly #interests = createInterests()
  readonly #candidates = createCandidateBook(endpoint => this.#seen(endpoint))
  readonly #startedAtMs: Ms
  readonly #socketByAddress = new Map<string, Socket>()
  readonly #endListening: () => void
  #port: HubPort | undefined
  #echo: UdpEcho | undefined
  readonly #timer: WakeTimer
  readonly #feeds: RelayFeeds
  readonly #sweeper: NodeJS.Timeout

  constructor(options: HubOptions) {
    this.#options = options
    this.#startedAtMs = options.clock.now()
    this.#registry = createRegistry({ ...REGISTRY_LIMITS, ...options.limits?.registry })
    this.#timer = createWakeTimer(options.clock, () => this.#drive(this.#registry.tick(options.clock.now())))
    this.#links = createLinks(options.log)
    this.#feeds = createRelayFeeds(options)
    this.#sweeper = setInterval(() => {
      this.#links.sweep(options.clock.now())
      this.#relays.settle()
    }, SWEEP_MS)
    this.#grants = createRelayGrants(options.limits?.relayRates ?? {})
    const local = createRelayCarrier(this.#grants)
    this.#carrier =
      options.relayWorkers === undefined
        ? local
        : createRelayWorkers({ ...options.relayWorkers, grants: this.#grants, local, log: options.log })
    this.#relays = createRelays({
      registry: this.#registry,
      carrier: this.#carrier,
      drive: actions => this.#drive(actions),
      welcome: socket => this.#port?.welcome(socket),
      onRelayed: options.controller.relayed,
      clock: options.clock,
      log: options.log,
    })
    const places = options.places ?? placesOf(() => options.controller.relayHubs?.known() ?? [])
    this.#passages = createPassages({ places, carrier: this.#carrier, log: options.log })
    this.#sessions = createMemberSessions(
      { ...MEMBER_SESSION_LIMITS, ...options.limits?.sessions },
      options.log,
    )
    const identify = (socket: TLSSocket) => admitPeer(socket, options)
    this.#door = createEdgeDoor({
      controller: options.controller,
      identify,
      welcome: address => this.#welcome(address),
      log: options.log,
    })
    this.#server = createHttp2Server({
      identity: options.identity,
      streams: LINK_STREAMS,
      log: options.log,
      identify,
      onSession: peer => this.#greet(peer),
      onStream: (stream, headers, peer) => this.#onStream(stream, headers, peer),
      onHttp1: socket => this.#door.acceptHttp1(socket),
    })
    this.#app = createHubApp({
      controller: options.controller,
      handlers: createHubHandlers({
        registry: this.#registry,
        drive: actions => this.#drive(actions),
        controller: options.controller,
        candidates: this.#candidates,
        describe: () => this.describe(),
        renewed: (caller, chain) => this.#shown(caller, chain),
        clock: options.clock,
        readLog: options.readLog,
      }),
      links: this.#links,
      interests: this.#interests,
      isLinked: endpoint => this.#registry.linkOf(endpoint) !== undefined,
      rootPem: options.identity.rootPem,
      clock: options.clock,
      log: options.log,
    })
    this.#endListening = options.controller.onChange(change => {
      if (change.change === 'hubs-changed' && change.hubs.length > 0) this.#carrier.prepare()
      this.#feeds.tell(change)
      this.#drive(tellChange(change, this.#registry, this.#interests))
    })
  }

  async listen(): Promise<void> {
    this.#port = await openHubPort(this.#options.listen, {
      onTls: socket => {
        const address = `${socket.remoteAddress}:${socket.remotePort}`
        this.#socketByAddress.set(address, socket)
        socket.once('close', () => this.#socketByAddress.delete(address))
        this.#server.accept(socket)
      },
      onTicket: socket => this.#relays.presentSocket(socket),
      limits: { ...HUB_PORT_LIMITS, ...this.#options.limits?.port },
      log: this.#options.log,
    })
    const { relayHubs } = this.#options.controller
    // When another hub dies, its relays come here all at once.
    if (relayHubs === undefined || relayHubs.known().length > 0) this.#carrier.prepare()
    if (!this.#options.isDirectForbidden) this.#echo = await openUdpEcho(this.#port.address, this.#options)
    this.#options.log.info('hub.started', {
      listen: formatAddress(this.#port.address),
      names: [...this.#options.names],
    })
  }

  get address(): Address {
    return this.#port?.address ?? this.#options.listen
  }

  renew(identity: TlsIdentity): void {
    this.#server.renew(identity)
  }

  describe() {
    return {
      id: this.#options.id,
      names: [...this.#options.names],
      version: this.#options.version,
      startedAtMs: this.#startedAtMs,
      linkCount: this.#registry.linkCount,
      relayCount: this.#registry.relayCount,
      relayedBytes: this.#relays.byteCount,
      certificateExpiresAtMs: this.#options.certificateExpiresAtMs(),
      strangerCount: this.#port?.strangerCount ?? 0,
      openTicketCount: this.#registry.openTicketCount,
      refusedRelayCount: this.#registry.refusedRelayCount,
      throttledMs: this.#carrier.throttledMs,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#endListening()
    this.#drive(this.#registry.broadcast({ event: 'draining' }))
    const { relayHubs } = this.#options.controller
    if (relayHubs?.known().length !== 0) await untilDrained(() => this.#registry.relayCount)
    this.#timer[Symbol.dispose]()
    clearInterval(this.#sweeper)
    this.#grants?.[Symbol.dispose]()
    const closed = this.#relays.closeAll()
    await this.#carrier[Symbol.asyncDispose]()
    await closed
    await this.#door[Symbol.asyncDispose]()
    await this.#server[Symbol.asyncDispose]()
    await this.#port?.[Symbol.asyncDispose]()
    await this.#echo?.[Symbol.asyncDispose]()
    this.#options.log.info('hub.stopped')
  }

  #greet(peer: AcceptedPeer): void {
    if (peer.identity?.kind === 'endpoint' || peer.identity?.kind === 'relay-hub') this.#welcome(peer.address)
    this.#sessions.opened(peer)
    if (peer.refusal !== undefined) setTimeout(() => peer.session.destroy(), REFUSAL_GRACE_MS).unref()
  }

  #welcome(address: string): void {
    const socket = this.#socketByAddress.get(address)
    if (socket !== undefined) this.#port?.welcome(socket)
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, peer: AcceptedPeer): void {
    if (peer.refusal !== undefined) {
      refuseStream(stream, peer.refusal)
      return
    }
    const { controller } = this.#options
    try {
      // A hub that only relays is of no use while it is drained; the controller is needed all the same.
      if (isPassage(headers) || headers[':path'] === EVENTS_PATH)
        requireOpen(controller.relayHubs === undefined && controller.isDraining())
      if (isPassage(headers)) this.#passages.open(stream, headers, peer)
      else if (headers[':method'] === 'CONNECT')
        presentRelayStream(this.#relays, stream, headers, requireEndpoint(peer))
      else if (headers[':path'] === EVENTS_PATH) this.#openLink(stream, peer, requireEndpoint(peer))
      else if (headers[':path'] === HUB_FEED_PATH) this.#feeds.open(stream, peer)
      else {
        const app = isEdgePath(headers[':path'] ?? '') ? this.#door.app : this.#app
        void serveHttp2(app, stream, headers, peer)
      }
    } catch (error) {
      refuseStream(stream, toMeshError(error))
    }
  }

  #openLink(events: ServerHttp2Stream, peer: AcceptedPeer, identity: EndpointIdentity): void {
    const { controller, clock, log } = this.#options
    if (this.#links.isOpen(peer)) {
      throw new MeshError('conflict', 'Cannot open link: this connection carries one already')
    }
    const link = this.#links.open(peer, identity, events, closed => {
      this.#drive(this.#registry.linkClosed(closed.id))
      // Unless a newer link took its place. Asked after, not before: an evicted endpoint's link is gone by then.
      const isGone = this.#registry.linkOf(identity.endpoint) === undefined
      if (isGone) {
        controller.disconnected(identity.endpoint, clock.now())
        this.#interests.forget(identity.endpoint)
        this.#echo?.forget(identity.endpoint)
        this.#candidates.forget(identity.endpoint)
      }
      log.info('link.closed', { endpoint: identity.endpoint })
    })
    this.#links.send(link.id, greetingOf(this.#options, peer.address, this.#echo?.admit(identity.endpoint)))
    this.#drive(this.#registry.linkOpened(link.id, identity.endpoint))
    // A hub that is full closed it again.
    if (this.#registry.linkOf(identity.endpoint) !== link.id) return
    const proof = { user: identity.user, issuedAtMs: peer.shown?.issuedAtMs ?? 0 }
    controller.connected(identity.endpoint, peer.address, clock.now(), proof)
    log.info('link.opened', { endpoint: identity.endpoint, user: identity.user, address: peer.address })
  }

  #shown(caller: EndpointIdentity, chain: string): void {
    const { controller, clock, identity } = this.#options
    const link = this.#registry.linkOf(caller.endpoint)
    const before = link === undefined ? undefined : this.#links.all.get(link)?.peer.shown
    const options = { rootPem: identity.rootPem, now: clock.now(), controller }
    this.#links.renewed(caller.endpoint, checkShownCertificate(chain, caller, before, options))
  }

  /** IP addresses from which the endpoint was seen to come. */
  #seen(endpoint: EndpointId): string[] {
    const link = this.#registry.linkOf(endpoint)
    const at = link === undefined ? undefined : this.#links.all.get(link)?.peer.address
    // One that another hub carried here comes from its address, where nobody is to be sent.
    const address = this.#port?.isCarried(this.#socketByAddress.get(at ?? '')) === true ? undefined : at
    const byTcp = address === undefined ? [] : [address.replace(/:\d+$/, '').replace(/^::ffff:/, '')]
    const byUdp = this.#echo?.reflexiveAddresses(endpoint).map(text => parseAddress(text).host) ?? []
    return [...byTcp, ...byUdp]
  }

  #drive(actions: readonly RegistryAction[]): void {
    for (const action of actions) {
      switch (action.do) {
        case 'send':
          this.#links.send(action.link, action.event)
          break
        case 'close-link':
          this.#links.close(action.link, action.error)
          break
        case 'join':
        case 'cut':
        case 'refuse':
          this.#relays.perform(action)
          break
        case 'wake':
          this.#timer.at(action.at)
          break
        default:
          action satisfies never
      }
    }
  }
}

/** How long a refused connection lives so that it can be told why. */
const REFUSAL_GRACE_MS = 2_000
/** How often links are looked at. */
const SWEEP_MS = 1_000
