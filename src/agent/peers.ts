import type { TLSSocket } from 'node:tls'
import { HUB_API } from '../core/api/hub-api.ts'
import { type ErrorBody, MeshError, toMeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Clock, Ms } from '../core/model/time.ts'
import { isBetterPath, type PathKind } from '../core/path/path-kind.ts'
import type { RelayWay } from '../core/registry/registry.ts'
import { type Http2Client, openHttp2 } from '../net/http2-client.ts'
import type { ShownIdentity } from '../net/http2-server.ts'
import type { TlsIdentity } from '../net/tls-options.ts'
import type { HubLink } from './hub-link.ts'
import { createPeerSession, type PeerSession } from './peer-session.ts'
import { openRelay, openRelayOverLink } from './relay-way.ts'

/** What peers need of their membership. */
export interface PeersOptions {
  readonly link: HubLink
  readonly identity: () => TlsIdentity
  /** Read who answered and check that it is `endpoint`, now. @throws MeshError `not-trusted`, `evicted` */
  readonly identifyPeer: (socket: TLSSocket, endpoint: EndpointId) => ShownIdentity
  readonly checkRenewal: (chain: string, before: ShownIdentity) => ShownIdentity
  readonly clock: Clock
  readonly log: Log
  readonly onChange: () => void
  /** A better path to a peer came up beside another: new streams go by this session, open ones may move to it. */
  readonly onBetter?: (session: PeerSession) => void
}

/** Why the last try to reach an endpoint failed, for `ztm describe ep`. */
export interface FailedPath extends ErrorBody {
  readonly endpoint: EndpointId
  readonly atMs: Ms
}

/** The sessions this agent opens to peers of one mesh: one each, kept warm, shared by all streams. */
export interface Peers extends AsyncDisposable {
  /** The warm session, or a new one. @throws MeshError `denied`, `offline`, `not-trusted`, `timed-out` … */
  session(endpoint: EndpointId): Promise<PeerSession>
  /** The warm session, if there is one. */
  warm(endpoint: EndpointId): PeerSession | undefined
  readonly all: readonly PeerSession[]
  readonly failed: readonly FailedPath[]
  /** End sessions, with everything in them. */
  drop(isGone: (identity: EndpointIdentity) => boolean, reason: MeshError): void
  /** Our certificate was renewed: show it on every session. */
  renewed(): void
}

