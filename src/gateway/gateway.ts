import { createClientFinder } from '../core/gateway/client-address.ts'
import type { GatewayConfig } from '../core/gateway/gateway-config.ts'
import type { Address } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import type { Clock } from '../core/model/time.ts'
import { createLimitedFetch } from '../net/limited-fetch.ts'
import { createAlpnChallenges } from '../net/public-certificate.ts'
import { createConnectionCount } from '../net/public-port.ts'
import { createServiceStreams, type DialService } from '../net/service-streams.ts'
import { createWebSockets } from '../net/web-socket.ts'
import type { SecretFolder } from '../pki/secret-folder.ts'
import { type AccessRecord, accessLine } from './access-record.ts'
import { createAcmeKeeper } from './acme-keeper.ts'
import {
  createCertificateStore,
  fileCertificateId,
  readCertificateFiles,
  watchCertificateFiles,
} from './certificate-store.ts'
import { createEntrance, type EntranceState } from './entrance.ts'
import { createGatewayMetrics } from './gateway-metrics.ts'
import { createLiveRoutes, type LiveRoute } from './live-routes.ts'
import { type ListenerParts, listenerKey, type OpenListener, openListener } from './open-listeners.ts'
import { createStreamIngress } from './stream-ingress.ts'
import { createZapClients } from './zap-clients.ts'

/**
 * The public face of a mesh: HTTP and TCP of the internet to services that have no open port.
 *
 * It knows of the mesh nothing but how to dial. Life cycle: `startGateway` opens the listeners, `reload` puts another
 * configuration in place without breaking anything that stays in it, `drain` takes nothing new and waits for what is
 * under way, disposing breaks the rest.
 */
export interface Gateway extends AsyncDisposable {
  /** Where it listens, in the order of the configuration. */
  readonly addresses: readonly Address[]
  /** @throws MeshError `bad-input`, `port-in-use` …; then all is as before */
  reload(config: GatewayConfig): Promise<void>
  /** Resolves when nothing is under way any more, or after the time that the configuration gives. */
  drain(): Promise<void>
  /** Prometheus text. */
  metrics(): Promise<string>
  /** For a load balancer: `draining` should get no new connections. */
  readonly health: 'up' | 'draining'
}

/** What a gateway is made of. */
export interface GatewayOptions {
  readonly config: GatewayConfig
  readonly dial: DialService
  readonly clock: Clock
  readonly log: Log
  /** Gets the fields of each line of the access log. */
  readonly onAccess: (line: Record<string, unknown>) => void
  /** Where keys and certificates of ACME are kept. */
  readonly secrets: SecretFolder
  /** Between two looks at certificates, whether files changed or one is due, ms; default 5,000. */
  readonly watchMs?: number
}

/** Start a gateway. @throws MeshError `bad-input`, `not-found`, `port-in-use`, `not-permitted` */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const gateway = new GatewayProcess(options)
  try {
    await gateway.reload(options.config)
  } catch (error) {
    await gateway[Symbol.asyncDispose]()
    throw error
  }
  return gateway
}

