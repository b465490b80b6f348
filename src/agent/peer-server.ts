import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { Hono } from 'hono'
import { PEER_API } from '../core/api/peer-api.ts'
import type { Handlers } from '../core/api/route.ts'
import type { LogLines } from '../core/api/shapes.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { UserName } from '../core/model/names.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Clock } from '../core/model/time.ts'
import { FLOW_HEADER } from '../core/stream/flow-header.ts'
import { type AcceptedPeer, createHttp2Server, type ShownIdentity } from '../net/http2-server.ts'
import { ACCEPTED_KEEP_ALIVE, keepAlive, SILENCE_MS } from '../net/keep-alive.ts'
import { isFromGone, type NetworkChange } from '../net/own-addresses.ts'
import { type Http2App, refuseStream, serveHttp2 } from '../net/serve-http2.ts'
import { answerError, serveRoutes } from '../net/serve-routes.ts'
import type { TlsIdentity } from '../net/tls-options.ts'
import type { RunningApp } from './app-host.ts'
import { createArrivedWays } from './arrived-ways.ts'
import type { Hostings } from './hostings.ts'
import type { Packages } from './packages/packages.ts'
import { createInstalledHandlers, listAllApps } from './packages/peer-handlers.ts'
import { requestInstalled } from './packages/request-installed.ts'
import type { PunchedWay } from './udp-punch.ts'

/** What the accepting side of sessions needs. */
export interface PeerServerOptions {
  readonly user: UserName
  readonly identity: () => TlsIdentity
  /** @throws MeshError if it is no endpoint of this mesh in good standing */
  readonly identifyPeer: (socket: TLSSocket) => ShownIdentity
  readonly checkRenewal: (chain: string, before: ShownIdentity) => ShownIdentity
  readonly hostings: Hostings
  readonly apps: () => readonly RunningApp[]
  readonly packages: () => Packages | undefined
  readonly readLog: (query: {
    level: 'debug' | 'info' | 'warn' | 'error'
    limit: number
    sinceMs?: number | undefined
    app?: string | undefined
  }) => Promise<LogLines>
  /** A session that was in use fell silent. */
  readonly onDoubt: () => void
  readonly clock: Clock
  readonly log: Log
}

/** A session that a peer opened. */
export interface ArrivedSession {
  /** Tells it from others of the same peer. */
  readonly number: number
  readonly identity: EndpointIdentity
  readonly sinceMs: number
  readonly streamCount: number
  readonly sentBytes: number
  readonly receivedBytes: number
}

/** The accepting side of end-to-end sessions in one mesh. */
export interface PeerServer extends AsyncDisposable {
  accept(connection: Duplex): void
  /** As `accept`, and datagrams may come beside the session. @param peer  who the hub said it is for */
  acceptPunched(way: PunchedWay, peer: EndpointId): void
  /** Connections whose other end has not shown who it is. */
  readonly handshakeCount: number
  renewed(): void
  readonly all: readonly ArrivedSession[]
  drop(isGone: (identity: EndpointIdentity) => boolean): void
  /** What is dead for sure ends. */
  networkChanged(change: NetworkChange): void
}

/** Make the accepting side. */
export function createPeerServer(options: PeerServerOptions): PeerServer {
  const { clock, log, hostings } = options
  const app: Http2App = new Hono()
  const ways = createArrivedWays()
  const expiry = new Map<AcceptedPeer, Arrived>()
  let number = 0
  const server = createHttp2Server({
    identity: options.identity(),
    identify: options.identifyPeer,
    log,
    onSession(peer) {
      if (peer.refusal !== undefined) {
        setTimeout(() => peer.session.destroy(), REFUSAL_GRACE_MS).unref()
        return
      }
      const now = clock.now()
      const { socket } = peer.session
      number += 1
      const state: Arrived = {
        expiresAtMs: peer.shown?.expiresAtMs ?? 0,
        heardAtMs: performance.now(),
        sinceMs: now,
        number,
        streamCount: 0,
        socket,
      }
      expiry.set(peer, state)
      endOldest(endpointOf(peer).endpoint)
      keepAlive(peer.session, { times: ACCEPTED_KEEP_ALIVE, socket, onDoubt: options.onDoubt })
      peer.session.on('ping', () => {
        state.heardAtMs = performance.now()
      })
      peer.session.once('close', () => expiry.delete(peer))
    },
    onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, peer) {
      if (peer.refusal !== undefined) refuseStream(stream, peer.refusal)
      else if (headers[':method'] === 'CONNECT') {
        countStream(stream, expiry.get(peer))
        const openFlow = () => ways.openFlow(headers[FLOW_HEADER], stream, peer)
        hostings.receive({ carrier: stream, headers, from: endpointOf(peer), openFlow })
      } else void serveHttp2(app, stream, headers, peer)
    },
  })

  const env = (context: { env: unknown }) => (context.env as { peer: AcceptedPeer }).peer
  serveRoutes(app as unknown as Hono, PEER_API, createHandlers(options, expiry), { log, caller: env })
  bindApps(app as unknown as Hono, options, context => requireOwner(options.user, env(context)))

  /** A peer needs one session; one that was broken may take a while to be noticed. */
  function endOldest(endpoint: EndpointId): void {
    const own = [...expiry.keys()].filter(peer => endpointOf(peer).endpoint === endpoint)
    const [oldest] = own
    if (own.length > MAX_SESSIONS_PER_PEER && oldest !== undefined) {
      log.info('session.ended', { address: oldest.address, reason: 'too many of one peer' })
      oldest.session.destroy()
    }
  }

  /** A peer that fell silent, or did not renew its certificate, is put out. */
  const sweep = setInterval(() => {
    const now = clock.now()
    for (const [peer, { expiresAtMs, heardAtMs }] of expiry) {
      // Silence is measured by a clock that nobody sets.
      if (expiresAtMs > now && performance.now() - heardAtMs < SILENCE_MS) continue
      log.info('session.ended', {
        address: peer.address,
        reason: expiresAtMs > now ? 'silent' : 'certificate expired',
      })
      peer.session.destroy()
    }
  }, SWEEP_MS)

  return {
    accept: connection => server.accept(connection),
    acceptPunched(way, peer) {
      ways.keep(way, peer)
      server.accept(way.stream)
    },
    get handshakeCount() {
      return server.handshakeCount
    },
    renewed: () => server.renew(options.identity()),
    get all() {
      return [...expiry].map(([peer, { sinceMs, number, streamCount, socket }]) => ({
        number,
        identity: endpointOf(peer),
        sinceMs,
        streamCount,
        // A session that has ended knows its socket no more.
        sentBytes: peer.session.destroyed ? 0 : socket.bytesWritten,
        receivedBytes: peer.session.destroyed ? 0 : socket.bytesRead,
      }))
    },
    drop(isGone) {
      for (const peer of expiry.keys()) if (isGone(endpointOf(peer))) peer.session.destroy()
    },
    networkChanged(change) {
      for (const { session } of expiry.keys())
        if (!session.destroyed && isFromGone(change, session.socket.localAddress)) session.destroy()
    },
    async [Symbol.asyncDispose]() {
      clearInterval(sweep)
      await server[Symbol.asyncDispose]()
    },
  }
}

