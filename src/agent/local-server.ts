import type { IncomingMessage, Server, ServerOptions } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { secureHeaders } from 'hono/secure-headers'
import { z } from 'zod'
import { AGENT_API, AGENT_EVENTS_PATH, OPENAPI_PATH } from '../core/api/agent-api.ts'
import { describeApis } from '../core/api/openapi.ts'
import { nameShape } from '../core/api/shapes.ts'
import { type Address, formatAddress } from '../core/model/address.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { Name } from '../core/model/names.ts'
import { type ConnectionUid, createConnectionUids, userOfConnection } from '../net/connection-user.ts'
import { listen } from '../net/hub-port.ts'
import { answerError, serveRoutes } from '../net/serve-routes.ts'
import {
  closeServer,
  createHttp1Server,
  STREAM_PROTOCOL,
  serveUnixSocket,
  type UpgradeRequest,
} from '../net/unix-server.ts'
import { type SocketRequest, serveWebSockets } from '../net/web-sockets.ts'
import type { PageFiles } from '../store/page-files.ts'
import type { Agent } from './agent.ts'
import type { RunningApp } from './app-host.ts'
import { type Contents, createContents, LINKS_PATH } from './contents/contents.ts'
import type { LocalCaller } from './local-caller.ts'
import { createLocalHandlers } from './local-handlers.ts'
import type { HubStarter } from './own-hub.ts'
import { type AppPages, createAppPages } from './packages/app-pages.ts'
import { requestInstalled } from './packages/request-installed.ts'
import { streamEvents } from './page-events.ts'
import { createPageLogins, isSame, mayUseToken, type PageLogins } from './page-login.ts'
import { answerPage, answerPageFile, isNavigation } from './web-page.ts'

/** How the local API is served. */
export interface LocalServerOptions {
  readonly agent: Agent
  readonly dataFolder: string
  readonly socketPath: string
  /** For browsers; undefined for none. */
  readonly listen: Address | undefined
  /** Bearer token for TCP, kept in the state folder. */
  readonly token: string
  /** Counters as Prometheus text. */
  readonly metrics: () => Promise<string>
  readonly stop: () => void
  /** Times and sizes of the TCP server that differ from the usual ones. */
  readonly http?: ServerOptions
  /** The built web page; without it browsers are told that there is none. */
  readonly page?: PageFiles | undefined
  /** Starts a hub on this computer when it is asked for; without it none can be. */
  readonly hubStarter?: HubStarter | undefined
}

/** The served local API. */
export interface LocalServer extends AsyncDisposable {
  /** Where browsers find it; undefined if they do not. */
  readonly address: Address | undefined
}

/**
 * Serve the local API on the unix socket (mode 0600) and on TCP behind the token.
 *
 * @throws MeshError `port-in-use`, `not-permitted`
 */
export async function startLocalServer(options: LocalServerOptions): Promise<LocalServer> {
  const logins = createPageLogins(() => options.agent.options.clock.now())
  const uids = createConnectionUids()
  let address: Address | undefined
  const url = () => (address === undefined ? undefined : `http://localhost:${address.port}`)
  const makeLoginCode = () => {
    const base = url()
    if (base === undefined)
      throw new MeshError('unsupported', 'Cannot open the page: the agent was started without --listen')
    return { url: `${base}/login?code=${logins.makeCode()}`, token: options.token }
  }
  const pages = createAppPages(options.agent, () => address?.port)
  const contents = createContents(options.agent)
  const handlers = createLocalHandlers({
    agent: options.agent,
    pages,
    transfers: contents.transfers,
    dataFolder: options.dataFolder,
    listen: () => (address === undefined ? undefined : formatAddress(address)),
    makeLoginCode,
    stop: options.stop,
    hubStarter: options.hubStarter,
  })
  const forSocket = createApp(options, { handlers, contents }, () => ({ via: 'socket' }))
  const socket = await serveUnixSocket(forSocket, options.socketPath, request =>
    openAppStream(options.agent, request),
  )
  let tcpServer: Server | undefined
  let sockets: Disposable | undefined
  if (options.listen !== undefined) {
    const guarded = createGuardedApp(options, { logins, uids, pages, contents, address: () => address })
    guarded.route(
      '/',
      createApp(options, { handlers, contents }, () => ({ via: 'tcp' })),
    )
    tcpServer = createHttp1Server(guarded, options.http)
    try {
      await listen(tcpServer, options.listen)
    } catch (error) {
      await socket[Symbol.asyncDispose]()
      throw error
    }
    const bound = tcpServer.address() as AddressInfo
    address = { host: bound.address, port: bound.port }
    sockets = serveWebSockets(
      tcpServer,
      request => void answerSocket(request, options.agent, { logins, uids, address }),
    )
  }
  return {
    address,
    async [Symbol.asyncDispose]() {
      sockets?.[Symbol.dispose]()
      await Promise.all([
        socket[Symbol.asyncDispose](),
        ...(tcpServer === undefined ? [] : [closeServer(tcpServer)]),
      ])
    },
  }
}

