import { randomUUID } from 'node:crypto'
import { Hono } from 'hono'
import { createDisk } from '../agent/disk/open-folder.ts'
import { runProgram } from '../agent/run-program.ts'
import { type Answer, type Arguments, formatPath, type Route } from '../core/api/route.ts'
import type { ServiceInfo } from '../core/api/shapes.ts'
import { MeshError, parseErrorBody } from '../core/model/errors.ts'
import { type EndpointId, parseEndpointId, parseMeshId } from '../core/model/ids.ts'
import { type Name, parseName, parseUserName, type ServiceName, type UserName } from '../core/model/names.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Json } from '../core/model/store.ts'
import { bindUdp, connectTcp, connectUdp, listenTcp } from '../net/host-sockets.ts'
import { createHttpForwarder } from '../net/http-forwarder.ts'
import { listListeningPorts } from '../net/listening-ports.ts'
import { serveRoutes } from '../net/serve-routes.ts'
import type {
  App,
  AppCaller,
  AppInstance,
  AppStorage,
  DialOptions,
  Host,
  Hosting,
  KnownPath,
  ServeOptions,
} from '../sdk/app.ts'
import { describeEndpoint } from './describe-endpoint.ts'
import { createManualTimers, type ManualTimers } from './manual-timers.ts'
import { createRecordedLog, type RecordedLog } from './recorded-log.ts'
import { makeScratchFolder, type ScratchFolder } from './scratch-folder.ts'
import { createLazyScripts } from './script-lab.ts'
import { TestDialing } from './test-dialing.ts'

/** A mesh of hosts in memory, for tests of apps: no hub, no agents; real TCP and UDP; time stands until it is turned on. */
export interface TestMesh extends AsyncDisposable {
  readonly timers: ManualTimers
  /** Which groups users are in, for a test to change; streams that are open stay. */
  readonly groups: Map<string, readonly Name[]>
  /** Add an endpoint. @param user  `root` if absent */
  addEndpoint(name: string, user?: string): TestEndpoint
  /** Let no dial be answered until the function is called that this returns. */
  holdDials(): () => void
}

/** What a test may make fail at an endpoint. */
export interface TestFaults {
  dial?: MeshError | undefined
  serve?: MeshError | undefined
  /** What writing records throws. */
  storage?: MeshError | undefined
}

/** An endpoint and what the test sees of it. */
export interface TestEndpoint {
  readonly identity: EndpointIdentity
  readonly name: string
  readonly log: RecordedLog
  /** What its apps have kept; stays over restarts of the app. */
  readonly records: Map<string, Json>
  /** What was dialled and prepared from here. */
  readonly dials: { readonly service: ServiceName; readonly options: DialOptions }[]
  readonly prepared: ServiceName[]
  readonly hosted: ReadonlyMap<ServiceName, TestHosting>
  readonly faults: TestFaults
  isOnline: boolean
  /** Its addresses, each with its network. */
  networks: string[]
  /** The ways from it that are known. */
  readonly pathsTo: Map<EndpointId, KnownPath>
  host(app: App): Host
  /** Start an app here. */
  start(app: App): Promise<TestApp>
}

/** An app that runs at an endpoint. */
export interface TestApp extends AsyncDisposable {
  /** Ask its API as this computer's user. @throws MeshError what the app throws */
  call<R extends Route>(route: R, args: Arguments<R>): Promise<Answer<R>>
  /** Ask it as somebody else, by method and path, with any body. */
  request(caller: AppCaller, request: { method: string; path: string; body?: unknown }): Promise<unknown>
  readonly contents: AppInstance['contents']
}

/** A service as an endpoint hosts it. */
export interface TestHosting {
  options: ServeOptions
  health: 'up' | 'partly' | 'down' | 'unknown'
}

/** Make a mesh without endpoints. */
export function createTestMesh(): TestMesh {
  const mesh = new MemoryMesh()
  return {
    timers: mesh.timers,
    groups: mesh.groups,
    addEndpoint: (name, user = 'root') => {
      const endpoint = new MemoryEndpoint(mesh, name, user)
      mesh.endpoints.push(endpoint)
      return endpoint
    },
    holdDials: () => mesh.holdDials(),
    async [Symbol.asyncDispose]() {
      const apps = mesh.endpoints.flatMap(({ apps }) => [...apps.values()])
      await Promise.all(apps.map(app => app[Symbol.asyncDispose]()))
      for (const endpoint of mesh.endpoints) endpoint.removeOwnFolder()
      await mesh.scripts[Symbol.asyncDispose]()
    },
  }
}

class MemoryMesh {
  readonly timers = createManualTimers()
  readonly groups = new Map<string, readonly Name[]>()
  readonly endpoints: MemoryEndpoint[] = []
  readonly id = parseMeshId('a'.repeat(26))
  held: Promise<void> | undefined
  readonly scripts = createLazyScripts()

  holdDials(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.held = promise
    return () => {
      this.held = undefined
      resolve()
    }
  }

