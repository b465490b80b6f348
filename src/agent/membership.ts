import type { HubEvent } from '../core/api/events.ts'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { bootstrapsOf, type KnownHub } from '../core/api/hubs-api.ts'
import { parseAddress } from '../core/model/address.ts'
import { toMeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Json } from '../core/model/store.ts'
import type { NetworkChange } from '../net/own-addresses.ts'
import { type KeptBudget, MAX_KEPT_BYTES_TOGETHER } from '../net/resumable-stream.ts'
import type { TlsIdentity } from '../net/tls-options.ts'
import { createSigningRequest } from '../pki/signing-request.ts'
import { type AppHostOptions, type RunningApp, startApp } from './app-host.ts'
import { type Arrivals, createArrivals } from './arrivals.ts'
import { reviewDiallers } from './dial-review.ts'
import { createDialer, type Dialer } from './dialer.ts'
import { createComputerDisk } from './disk/app-disk.ts'
import { createEvictions, type Evictions } from './evictions.ts'
import { createGroupChanges, type GroupChanges } from './group-changes.ts'
import { createHostings, type Hostings } from './hostings.ts'
import { obeyHubEvent } from './hub-events.ts'
import { createHubLink, type HubLink } from './hub-link.ts'
import { createIdentify, type Identify } from './identify.ts'
import { renewLate } from './join.ts'
import { createKnownEndpoints, type KnownEndpoints } from './known-endpoints.ts'
import type { MembershipOptions } from './membership-options.ts'
import { createMeshHubs, type MeshHubs } from './mesh-hubs.ts'
import type { MeshRecord } from './mesh-record.ts'
import { type EchoPorts, isLoopbackHost, openMeshUdp } from './mesh-udp.ts'
import { createMeshWatch, type MeshWatch } from './mesh-watch.ts'
import { checkOwnCertificate } from './own-certificate.ts'
import { type Packages, startPackages } from './packages/packages.ts'
import { createPeerServer, type PeerServer } from './peer-server.ts'
import { createPeers, type Peers } from './peers.ts'
import { createPutOut, type PutOut } from './put-out.ts'
import { createTicketCheck, type TicketCheck } from './ticket-check.ts'
import { createTrafficRecorder, type TrafficRecorder } from './traffic-recorder.ts'
import type { UdpEdge } from './udp-edge.ts'
import { createUsageReporter, type UsageReporter } from './usage.ts'

/** An agent's life in one mesh. Meshes share nothing but the device's key. */
export interface Membership extends AsyncDisposable {
  readonly record: MeshRecord
  readonly self: EndpointIdentity
  /** To the hub with the controller. */
  readonly link: HubLink
  /** Those that only relay. */
  readonly hubs: MeshHubs
  readonly peers: Peers
  readonly server: PeerServer
  readonly watch: MeshWatch
  readonly traffic: TrafficRecorder
  /** What others of the mesh are called, as far as it was heard. */
  readonly known: KnownEndpoints
  /** Services of this endpoint that are dialled now, and from where. */
  diallers(): ReturnType<Hostings['diallers']>
  /** End all sessions with an endpoint, and the streams in them. */
  endSessions(endpoint: EndpointId): void
  /** Absent where no holes can be punched. */
  readonly udp: UdpEdge | undefined
  readonly apps: readonly RunningApp[]
  /** Apps from elsewhere; absent where none are kept. */
  readonly packages: Packages | undefined
  /** This computer has other addresses now, or was asleep. */
  networkChanged(change: NetworkChange): void
  /** Resolves once the mesh knows this endpoint and what it hosts; when the time is over, or it is hopeless, all the same. */
  whenUsable(timeoutMs: number): Promise<void>
}

/** Start a membership: apps first, which may listen before a hub is reached, then the link. */
export async function startMembership(options: MembershipOptions): Promise<Membership> {
  const membership = new MeshMembership(options)
  await membership.start()
  return membership
}

class MeshMembership implements Membership {
  readonly #options: MembershipOptions
  readonly #evictions: Evictions
  readonly #dialer: Dialer
  readonly #hostings: Hostings
  readonly #arrivals: Arrivals
  readonly #tickets: TicketCheck
  readonly #groups: GroupChanges
  readonly #usage: UsageReporter
  readonly #out: PutOut
  readonly hubs: MeshHubs
  readonly udp: UdpEdge | undefined
  #echoPorts: EchoPorts | undefined
  record: MeshRecord
  readonly self: EndpointIdentity
  readonly link: HubLink
  readonly peers: Peers
  readonly server: PeerServer
  readonly watch: MeshWatch
  readonly traffic: TrafficRecorder
  readonly known: KnownEndpoints
  packages: Packages | undefined
  apps: RunningApp[] = []
  /** A link is up, and what is hosted here was announced over it. */
  readonly #announced = Promise.withResolvers<void>()

