import { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { EndpointInfo } from '../core/api/shapes.ts'
import { MeshError } from '../core/model/errors.ts'
import { isUuid } from '../core/model/ids.ts'
import { type Log, withFields } from '../core/model/log.ts'
import type { Name } from '../core/model/names.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Store } from '../core/model/store.ts'
import type { Clock } from '../core/model/time.ts'
import { request } from '../net/call-route.ts'
import { bindUdp, connectTcp, connectUdp, listenTcp } from '../net/host-sockets.ts'
import { createHttpForwarder } from '../net/http-forwarder.ts'
import { listListeningPorts } from '../net/listening-ports.ts'
import { ownNetworks } from '../net/own-addresses.ts'
import type { App, AppInstance, AppStorage, Host } from '../sdk/app.ts'
import type { Dialer } from './dialer.ts'
import type { ComputerDisk } from './disk/app-disk.ts'
import type { Hostings } from './hostings.ts'
import type { HubLink } from './hub-link.ts'
import type { Peers } from './peers.ts'
import { runProgram } from './run-program.ts'
import type { ScriptRunner } from './sandbox/run-script.ts'

/** An app that was started in a mesh. */
export interface RunningApp {
  readonly app: App
  readonly instance: AppInstance
}

/** What a host gives its app access to. */
export interface AppHostOptions {
  readonly app: Pick<App, 'name'>
  readonly mesh: Name
  readonly endpointName: () => Name
  readonly self: EndpointIdentity
  readonly store: Store
  readonly link: HubLink
  readonly peers: Peers
  readonly hostings: Hostings
  readonly dialer: Dialer
  readonly disk: ComputerDisk
  /** The apps that run beside it: one of them may have the files of the mesh. */
  readonly running?: () => readonly RunningApp[]
  /** Runs scripts; without it none can be. */
  readonly scripts?: ScriptRunner | undefined
  readonly clock: Clock
  readonly log: Log
}

/** Start an app in one mesh. */
export async function startApp(options: AppHostOptions & { readonly app: App }): Promise<RunningApp> {
  return { app: options.app, instance: await options.app.start(createAppHost(options)) }
}

/** The whole of what an app can reach. */
export function createAppHost(options: AppHostOptions): Host {
  const { app, self, link, peers, hostings, dialer } = options
  const host: Host = {
    mesh: options.mesh,
    get endpoint() {
      return { id: self.endpoint, name: options.endpointName(), user: self.user }
    },
    log: withFields(options.log, { app: app.name }),
    clock: options.clock,
    storage: scopeStorage(options.store, `app/${options.mesh}/${app.name}/`),
    findEndpoint: nameOrId => findEndpoint(link, nameOrId),
    async services() {
      return (await link.call(CONTROLLER_API.listServices, {})).services
    },
    serve: (service, serveOptions) => hostings.serve(service, serveOptions),
    dial: (service, dialOptions) => dialer.dial(service, dialOptions),
    prepare: (service, dialOptions) => dialer.prepare(service, dialOptions),
    async request(endpoint, { method, path, body }) {
      const { session, identity } = await peers.session(endpoint)
      // The hub's directory named the endpoint; its certificate says whose it is.
      if (identity.user !== self.user) {
        throw new MeshError(
          'denied',
          `Cannot manage endpoint ${endpoint}: it is ${identity.user}'s, you are ${self.user}`,
        )
      }
      const text = body === undefined ? undefined : JSON.stringify(body)
      return request(session, {
        method,
        path: `/api/apps/${app.name}${path}`,
        ...(text !== undefined && { body: text }),
      })
    },
    listenTcp,
    connectTcp,
    bindUdp,
    connectUdp,
    ownNetworks,
    listeningPorts: listListeningPorts,
    pathTo(endpoint) {
      if (endpoint === self.endpoint) return { kind: 'local', roundTripMs: 0 }
      const session = peers.warm(endpoint)
      return session && { kind: session.path, roundTripMs: session.roundTripMs }
    },
    forwardHttp: createHttpForwarder,
    runProgram,
    runScript: async script => {
      if (options.scripts !== undefined) return options.scripts.run(host, script)
      throw new MeshError('unsupported', 'Cannot run script: this agent runs none')
    },
    disk: options.disk.forApp(options.mesh, app.name),
    get meshFiles() {
      const giving = options.running?.().find(({ instance }) => instance.meshFilesFor !== undefined)
      return giving?.instance.meshFilesFor?.(app.name)
    },
    after(delayMs, call) {
      const timer = setTimeout(call, delayMs)
      return () => clearTimeout(timer)
    },
  }
  return host
}

/**
 * Find an endpoint by id or exact name.
 *
 * @throws MeshError `not-found`, `ambiguous`, `offline`; `bad-message` if the hub gives another than that of the id
 */
export async function findEndpoint(link: HubLink, nameOrId: string): Promise<EndpointInfo> {
  if (isUuid(nameOrId)) {
    const found = await link.call(CONTROLLER_API.showEndpoint, { params: { endpoint: nameOrId } })
    // What is done next goes to the endpoint that was named, whatever a hub says.
    if (found.id === nameOrId) return found
    throw new MeshError('bad-message', `Cannot find endpoint ${nameOrId}: the hub answered with another`)
  }
  const { endpoints } = await link.call(CONTROLLER_API.listEndpoints, { query: { name: nameOrId } })
  const [found, other] = endpoints
  if (found === undefined)
    throw new MeshError('not-found', `Cannot find endpoint "${nameOrId}": see \`ztm get ep\``)
  if (other !== undefined)
    throw new MeshError('ambiguous', `Cannot choose endpoint "${nameOrId}": use its id`)
  return found
}

function scopeStorage(store: Store, prefix: string): AppStorage {
  return {
    get: async key => (await store.get(prefix + key))?.value,
    list: async below =>
      (await store.list(prefix + below)).map(({ key, value }) => ({ key: key.slice(prefix.length), value })),
    async put(key, value) {
      await store.put(prefix + key, value)
    },
    delete: key => store.delete(prefix + key),
  }
}