interface Arrived {
  expiresAtMs: number
  heardAtMs: number
  readonly sinceMs: number
  readonly number: number
  streamCount: number
  readonly socket: AcceptedPeer['session']['socket']
}

function countStream(stream: ServerHttp2Stream, state: Arrived | undefined): void {
  if (state === undefined) return
  state.streamCount += 1
  stream.once('close', () => {
    state.streamCount -= 1
  })
}

function createHandlers(
  options: PeerServerOptions,
  expiry: Map<AcceptedPeer, { expiresAtMs: number }>,
): Handlers<typeof PEER_API, AcceptedPeer> {
  return {
    ...createInstalledHandlers<AcceptedPeer>(options.packages, caller => requireOwner(options.user, caller)),
    async ping() {
      return { timeMs: options.clock.now() }
    },
    async exchangeCertificates({ body, caller }) {
      const { expiresAtMs } = options.checkRenewal(body.chain, shownBy(caller))
      const state = expiry.get(caller)
      if (state !== undefined) state.expiresAtMs = expiresAtMs
      return { chain: options.identity().chainPem }
    },
    async showLog({ query, caller }) {
      requireOwner(options.user, caller)
      return { lines: await options.readLog(query) }
    },
    async listApps({ caller }) {
      requireOwner(options.user, caller)
      return { apps: await listAllApps(options.apps(), options.packages()) }
    },
  }
}

/** Each app's own API, for endpoints that may manage this one. */
function bindApps(
  root: Hono,
  options: PeerServerOptions,
  caller: (context: { env: unknown }) => EndpointIdentity,
): void {
  const bound = new WeakMap<RunningApp, Hono>()
  root.all('/api/apps/:provider/:app/*', async context => {
    try {
      caller(context)
    } catch (error) {
      return answerError(context, toMeshError(error))
    }
    const name = `${context.req.param('provider')}/${context.req.param('app')}`
    const running = options.apps().find(({ app }) => app.name === name)
    if (running === undefined) {
      const from = { source: 'peer', identity: caller(context) } as const
      const base = `/api/apps/${name}`
      return requestInstalled(context, { packages: options.packages(), name, base, caller: from })
    }
    let hono = bound.get(running)
    if (hono === undefined) {
      hono = new Hono().basePath(`/api/apps/${running.app.name}`)
      serveRoutes(hono, running.app.api, running.instance.handlers, {
        log: options.log,
        caller: inner => ({ source: 'peer' as const, identity: caller(inner) }),
      })
      bound.set(running, hono)
    }
    return hono.fetch(context.req.raw, context.env)
  })
}

function shownBy({ shown }: AcceptedPeer): ShownIdentity {
  if (shown !== undefined) return shown
  throw new MeshError('not-trusted', 'Cannot use this endpoint: no certificate was shown')
}

function endpointOf(peer: AcceptedPeer): EndpointIdentity {
  if (peer.identity?.kind === 'endpoint') return peer.identity
  throw new MeshError('not-trusted', 'Cannot use this endpoint: only endpoints of the mesh may')
}

function requireOwner(user: UserName, peer: AcceptedPeer): EndpointIdentity {
  const identity = endpointOf(peer)
  if (identity.user === user) return identity
  throw new MeshError('denied', `Cannot manage this endpoint: it is ${user}'s, you are ${identity.user}`)
}

/** How long a refused connection lives so that it can be told why. */
const REFUSAL_GRACE_MS = 2_000
const SWEEP_MS = 1_000
/** Sessions that one endpoint may have open to this one. */
const MAX_SESSIONS_PER_PEER = 8
