import type { Duplex } from 'node:stream'
import type { Access } from '../core/api/shapes.ts'
import { MeshError } from '../core/model/errors.ts'
import { parseEndpointId } from '../core/model/ids.ts'
import { parseName } from '../core/model/names.ts'
import { type Connector, createConnector } from './adapters/connector.ts'
import { createFetch, type MeshFetch } from './adapters/fetch.ts'
import { type AgentFor, createHttpAgent, type HttpAgentOptions } from './adapters/http-agents.ts'
import { type ServiceServer, serveConnections } from './adapters/serve.ts'
import type { Dialing } from './app.ts'
import type { Billing } from './billing/billing.ts'
import { Connection, type OpenedStream } from './connection.ts'
import type { Context, DialOptions, ListenOptions, SessionInfo } from './context.ts'
import type { ContextEvents, ServiceEntry } from './context-events.ts'
import type { ContextConfig, ContextMode } from './context-options.ts'
import { apiSessionShape, readAnswer } from './edge-answers.ts'
import type { EdgeClient } from './edge-client.ts'
import type { InnerMesh } from './inner-mesh.ts'
import { createListener, type HostedListener, type Listener } from './listener.ts'
import type { MeshLife } from './mesh-life.ts'
import { parseServiceAddress, type ServiceAddress, shortName } from './service-address.ts'
import { listServices, type ServiceWatch, watchServices } from './service-watch.ts'
import { createTypedEmitter, type TypedEvents } from './typed-events.ts'
import { toZtmError, ZtmError } from './ztm-error.ts'

/** What a context is made of. */
export interface ContextParts extends AsyncDisposable {
  readonly edge: EdgeClient
  readonly life: MeshLife
  /** Opened when it is first asked for. @throws ZtmError */
  billing(): Promise<Billing>
}

/** What the parts tell the context. */
export interface ContextHooks {
  onMember(mesh: InnerMesh): Promise<void>
  onChange(mesh: InnerMesh): void
  emit<K extends keyof ContextEvents>(name: K, event: ContextEvents[K]): void
}

/** See `Context`. */
export class ContextRun implements Context {
  readonly #config: ContextConfig
  readonly #parts: ContextParts
  readonly #emitter = createTypedEmitter<ContextEvents>(() => this.#watch.look())
  readonly #watch: ServiceWatch
  readonly #listeners = new Set<HostedListener>()
  readonly #connections = new Set<Connection>()
  readonly #paths = new Map<string, string>()
  #wasOnline = false
  #fetch: MeshFetch | undefined
  #closing: Promise<void> | undefined