/** What stands before the API on TCP: no other page's requests, and nobody's who has not shown who they are. */
function createGuardedApp(
  options: LocalServerOptions,
  { logins, uids, pages, contents, address }: Guards,
): Hono {
  const guarded = new Hono()
  const uidOf = async (context: Context) => {
    const { incoming } = context.env as { incoming?: IncomingMessage }
    return incoming && uids(incoming.socket)
  }
  // Before everything else: at an app's own origin there is nothing of the agent's.
  guarded.use(async (context, next) => (pages.isMeant(context) ? pages.answer(context) : next()))
  guarded.use(secureHeaders())
  guarded.use(async (context, next) => {
    await next()
    // Answers of the API are nothing to be shown; the page says what it needs.
    if (!context.res.headers.has(POLICY))
      context.res.headers.set(POLICY, "default-src 'none'; frame-ancestors 'none'")
  })
  guarded.use(async (context, next) => {
    const refusal = refuseForeign(context, address())
    return refusal === undefined ? next() : answerError(context, refusal)
  })
  guarded.get('/login', async context => {
    if (logins.redeemCode(context.req.query('code') ?? ''))
      return answerPage(context, options.page, logins.open(context, await uidOf(context)))
    const message = 'Cannot log in: the code was used or is too old: run `ztm gui` again'
    return answerError(context, new MeshError('not-logged-in', message))
  })
  guarded.post('/login', async context => {
    const uid = await uidOf(context)
    if (!isToken(context, options.token, uid))
      return answerError(context, new MeshError('not-logged-in', WANTED))
    return context.json({ key: logins.open(context, uid) })
  })
  guarded.post('/logout', async context => {
    if (logins.isLoggedIn(context, await uidOf(context))) logins.close(context)
    return context.body(null, 204)
  })
  // The link is the half that else the key is: what shows a picture or a film can send no header.
  guarded.get(`${LINKS_PATH}/:secret`, async context =>
    contents.answerLink(context, logins.sessionOf(context, await uidOf(context))),
  )
  guarded.post('/api/content-links', bodyLimit({ maxSize: 32_768 }), async context => {
    const uid = await uidOf(context)
    const session = logins.isLoggedIn(context, uid) ? logins.sessionOf(context, uid) : undefined
    if (session !== undefined) return contents.makeLink(context, session)
    return answerError(context, new MeshError('not-logged-in', WANTED))
  })
  guarded.use(async (context, next) => {
    if (isNavigation(context)) {
      const key = (await isOwnUser(context)) ? logins.open(context, await uidOf(context)) : undefined
      return answerPage(context, options.page, key, pages.framedAt(new URL(context.req.url).pathname))
    }
    const file = context.req.method === 'GET' && (await answerPageFile(context, options.page))
    if (file) return file
    const uid = await uidOf(context)
    if (logins.isLoggedIn(context, uid) || isToken(context, options.token, uid)) return next()
    return answerError(context, new MeshError('not-logged-in', WANTED))
  })
  return guarded
}

interface Guards {
  readonly logins: PageLogins
  readonly uids: ConnectionUids
  readonly pages: AppPages
  readonly contents: Contents
  readonly address: () => Address | undefined
}

function createApp(
  options: LocalServerOptions,
  { handlers, contents }: { handlers: ReturnType<typeof createLocalHandlers>; contents: Contents },
  caller: () => LocalCaller,
): Hono {
  const { agent } = options
  const app = new Hono()
  serveRoutes(app, AGENT_API, handlers, { log: agent.options.log, caller })
  contents.bind(app)
  bindApps(app, agent)
  app.get(OPENAPI_PATH, context => context.json(describeLocalApi(agent)))
  app.get('/metrics', async context => context.text(await options.metrics()))
  app.get(AGENT_EVENTS_PATH, context => streamEvents(context, agent))
  app.notFound(context =>
    answerError(
      context,
      new MeshError('not-found', `Cannot ${context.req.method} ${context.req.path}: no such path`),
    ),
  )
  return app
}

/**
 * What takes a stream to an app of one mesh: `/api/meshes/{mesh}/apps/{provider}/{app}/stream`.
 *
 * @throws MeshError `not-found`, `not-joined`
 */
function streamTaker(agent: Agent, path: string): (stream: Duplex) => void {
  const [, mesh = '', name] = /^\/api\/meshes\/([^/]+)\/apps\/([^/]+\/[^/]+)\/stream$/.exec(path) ?? []
  const { apps, packages } = agent.mesh(decodeURIComponent(mesh) as Name)
  const builtIn = apps.find(({ app }) => app.name === name)
  const receive = builtIn ? builtIn.instance.receiveLocal : packages?.apps.receiver(name ?? '')
  if (receive === undefined)
    throw new MeshError('not-found', `Cannot open stream to app "${name}": it takes none`)
  return receive
}

function openAppStream(agent: Agent, { path, accept, refuse }: UpgradeRequest): void {
  try {
    streamTaker(agent, path)(accept())
  } catch (error) {
    refuse(toMeshError(error))
  }
}