  constructor(options: MembershipOptions) {
    const { clock, log, random, record, store } = options
    this.#options = options
    this.record = record
    this.self = {
      kind: 'endpoint',
      mesh: record.id,
      user: record.endpoint.user,
      endpoint: record.endpoint.id,
    }
    this.#evictions = createEvictions(store, record.name, log)
    this.#tickets = createTicketCheck({ clock, rootPem: () => this.record.ca })
    const identity = () => this.#identity()
    const identify = createIdentify({ clock, rootPem: () => this.record.ca, evictions: this.#evictions })
    this.link = this.#createLink(identify)
    this.known = createKnownEndpoints(this.link, clock)
    this.watch = createMeshWatch({ ...options, link: this.link })
    const isHubHere = record.bootstraps.some(text => isLoopbackHost(parseAddress(text).host))
    const way = { reach: options.reach, isHubHere, log }
    this.udp = openMeshUdp({ ...way, onChange: () => this.#arrivals.offer() })
    this.hubs = this.#createHubs(identify)
    const { points } = this.hubs
    this.peers = createPeers({
      points,
      identity,
      identifyPeer: identify.peer,
      checkRenewal: identify.renewed,
      ...options.reach,
      udp: this.udp,
      isHubHere,
      clock,
      log,
      onChange: () => {
        options.onChange({ topic: 'paths' })
        void this.known.ask(this.peers.all.map(({ identity }) => identity.endpoint))
      },
      onBetter: session => this.#dialer.migrate(session),
    })
    const kept: KeptBudget = { usedBytes: 0, maxBytes: MAX_KEPT_BYTES_TOGETHER }
    this.#usage = createUsageReporter({ mesh: record.name, store, link: this.link, random, log })
    const both = { link: this.link, kept, usage: this.#usage, self: this.self, clock, log }
    this.#hostings = createHostings({
      ...both,
      endpoint: this.self.endpoint,
      user: this.self.user,
      checkTicket: this.#tickets.check,
    })
    this.#dialer = createDialer({ ...both, peers: this.peers, hostings: this.#hostings, random })
    this.#groups = createGroupChanges({
      ...both,
      dialer: this.#dialer,
      hostings: this.#hostings,
      tickets: this.#tickets,
    })
    this.server = createPeerServer({
      user: this.self.user,
      identity,
      identifyPeer: identify.peer,
      checkRenewal: identify.renewed,
      hostings: this.#hostings,
      apps: () => this.apps,
      packages: () => this.packages,
      readLog: options.readLog,
      onDoubt: points.doubt,
      clock,
      log,
    })
    this.traffic = createTrafficRecorder({ peers: this.peers, server: this.server, clock })
    this.#arrivals = createArrivals({ ...way, points, server: this.server, udp: this.udp, clock })
    const ending = { self: this.self, tickets: this.#tickets, hostings: this.#hostings, dialer: this.#dialer }
    this.#out = createPutOut({ ...ending, peers: this.peers, server: this.server, usage: this.#usage })
  }

  #createLink(identify: Identify): HubLink {
    const { clock, random, log, onChange } = this.#options
    return createHubLink({
      hub: 'controller',
      bootstraps: this.record.bootstraps,
      isEnabled: this.record.isEnabled,
      identity: () => this.#identity(),
      identifyHub: identify.hub,
      certificate: () => this.record,
      renew: link => this.#renew(link),
      renewLate: bootstrap => this.#renewLate(bootstrap),
      detour: signal => this.hubs.detour(signal),
      onEvent: event => this.#onEvent(event),
      onState: state => {
        if (state.state === 'online') this.#online()
        else this.udp?.linked(undefined)
        onChange({ topic: 'meshes' })
      },
      clock,
      random,
      log,
    })
  }

  #createHubs(identify: Identify): MeshHubs {
    const { clock, random, log } = this.#options
    return createMeshHubs({
      link: this.link,
      before: this.record.hubs ?? [],
      keep: hubs => this.#keepHubs(hubs),
      identity: () => this.#identity(),
      identifyRelayHub: identify.relayHub,
      onLeave: (hub, withinMs) => this.peers.leaveHub(hub, withinMs),
      onDrain: hub => this.peers.leaveHub(hub),
      isUsed: hub => this.peers.all.some(({ via }) => via === hub),
      onMeeting: (event, link) => this.#arrivals.meeting(event, link),
      onChange: () => this.#arrivals.offer(),
      peers: () => this.peers.all.map(({ identity }) => identity.endpoint),
      refreshOpen: () => this.#dialer.refreshOpen(),
      clock,
      random,
      log,
    })
  }