  constructor(config: ContextConfig, open: (hooks: ContextHooks) => ContextParts) {
    this.#config = config
    this.#parts = open({
      onMember: mesh => this.#hostAll(mesh),
      onChange: mesh => this.#noteLink(mesh),
      emit: (name, event) => this.#emitter.emit(name, event),
    })
    this.#watch = watchServices(this.#parts.edge, this.#emitter)
  }

  get mode(): ContextMode {
    return this.#config.mode
  }

  get credentials(): string {
    return this.#config.credential.display()
  }

  get controllerUrl(): string {
    return this.#config.controllerUrl
  }

  async authenticate(): Promise<SessionInfo> {
    this.#requireOpen()
    await this.#parts.life.ready()
    return (await this.session()) as SessionInfo
  }

  async services(): Promise<ServiceEntry[]> {
    this.#requireOpen()
    return listServices(this.#parts.edge)
  }

  async dial(service: string, options: DialOptions = {}): Promise<Connection> {
    const connection = this.connect(service, options)
    // Who waits for the promise need not listen for the event as well.
    const ignore = () => {}
    connection.on('error', ignore)
    await connection.opened
    connection.off('error', ignore)
    return connection
  }

  connect(service: string, options: DialOptions & { readonly isLazy?: boolean } = {}): Connection {
    this.#requireOpen()
    this.#requireMode('dial', service)
    const { timeoutMs = Math.min(this.#config.connectTimeoutMs, LONGEST_DIAL_MS), signal, appData } = options
    const address = parseServiceAddress(service, this.controllerUrl)
    const connection = new Connection({
      service: address.service,
      open: onDialing => this.#open(address, { options, connection: () => connection, onDialing }),
      timeoutMs,
      signal,
      endsTogether: options.endsTogether === true,
      isLazy: options.isLazy === true,
    })
    this.#keep(connection)
    if (appData !== undefined && appData.length > 0) connection.write(appData)
    return connection
  }

  async listen(service: string, options: ListenOptions = {}): Promise<Listener> {
    this.#requireOpen()
    this.#requireMode('host', service)
    const { service: name, instance: misplaced } = parseServiceAddress(service, this.controllerUrl)
    if (misplaced !== undefined) throw badListen(service, 'give the instance as an option')
    const listener = createListener({
      service: name,
      ...readListenOptions(service, options),
      ...this.#hosting,
    })
    if ([...this.#listeners].some(({ serviceName }) => serviceName === name))
      throw badListen(service, 'this context hosts it already')
    this.#listeners.add(listener)
    const { life } = this.#parts
    try {
      const { current } = life
      if (current !== undefined) await listener.hostIn(current)
      // A new member hosts what there is, and hears whether it may when its link is up.
      else await (await life.ready()).membership.whenUsable(ANNOUNCE_WAIT_MS)
    } catch (thrown) {
      const error = toZtmError(thrown, { serviceName: shortName(name) })
      if (!isPassing(error)) {
        await listener.close()
        throw error
      }
    }
    const { error } = listener
    if (error !== undefined && !isPassing(error)) {
      await listener.close()
      throw error
    }
    life.keepTrying()
    return listener
  }

  async session(): Promise<SessionInfo | undefined> {
    this.#requireOpen()
    const { edge } = this.#parts
    if (edge.login === undefined) return undefined
    const answer = await edge.call({ method: 'GET', path: '/current-api-session' })
    const { id, identity, expiresAt } = readAnswer(apiSessionShape, answer, 'API session')
    return { id, identity, expiresAt }
  }

  events(): TypedEvents<ContextEvents> {
    return this.#emitter.events
  }

  agent<O extends HttpAgentOptions = { tls?: false }>(options?: O): AgentFor<O> {
    return createHttpAgent(this, options ?? ({} as O))
  }

  get fetch(): typeof globalThis.fetch {
    this.#fetch ??= createFetch(this)
    return this.#fetch.fetch
  }

  async server(server: ServiceServer, service: string, options?: ListenOptions): Promise<Listener> {
    const listener = await this.listen(service, options)
    serveConnections(listener, server)
    return listener
  }

  connector(): Connector {
    return createConnector(this)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#watch[Symbol.dispose]()
    await Promise.all([...this.#listeners].map(listener => listener.close()))
    for (const connection of this.#connections) connection.destroy()
    await this.#fetch?.[Symbol.asyncDispose]()
    const { edge, life } = this.#parts
    // A login that is under way may wait for a controller that says nothing.
    if (edge.login === undefined) await edge[Symbol.asyncDispose]()
    await life[Symbol.asyncDispose]()
    await edge.logout()
    await this.#parts[Symbol.asyncDispose]()
    this.#emitter.close()
  }

  async #open(
    { service, instance }: ServiceAddress,
    dial: {
      readonly options: DialOptions
      readonly connection: () => Connection
      readonly onDialing: (dialing: Dialing) => void
    },
  ): Promise<OpenedStream> {
    const billing = await this.#parts.billing()
    await this.#checkBalance(billing, service)
    const mesh = await this.#parts.life.ready()
    const { stickinessToken } = dial.options
    const dialing = mesh.host.dial(service, {
      ...(instance !== undefined && { instance }),
      ...(stickinessToken && { sticky: parseEndpointId(stickinessToken) }),
    })
    dial.onDialing(dialing)
    const { stream, user, endpoint, sessionId, isMetered } = await dialing.opened.catch(error => {
      const { link } = mesh.membership
      throw link.session === undefined && toZtmError(error).code === 'offline'
        ? new ZtmError('no-edge-routers', error, { serviceName: service })
        : error
    })
    const connection = dial.connection()
    this.#parts.life.hold(mesh, stream)
    const billed = { service, sessionId, ...(isMetered === true && { isMetered }) }
    const metered = billing.open(billed, error =>
      connection.destroy(toZtmError(error, { serviceName: service })),
    )
    this.#emitter.emit('session-created', { service, sessionId })
    stream.once('close', () => this.#emitter.emit('session-closed', { service, sessionId }))
    const peer = { kind: 'endpoint', mesh: mesh.membership.record.id, user, endpoint } as const
    return { stream, peer, sessionId, metered }
  }

  async #checkBalance(billing: Billing, service: string): Promise<void> {
    if (this.#config.billing === undefined) return
    try {
      await billing.check(service)
      this.#emitter.emit('billing-ok', { service })
    } catch (thrown) {
      const error = toZtmError(thrown, { serviceName: service })
      this.#emitter.emit('billing-failed', { service, error })
      throw error
    }
  }

  get #hosting() {
    return {
      hold: (mesh: InnerMesh, connection: Connection, stream: Duplex) => {
        this.#keep(connection)
        this.#parts.life.hold(mesh, stream)
      },
      onClose: (listener: Listener) => this.#listeners.delete(listener as HostedListener),
    }
  }

  /** A new member hosts all that is hosted here. */
  async #hostAll(mesh: InnerMesh): Promise<void> {
    await Promise.all(
      [...this.#listeners].map(listener =>
        listener.hostIn(mesh).catch(thrown => {
          const error = toZtmError(thrown, { serviceName: listener.serviceName })
          this.#config.log.warn('hosting.refused', { service: listener.serviceName, reason: error.message })
          listener.fail(error)
        }),
      ),
    )
  }

  #keep(connection: Connection): void {
    this.#connections.add(connection)
    connection.once('close', () => this.#connections.delete(connection))
  }

  #noteLink({ membership }: InnerMesh): void {
    const { state } = membership.link
    const isOnline = state.state === 'online'
    if (isOnline !== this.#wasOnline) {
      this.#wasOnline = isOnline
      if (isOnline) this.#emitter.emit('link-up', { hub: state.bootstrap })
      else {
        const error = 'lastError' in state && state.lastError ? toZtmError(state.lastError) : undefined
        this.#emitter.emit('link-down', { error })
      }
    }
    for (const { identity, path } of membership.peers.all) {
      if (membership.peers.warm(identity.endpoint)?.path !== path) continue
      if (this.#paths.get(identity.endpoint) === path) continue
      this.#paths.set(identity.endpoint, path)
      this.#emitter.emit('path-changed', { endpoint: identity.endpoint, path })
    }
    this.#watch.look()
  }

  #requireOpen(): void {
    if (this.#closing === undefined) return
    throw toZtmError(new MeshError('link-closed', 'Cannot use context: it was closed'))
  }

  /** A program that only wants to dial must never end up serving others, nor the other way round. */
  #requireMode(wanted: 'dial' | 'host', service: string): void {
    const { mode } = this.#config
    if (mode === 'both' || mode === wanted) return
    const message = `Cannot ${wanted} "${service}": this context was made with mode "${mode}": make another`
    throw new ZtmError(
      'invalid-config',
      { code: 'bad-input', message },
      { field: 'mode', serviceName: service },
    )
  }
}

function readListenOptions(service: string, options: ListenOptions) {
  const { cost = 0, precedence = 'default', instance, maxConnections = DEFAULT_MAX_CONNECTIONS } = options
  const isCost = Number.isInteger(cost) && cost >= 0 && cost <= 65_535
  if (!isCost) throw badListen(service, 'cost is a whole number, 0 to 65535')
  if (!Number.isInteger(maxConnections) || maxConnections < 1)
    throw badListen(service, 'maxConnections is a whole number, at least 1')
  const access: Access = { users: [], entrances: [], policies: true, ...options.access }
  const isRanked = options.cost !== undefined || options.precedence !== undefined
  return {
    access,
    rank: isRanked ? { cost, precedence } : undefined,
    instance: instance === undefined ? undefined : parseName(instance, 'instance'),
    maxConnections,
  }
}

function badListen(service: string, wanted: string): ZtmError {
  const error = new MeshError('bad-input', `Cannot host "${service}": ${wanted}`)
  return new ZtmError('invalid-config', error, { serviceName: service })
}

/** Whether waiting helps: then a listener is made all the same. */
function isPassing(error: ZtmError): boolean {
  if (error.reason === 'auth-failed' || error.reason === 'not-authenticated') return false
  return error.kind.retry
}

/** What the agent's dialler takes for a dial. */
const LONGEST_DIAL_MS = 20_000
const DEFAULT_MAX_CONNECTIONS = 10_000
/** How long a program that hosts waits to hear whether it may. */
const ANNOUNCE_WAIT_MS = 5_000