  /** Who hosts a service now: all of one user. */
  hostings(service: ServiceName): MemoryEndpoint[] {
    return this.endpoints.filter(({ hosted }) => hosted.has(service))
  }
}

class MemoryEndpoint implements TestEndpoint {
  readonly identity: EndpointIdentity
  readonly name: string
  readonly log = createRecordedLog()
  readonly records = new Map<string, Json>()
  networks: string[] = []
  readonly pathsTo = new Map<EndpointId, KnownPath>()
  readonly dials: { service: ServiceName; options: DialOptions }[] = []
  readonly prepared: ServiceName[] = []
  readonly hosted = new Map<ServiceName, TestHosting>()
  readonly faults: TestFaults = {}
  readonly apps = new Map<string, TestApp>()
  #meshFilesFor: AppInstance['meshFilesFor']
  #ownFolder: ScratchFolder | undefined
  isOnline = true
  readonly #mesh: MemoryMesh

  constructor(mesh: MemoryMesh, name: string, user: string) {
    this.#mesh = mesh
    this.name = name
    this.identity = {
      kind: 'endpoint',
      mesh: mesh.id,
      user: parseUserName(user),
      endpoint: parseEndpointId(randomUUID()),
    }
  }

  async start(app: App): Promise<TestApp> {
    const instance = await app.start(this.host(app))
    this.#meshFilesFor ??= instance.meshFilesFor
    const server = new Hono<{ Bindings: { caller: AppCaller } }>()
    serveRoutes(server as never, app.api, instance.handlers, {
      caller: context => (context.env as { caller: AppCaller }).caller,
      log: this.log,
    })
    const request: TestApp['request'] = async (caller, { method, path, body }) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      const response = await server.request(
        path,
        { method, ...(text !== undefined && { body: text }) },
        { caller },
      )
      const answer = await response.text()
      if (response.ok) return answer === '' ? undefined : JSON.parse(answer)
      throw parseErrorBody(JSON.parse(answer)) ?? new MeshError('bad-message', answer)
    }
    const running: TestApp = {
      request,
      contents: instance.contents,
      async call(route, { params, query, body }) {
        const path = formatPath(route, params ?? {}, query ?? {})
        return (await request({ source: 'user' }, { method: route.method, path, body })) as never
      },
      [Symbol.asyncDispose]: async () => {
        this.apps.delete(app.name)
        await instance[Symbol.asyncDispose]()
      },
    }
    this.apps.set(app.name, running)
    return running
  }

  host(app: App): Host {
    const { identity, name } = this
    const { timers } = this.#mesh
    return {
      mesh: parseName('test'),
      endpoint: { id: identity.endpoint, name: parseName(name), user: identity.user },
      log: this.log,
      clock: timers.clock,
      after: (ms, call) => timers.after(ms, call),
      storage: this.#storage(),
      findEndpoint: async nameOrId => describeEndpoint(this.#find(nameOrId)),
      services: async () => this.#services(),
      serve: (service, options) => this.#serve(service, options),
      dial: (service, options = {}) => {
        this.dials.push({ service, options })
        return this.#dial(service, options)
      },
      prepare: service => {
        this.prepared.push(service)
      },
      request: (endpoint, request) => this.#request(app, endpoint, request),
      listenTcp,
      connectTcp,
      bindUdp,
      connectUdp,
      ownNetworks: () => this.networks,
      listeningPorts: listListeningPorts,
      pathTo: endpoint => (endpoint === identity.endpoint ? { kind: 'local' } : this.pathsTo.get(endpoint)),
      forwardHttp: createHttpForwarder,
      runProgram,
      runScript: script => this.#mesh.scripts.run(this.host(app), script),
      disk: { ...createDisk(), openOwnFolder: () => this.#openOwnFolder() },
      meshFiles: this.#meshFilesFor?.(app.name),
    }
  }

  async #openOwnFolder() {
    this.#ownFolder ??= makeScratchFolder()
    return createDisk().openFolder(this.#ownFolder.path)
  }

  #storage(): AppStorage {
    const check = () => {
      if (this.faults.storage !== undefined) throw this.faults.storage
    }
    return {
      get: async key => this.records.get(key),
      list: async prefix =>
        [...this.records]
          .filter(([key]) => key.startsWith(prefix))
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, value]) => ({ key, value })),
      put: async (key, value) => {
        check()
        this.records.set(key, structuredClone(value))
      },
      delete: async key => {
        check()
        this.records.delete(key)
      },
    }
  }

  #find(nameOrId: string): MemoryEndpoint {
    const [found, other] = this.#mesh.endpoints.filter(
      ({ name, identity }) => name === nameOrId || identity.endpoint === nameOrId,
    )
    if (found === undefined) throw new MeshError('not-found', `Cannot find endpoint "${nameOrId}"`)
    if (other !== undefined) throw new MeshError('ambiguous', `Cannot choose endpoint "${nameOrId}"`)
    return found
  }

  #services(): ServiceInfo[] {
    if (!this.isOnline) throw new MeshError('offline', 'Cannot list services: no hub can be reached')
    const names = new Set(this.#mesh.endpoints.flatMap(({ hosted }) => [...hosted.keys()]))
    return [...names].flatMap(name => {
      const hostings = this.#mesh.hostings(name).filter(hosting => hosting.admits(name, this.identity))
      const owner = hostings[0]?.identity.user
      if (owner === undefined) return []
      return [{ name, owner, hostings: hostings.map(hosting => hosting.describeHosting(name)) }]
    })
  }

  async #serve(service: ServiceName, options: ServeOptions): Promise<Hosting> {
    if (this.faults.serve !== undefined) throw this.faults.serve
    if (this.hosted.has(service)) throw new MeshError('conflict', `Cannot host "${service}": hosted already`)
    const owner = this.#mesh.hostings(service)[0]?.identity.user ?? this.identity.user
    if (owner !== this.identity.user) {
      throw new MeshError('name-taken', `Cannot host "${service}": it is ${owner}'s`)
    }
    const hosting: TestHosting = { options, health: 'unknown' }
    this.hosted.set(service, hosting)
    return {
      update: async access => {
        hosting.options = { ...hosting.options, access }
      },
      report: health => {
        hosting.health = health
      },
      [Symbol.asyncDispose]: async () => {
        this.hosted.delete(service)
      },
    }
  }

  #dial(service: ServiceName, options: DialOptions): TestDialing {
    return new TestDialing(async attempt => {
      await this.#mesh.held
      if (this.faults.dial !== undefined) throw this.faults.dial
      const hostings = this.#mesh.hostings(service)
      const owner = hostings[0]?.identity.user
      if (owner === undefined) throw new MeshError('not-found', `Cannot dial "${service}": nobody hosts it`)
      if (options.owner !== undefined && options.owner !== owner) {
        throw new MeshError('denied', `Cannot dial "${service}": it is ${owner}'s now`)
      }
      let lastError = new MeshError('offline', `Cannot dial "${service}": its endpoints are offline`)
      for (const hosting of hostings.filter(({ isOnline }) => isOnline)) {
        const endpoint = hosting.identity.endpoint
        if (options.exits?.length && !options.exits.includes(endpoint)) continue
        try {
          const stream = await hosting.offer(service, this.identity, options, attempt)
          return { stream, endpoint, owner, user: owner, sessionId: 'test' }
        } catch (error) {
          lastError = error as MeshError
        }
      }
      throw lastError
    })
  }

  async #request(
    app: App,
    endpoint: EndpointId,
    request: { method: string; path: string; body?: Json },
  ): Promise<unknown> {
    const other = this.#find(endpoint)
    if (!other.isOnline)
      throw new MeshError('offline', `Cannot reach endpoint "${other.name}": it is offline`)
    if (other.identity.user !== this.identity.user) {
      throw new MeshError('denied', `Cannot manage endpoint "${other.name}": it is ${other.identity.user}'s`)
    }
    const running = other.apps.get(app.name)
    if (running === undefined) throw new MeshError('not-found', `Cannot find app "${app.name}"`)
    return running.request({ source: 'peer', identity: this.identity }, request)
  }

  removeOwnFolder(): void {
    this.#ownFolder?.[Symbol.dispose]()
  }

  admits(service: ServiceName, { user, endpoint }: EndpointIdentity): boolean {
    const access = this.hosted.get(service)?.options.access
    if (access === undefined) return false
    const isMember = this.groupsOf(user).some(group => access.groups?.includes(group))
    const isUser = user === this.identity.user || access.users.includes(user) || access.users.includes('*')
    return (isUser || isMember) && (access.entrances.length === 0 || access.entrances.includes(endpoint))
  }

  groupsOf(user: UserName): readonly Name[] {
    return this.#mesh.groups.get(user) ?? []
  }

  offer(service: ServiceName, from: EndpointIdentity, { port }: DialOptions, attempt: TestDialing) {
    const hosting = this.hosted.get(service)
    if (hosting === undefined || !this.admits(service, from)) {
      throw new MeshError('denied', `Cannot dial "${service}": not allowed`)
    }
    return attempt.offer((stream, signal, settle) =>
      hosting.options.onStream({
        service,
        from,
        groups: this.groupsOf(from.user),
        signal,
        ...(port !== undefined && { port }),
        accept: () => {
          settle()
          return stream
        },
        refuse: settle,
      }),
    )
  }

  describeHosting(service: ServiceName): ServiceInfo['hostings'][number] {
    const hosting = this.hosted.get(service)
    return {
      endpoint: this.identity.endpoint,
      name: parseName(this.name),
      isOnline: this.isOnline,
      health: hosting?.health ?? 'unknown',
      access: hosting?.options.access ?? { users: [], entrances: [] },
    }
  }
}