class GatewayProcess implements Gateway {
  readonly #options: GatewayOptions
  #config: GatewayConfig
  #routes: readonly LiveRoute[] = []
  #state: EntranceState = { routes: { find: () => undefined }, findClient: address => [address] }
  #listeners: OpenListener[] = []
  #openRequests = 0
  #isDraining = false
  readonly #onIdle = new Set<() => void>()
  readonly #store = createCertificateStore()
  readonly #challenges = createAlpnChallenges()
  readonly #parts: ListenerParts
  readonly #streams
  readonly #zapClients
  readonly #acme
  readonly #watch: Disposable
  // The addresses are the administrator's own.
  readonly #fetch = createLimitedFetch({ reach: 'computer' })

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#config = options.config
    const { dial, log, clock, secrets } = options
    const limits = () => this.#config.limits
    const count = createConnectionCount(() => ({
      maxConnections: limits().connections,
      maxPerAddress: limits().connectionsPerAddress,
    }))
    const metrics = createGatewayMetrics({
      openRequests: () => this.#openRequests,
      openConnections: () => count.openCount,
      serviceStreams: () => this.#streams.streamCount,
      webSockets: () => webSockets.openCount,
      ingressConnections: () => this.#ingressCount,
      certificates: () => this.#store.expiries(),
    })
    this.#zapClients = createZapClients(dial)
    this.#streams = createServiceStreams(dial, () => limits().streamsPerService)
    this.#acme = createAcmeKeeper({
      secrets,
      store: this.#store,
      challenges: this.#challenges,
      clock,
      log,
      ...(options.watchMs !== undefined && { lookMs: options.watchMs }),
    })
    const entrance = createEntrance({
      state: () => this.#state,
      streams: this.#streams,
      zapClients: this.#zapClients,
      clock,
      challenge: token => this.#acme.answer(token),
      onBegun: () => {
        this.#openRequests += 1
      },
      onDone: (record, durationMs) => this.#done(record, durationMs),
      onBug: error =>
        log.error('request.failed', { error: String((error.cause as Error)?.stack ?? error.stack) }),
    })
    const webSockets = createWebSockets(entrance)
    const onEnded: typeof metrics.ingress = (...counts) => {
      metrics.ingress(...counts)
      setImmediate(() => this.#tellIfIdle())
    }
    const ingress = createStreamIngress({ dial, log, onEnded })
    const contextFor = (host: string) => this.#store.contextFor(host)
    const challenges = this.#challenges
    const headMs = () => this.#config.limits.head
    this.#parts = { count, entrance, webSockets, ingress, challenges, contextFor, dial, metrics, log, headMs }
    this.#watch = watchCertificateFiles(this.#store, () => this.#certificateFiles(this.#config), {
      log,
      intervalMs: options.watchMs ?? CERTIFICATE_WATCH_MS,
    })
  }

  get addresses(): readonly Address[] {
    return this.#listeners.map(({ address }) => address)
  }

  get health(): 'up' | 'draining' {
    return this.#isDraining ? 'draining' : 'up'
  }

  metrics(): Promise<string> {
    return this.#parts.metrics.text()
  }

  async reload(config: GatewayConfig): Promise<void> {
    if (this.#isDraining) throw new MeshError('conflict', 'Cannot reload gateway: it is about to end')
    // All that may fail comes first.
    const findClient = createClientFinder(config.trustedProxies)
    const { all, table } = createLiveRoutes(config.routes, this.#routes, this.#fetch.json)
    const files = this.#certificateFiles(config)
    const read = await Promise.all(files.map(readCertificateFiles))
    const kept = new Map(this.#listeners.map(listener => [listenerKey(listener.config), listener]))
    const wanted = new Set(config.listeners.map(listenerKey))
    const opened: OpenListener[] = []
    const before = this.#config
    this.#config = config
    // An address may have changed its kind: the old one has to go before the new one can come.
    for (const listener of this.#listeners)
      if (!wanted.has(listenerKey(listener.config))) await listener.stop()
    try {
      for (const one of config.listeners)
        if (!kept.has(listenerKey(one))) opened.push(await openListener(one, this.#parts))
    } catch (error) {
      for (const listener of opened) await listener.stop()
      this.#config = before
      await this.#reopenStopped(wanted)
      throw error
    }
    const gone = this.#listeners.filter(({ config: old }) => !wanted.has(listenerKey(old)))
    const every = [...this.#listeners, ...opened]
    this.#listeners = config.listeners.flatMap(one => {
      const key = listenerKey(one)
      return every.filter(({ config: its }) => listenerKey(its) === key).slice(0, 1)
    })
    for (const listener of gone) {
      listener.drain()
      setTimeout(() => listener.destroy(), config.drain).unref()
    }
    this.#routes = all
    this.#state = { routes: table, findClient }
    const acmeIds = this.#acme.use(config)
    this.#store.keep(new Set([...files.map(fileCertificateId), ...acmeIds]))
    files.forEach((one, i) => {
      const certificate = read[i]?.read
      if (certificate !== undefined) this.#store.set(fileCertificateId(one), certificate)
    })
    this.#options.log.info('gateway.configured', { routes: all.length, listeners: this.#listeners.length })
  }

  async drain(): Promise<void> {
    this.#isDraining = true
    for (const listener of this.#listeners) {
      if (listener.config.kind !== 'udp') await listener.stop()
      listener.drain()
    }
    if (this.#isIdle) return
    const idle = new Promise<void>(resolve => this.#onIdle.add(resolve))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>(resolve => {
      timer = setTimeout(resolve, this.#config.drain)
    })
    await Promise.race([idle, late])
    clearTimeout(timer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDraining = true
    this.#watch[Symbol.dispose]()
    this.#acme[Symbol.dispose]()
    this.#parts.webSockets.close()
    this.#parts.ingress.close()
    for (const listener of this.#listeners) {
      await listener.stop()
      listener.destroy()
    }
    this.#zapClients.close()
    await this.#streams.close()
    await this.#fetch[Symbol.asyncDispose]()
  }

  get #isIdle(): boolean {
    return this.#openRequests === 0 && this.#parts.ingress.openCount === 0
  }

  get #ingressCount(): number {
    return this.#listeners.reduce((sum, { flowCount }) => sum + flowCount, this.#parts.ingress.openCount)
  }

  #certificateFiles(config: GatewayConfig) {
    return config.certificates.flatMap(one => ('acme' in one ? [] : [one]))
  }

  async #reopenStopped(wanted: ReadonlySet<string>): Promise<void> {
    for (const [i, listener] of this.#listeners.entries()) {
      if (wanted.has(listenerKey(listener.config))) continue
      try {
        this.#listeners[i] = await openListener(listener.config, this.#parts)
      } catch (error) {
        this.#options.log.error('listener.lost', { reason: (error as Error).message })
      }
    }
  }

  #done(record: AccessRecord, durationMs: number): void {
    this.#openRequests -= 1
    this.#parts.metrics.request(record, durationMs)
    this.#options.onAccess(accessLine(record, durationMs))
    this.#tellIfIdle()
  }

  #tellIfIdle(): void {
    if (!this.#isIdle) return
    for (const tell of this.#onIdle) tell()
  }
}

/** How often files of certificates are looked at. */
const CERTIFICATE_WATCH_MS = 5_000