/** Each app's own API, below `/api/meshes/{mesh}/apps/{provider}/{app}`. */
function bindApps(root: Hono, agent: Agent): void {
  const bound = new WeakMap<RunningApp, Hono>()
  root.all('/api/meshes/:mesh/apps/:provider/:app/*', context => {
    const mesh = context.req.param('mesh') as Name
    const name = `${context.req.param('provider')}/${context.req.param('app')}`
    let membership: ReturnType<Agent['mesh']>
    try {
      membership = agent.mesh(mesh)
    } catch (error) {
      return answerError(context, error as MeshError)
    }
    const running = membership.apps.find(({ app }) => app.name === name)
    if (running === undefined) {
      const base = `/api/meshes/${encodeURIComponent(mesh)}/apps/${name}`
      const caller = { source: 'user' } as const
      return requestInstalled(context, { packages: membership.packages, name, base, caller })
    }
    let app = bound.get(running)
    if (app === undefined) {
      app = new Hono().basePath(`/api/meshes/:mesh/apps/${name}`)
      serveRoutes(app, running.app.api, running.instance.handlers, {
        log: agent.options.log,
        caller: () => ({ source: 'user' as const }),
      })
      bound.set(running, app)
    }
    return app.fetch(context.req.raw, context.env)
  })
}

function describeLocalApi(agent: Agent): object {
  return describeApis('ZTM agent', agent.options.version, [
    { api: AGENT_API, tag: 'agent' },
    ...agent.options.apps.map(app => ({
      api: app.api,
      tag: app.name.replace('/', '_'),
      prefix: `/api/meshes/{mesh}/apps/${app.name}`,
      prefixParams: z.object({ mesh: nameShape }),
    })),
  ])
}

/**
 * A stream to an app, for the page: the browser offers `ztm-stream` and, as it can send no header of ours, its key as the
 * name of another protocol.
 */
async function answerSocket(
  { path, headers, socket, protocols, accept, refuse }: SocketRequest,
  agent: Agent,
  { logins, uids, address }: { logins: PageLogins; uids: ConnectionUids; address: Address | undefined },
): Promise<void> {
  const { host, origin, cookie } = headers
  const key = protocols.find(name => name.startsWith(KEY_PROTOCOL))?.slice(KEY_PROTOCOL.length) ?? ''
  const isOwn = origin !== undefined && isOwnPlace(host, origin, address)
  try {
    if (!isOwn) throw new MeshError('wrong-origin', FOREIGN_PAGE)
    if (!protocols.includes(STREAM_PROTOCOL) || !logins.isLogin(cookie, key, await uids(socket)))
      throw new MeshError('not-logged-in', WANTED)
    accept(STREAM_PROTOCOL, streamTaker(agent, path))
  } catch (error) {
    refuse(toMeshError(error))
  }
}

/** Whether a request names us as the one it is for, and its page as ours. */
function isOwnPlace(host = '', origin: string | undefined, address: Address | undefined): boolean {
  const port = address?.port ?? 0
  const names = new Set([`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`])
  if (address !== undefined) names.add(formatAddress(address))
  return names.has(host) && (origin === undefined || names.has(origin.replace(/^http:\/\//, '')))
}

/** A page of another site, or a name that was made to point here, gets nothing. */
function refuseForeign(context: Context, address: Address | undefined): MeshError | undefined {
  const host = context.req.header('host')
  if (!isOwnPlace(host, undefined, address))
    return new MeshError('wrong-origin', 'Cannot use the agent: asked by a host name that is not its own')
  if (!isOwnPlace(host, context.req.header('origin'), address))
    return new MeshError('wrong-origin', FOREIGN_PAGE)
  // Requests without an `Origin`, as of images and scripts, tell here what page they are of.
  const site = context.req.header('sec-fetch-site')
  if ((site === 'cross-site' || site === 'same-site') && !isNavigation(context))
    return new MeshError('wrong-origin', FOREIGN_PAGE)
  return undefined
}

/**
 * Whether the browser is run by the user of this agent, on this computer, and asks by itself: no other page sent it here, and
 * nobody's request is passed on.
 */
async function isOwnUser(context: Context): Promise<boolean> {
  const site = context.req.header('sec-fetch-site') ?? 'none'
  if (site !== 'none' && site !== 'same-origin') return false
  if (PASSED_ON.some(name => context.req.header(name) !== undefined)) return false
  const { incoming } = context.env as { incoming?: IncomingMessage }
  const user = incoming && (await userOfConnection(incoming.socket))
  return user !== undefined && !user.isOwnProcess && user.uid === process.getuid?.()
}

function isToken(context: Context, token: string, uid: ConnectionUid): boolean {
  if (!mayUseToken(uid, process.getuid?.())) return false
  const shown = /^Bearer (.{1,256})$/.exec(context.req.header('authorization') ?? '')?.[1] ?? ''
  return isSame(shown, token)
}

type ConnectionUids = ReturnType<typeof createConnectionUids>
const FOREIGN_PAGE = 'Cannot use the agent: asked by a page that is not its own'
const KEY_PROTOCOL = 'ztm-key.'
const PASSED_ON = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip']
const WANTED =
  'Cannot use the agent: not logged in: open the page with `ztm gui`, or put its token into ZTM_TOKEN'
const POLICY = 'content-security-policy'