  async start(): Promise<void> {
    await this.#evictions.load()
    await this.#usage.load()
    for (const app of this.#options.apps) {
      try {
        this.apps.push(await startApp({ ...this.#hostParts(), app, log: this.#options.log }))
      } catch (error) {
        // One app that cannot start must not keep the endpoint off the mesh.
        this.#options.log.error('app.not-started', { app: app.name, reason: toMeshError(error).message })
      }
    }
    this.packages = await startPackages(
      { ...this.#options, onChange: () => this.#options.onChange({ topic: 'apps' }) },
      this.#hostParts(),
    )
    if (!this.record.isEnabled) return
    this.link.start()
    this.hubs.start()
  }

  diallers() {
    return this.#hostings.diallers()
  }

  endSessions(endpoint: EndpointId): void {
    this.#out.endSessions(endpoint)
  }

  async whenUsable(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>(resolve => {
      timer = setTimeout(resolve, timeoutMs)
    })
    const usable = this.link.whenOnline(timeoutMs).then(() => this.#announced.promise)
    await Promise.race([usable, late]).catch(() => {})
    clearTimeout(timer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.watch[Symbol.dispose]()
    this.traffic[Symbol.dispose]()
    this.#arrivals[Symbol.dispose]()
    await this.packages?.[Symbol.asyncDispose]()
    for (const { instance } of this.apps) await instance[Symbol.asyncDispose]()
    this.#dialer[Symbol.dispose]()
    this.#hostings[Symbol.dispose]()
    await this.peers[Symbol.asyncDispose]()
    await this.server[Symbol.asyncDispose]()
    await this.udp?.[Symbol.asyncDispose]()
    await this.#usage[Symbol.asyncDispose]()
    await this.hubs[Symbol.asyncDispose]()
    await this.link[Symbol.asyncDispose]()
  }

  /** What all apps of this mesh have in common. */
  #hostParts(): Omit<AppHostOptions, 'app' | 'log'> {
    const { store, disk = createComputerDisk(), clock, scripts } = this.#options
    return {
      mesh: this.record.name,
      endpointName: () => this.record.endpoint.name,
      self: this.self,
      store,
      link: this.link,
      peers: this.peers,
      hostings: this.#hostings,
      dialer: this.#dialer,
      disk,
      running: () => this.apps,
      scripts,
      clock,
    }
  }

  #identity(): TlsIdentity {
    const { chain, ca } = this.record
    return { chainPem: chain, privateKeyPem: this.#options.deviceKey.privateKeyPem, rootPem: ca }
  }

  async #renew(link: HubLink): Promise<void> {
    const request = await createSigningRequest(this.#options.deviceKey)
    const { chain } = await link.call(CONTROLLER_API.renew, { body: { request } })
    await this.#takeCertificate(chain)
  }

  async #renewLate(bootstrap: string): Promise<void> {
    const { deviceKey, clock } = this.#options
    const { ca: rootPem, hubs = [] } = this.record
    const places = bootstrapsOf([bootstrap], hubs)
    await this.#takeCertificate(await renewLate(places, { rootPem, deviceKey, clock }))
  }

  async #takeCertificate(chain: string): Promise<void> {
    const { deviceKey, clock, store, log } = this.#options
    const { expiresAtMs } = checkOwnCertificate(chain, {
      rootPem: this.record.ca,
      now: clock.now(),
      endpoint: this.self.endpoint,
      user: this.self.user,
      deviceKey,
      action: 'Cannot renew',
    })
    this.record = { ...this.record, chain, issuedAtMs: clock.now(), expiresAtMs }
    await store.put(`mesh/${this.record.name}`, this.record as unknown as Json)
    log.info('certificate.renewed', { expiresAt: new Date(expiresAtMs).toISOString() })
    this.server.renewed()
    this.peers.renewed()
    this.hubs.renewed()
  }

  #online(): void {
    const { log, version } = this.#options
    const announced = this.link
      .call(CONTROLLER_API.announce, { body: { version } })
      .then(() => this.#hostings.announce())
    const { revoke } = this.#out
    void announced.then(
      () => reviewDiallers({ hostings: this.#hostings, link: this.link, revoke, log }),
      () => {},
    )
    const { hubAddress } = this.link
    if (hubAddress !== undefined && this.#echoPorts !== undefined)
      this.udp?.linked({ host: hubAddress.host, ...this.#echoPorts })
    this.#arrivals.offer()
    this.#usage.online()
    this.watch.look()
    announced.then(this.#announced.resolve, error =>
      log.warn('endpoint.not-announced', { reason: toMeshError(error).message }),
    )
  }

  networkChanged(change: NetworkChange): void {
    this.link.networkChanged(change)
    this.hubs.networkChanged(change)
    this.#arrivals.offer()
    this.udp?.networkChanged()
    this.server.networkChanged(change)
    this.peers.networkChanged(change)
  }

  #keepHubs(hubs: readonly KnownHub[]): void {
    this.record = { ...this.record, hubs: [...hubs] }
    const { store, log, onChange } = this.#options
    store.put(`mesh/${this.record.name}`, this.record as unknown as Json).catch(error => {
      log.warn('hubs.not-kept', { reason: toMeshError(error).message })
    })
    onChange({ topic: 'meshes' })
  }

  #onEvent(event: HubEvent): void {
    if (event.event === 'hello') this.#echoPorts = event.udp
    obeyHubEvent(event, {
      link: this.link,
      hubs: this.hubs,
      peers: this.peers,
      evictions: this.#evictions,
      out: this.#out,
      dialer: this.#dialer,
      groups: this.#groups,
      arrivals: this.#arrivals,
      onChange: this.#options.onChange,
    })
  }
}