/** Make the outgoing sessions of one mesh. */
export function createPeers(options: PeersOptions): Peers {
  const { link, clock, log } = options
  const sessions = new Map<EndpointId, PeerSession>()
  const opening = new Map<EndpointId, Promise<PeerSession>>()
  const failed = new Map<EndpointId, FailedPath>()
  const abort = new AbortController()
  const idleTimer = setInterval(closeIdle, IDLE_CHECK_MS)

  function closeIdle(): void {
    for (const session of sessions.values()) {
      const isIdle = session.streamCount === 0 && clock.now() - session.lastUsedMs > IDLE_MS
      if (isIdle) session.close(new MeshError('link-closed', 'Session ended: not used'))
    }
  }

  async function open(endpoint: EndpointId): Promise<PeerSession> {
    try {
      const { client, path } = await openAnyWay(endpoint)
      const session = createPeerSession({
        client,
        path,
        clock,
        ownChain: () => options.identity().chainPem,
        checkRenewal: options.checkRenewal,
        onClosed: closed => {
          if (sessions.get(endpoint) === closed) sessions.delete(endpoint)
          log.info('session.closed', { peer: endpoint, path })
          options.onChange()
        },
      })
      const before = sessions.get(endpoint)
      sessions.set(endpoint, session)
      if (before !== undefined && isBetterPath(path, before.path)) options.onBetter?.(session)
      failed.delete(endpoint)
      log.info('session.opened', { peer: endpoint, path, tookMs: clock.now() - session.openedAtMs })
      options.onChange()
      return session
    } catch (thrown) {
      const error = toMeshError(thrown)
      if (failed.size >= MAX_FAILED) failed.delete(failed.keys().next().value as EndpointId)
      failed.set(endpoint, { endpoint, atMs: clock.now(), ...error.toBody() })
      throw error
    }
  }

  /** The ticket relay; when it is slow or fails, the relay over the link beside it. Whichever opens first. */
  async function openAnyWay(endpoint: EndpointId): Promise<OpenedWay> {
    const race = new AbortController()
    const signal = AbortSignal.any([race.signal, abort.signal])
    const ways = [openWay(endpoint, 'relay', signal)]
    try {
      const isSettled = await settlesWithin(ways[0], SECOND_WAY_MS)
      if (isSettled) {
        const error = await errorOf(ways[0])
        if (error === undefined || isFinal(error)) return await (ways[0] as Promise<OpenedWay>)
      }
      ways.push(openWay(endpoint, 'relay-h2', signal))
      const winner = await Promise.any(ways)
      for (const way of ways)
        void way.then(
          late => late !== winner && late.client.session.destroy(),
          () => {},
        )
      return winner
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error
    } finally {
      race.abort()
    }
  }

  async function openWay(endpoint: EndpointId, path: RelayWay, signal: AbortSignal): Promise<OpenedWay> {
    const { ticket } = await link.call(HUB_API.openRelay, { body: { endpoint, way: path } })
    const connection = await (path === 'relay' ? openRelay : openRelayOverLink)(link, ticket, 'dial')
    const identity = options.identity()
    const client = await openHttp2(connection, {
      identity,
      rootPem: identity.rootPem,
      identify: socket => options.identifyPeer(socket, endpoint),
      timeoutMs: HANDSHAKE_MS,
      signal,
    })
    return { client, path }
  }

  return {
    get all() {
      return [...sessions.values()]
    },
    get failed() {
      return [...failed.values()]
    },
    warm(endpoint) {
      const session = sessions.get(endpoint)
      return session?.isOpen ? session : undefined
    },
    async session(endpoint) {
      const warm = this.warm(endpoint)
      if (warm !== undefined) return warm
      const pending = opening.get(endpoint)
      if (pending !== undefined) return pending
      const opened = open(endpoint).finally(() => opening.delete(endpoint))
      opening.set(endpoint, opened)
      return opened
    },
    drop(isGone, reason) {
      for (const session of sessions.values()) if (isGone(session.identity)) session.close(reason)
    },
    renewed() {
      for (const session of sessions.values()) {
        session
          .exchangeCertificates()
          .catch(error => log.warn('certificate.not-shown', { reason: toMeshError(error).message }))
      }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(idleTimer)
      abort.abort()
      for (const session of sessions.values())
        session.close(new MeshError('link-closed', 'Session ended: agent stops'))
      await Promise.allSettled(opening.values())
    },
  }
}

interface OpenedWay {
  readonly client: Http2Client
  readonly path: PathKind
}

async function settlesWithin(way: Promise<unknown> | undefined, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>(resolve => {
    timer = setTimeout(resolve, timeoutMs, false)
  })
  const settled = Promise.resolve(way).then(
    () => true,
    () => true,
  )
  const isSettled = await Promise.race([settled, late])
  clearTimeout(timer)
  return isSettled
}

async function errorOf(way: Promise<unknown> | undefined): Promise<unknown> {
  try {
    await way
    return undefined
  } catch (error) {
    return error
  }
}

/** No other way would end differently. */
function isFinal(error: unknown): boolean {
  const { code } = toMeshError(error)
  return (
    code === 'denied' ||
    code === 'offline' ||
    code === 'not-found' ||
    code === 'evicted' ||
    code === 'not-trusted'
  )
}

/** When the relay over the link is tried beside the ticket relay. */
const SECOND_WAY_MS = 800
/** A session must be open within this time of its relay. */
const HANDSHAKE_MS = 10_000
/** A session without streams is closed after this time. */
const IDLE_MS = 600_000
const IDLE_CHECK_MS = 30_000
/** Failures kept for people to see. */
const MAX_FAILED = 1_000
