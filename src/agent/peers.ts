import type { TLSSocket } from 'node:tls'
import type { PassageTarget } from '../core/api/passage.ts'
import { type ErrorBody, MeshError, toMeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Clock, Ms } from '../core/model/time.ts'
import type { PathKind } from '../core/path/path-kind.ts'
import type { ShownIdentity } from '../net/http2-server.ts'
import { isFromGone, type NetworkChange } from '../net/own-addresses.ts'
import type { TlsIdentity } from '../net/tls-options.ts'
import type { DirectListener } from './direct-listener.ts'
import type { MeetingPoints } from './meeting-points.ts'
import { PeerPaths } from './peer-paths.ts'
import { createPeerSession, type PeerSession } from './peer-session.ts'
import type { UdpEdge } from './udp-edge.ts'
import { createWays } from './ways.ts'

/** What peers need of their membership. */
export interface PeersOptions {
  readonly points: MeetingPoints
  readonly identity: () => TlsIdentity
  /** Read who answered and check that it is `endpoint`, now. @throws MeshError `not-trusted`, `evicted` */
  readonly identifyPeer: (socket: TLSSocket, endpoint: EndpointId) => ShownIdentity
  readonly checkRenewal: (chain: string, before: ShownIdentity) => ShownIdentity
  /** Kinds of path that may be used. */
  readonly paths: ReadonlySet<PathKind>
  /** Where peers may come in without a hub; nowhere if absent. */
  readonly listener: DirectListener | undefined
  /** Absent where no holes can be punched. */
  readonly udp: UdpEdge | undefined
  readonly isHubHere: boolean
  readonly clock: Clock
  readonly log: Log
  readonly onChange: () => void
  /** A better path to a peer came up beside another: new streams go by this session, open ones may move to it. */
  readonly onBetter?: (session: PeerSession) => void
}

/** A path that is tried, or was in vain, for `ztm describe ep`. */
export interface OtherPath {
  readonly endpoint: EndpointId
  readonly path: PathKind
  /** Since when it is tried, or when it failed. */
  readonly sinceMs: Ms
  /** Why it failed; absent while it is tried. */
  readonly error?: ErrorBody
}

/** The sessions this agent opens to peers of one mesh, kept warm, shared by all streams: one a path, the best is used. */
export interface Peers extends AsyncDisposable {
  /**
   * The best warm session, or a new one.
   *
   * @param path  that kind alone, though another may be better
   * @throws MeshError `denied`, `offline`, `not-trusted`, `timed-out`, `unreachable` …
   */
  session(endpoint: EndpointId, path?: PathKind): Promise<PeerSession>
  /** The best warm session, if there is one. */
  warm(endpoint: EndpointId): PeerSession | undefined
  readonly all: readonly PeerSession[]
  readonly others: readonly OtherPath[]
  /** End sessions, with everything in them. */
  drop(isGone: (identity: EndpointIdentity) => boolean, reason: MeshError): void
  /** A hub ends, or is out: other hubs take over what it relays; at the latest when the time is over, if there is one, nothing goes by it. */
  leaveHub(hub: PassageTarget, withinMs?: number): void
  /** Our certificate was renewed: show it on every session. */
  renewed(): void
  /** What is dead for sure ends, the rest is asked, and what was in vain may work. */
  networkChanged(change: NetworkChange): void
}

/** Make the outgoing sessions of one mesh. */
export function createPeers(options: PeersOptions): Peers {
  const { points, clock, log, onChange } = options
  const peers = new Map<EndpointId, PeerPaths>()
  const ways = createWays({
    points,
    listener: options.listener,
    udp: options.udp,
    isHubHere: options.isHubHere,
    client(endpoint) {
      const identity = options.identity()
      const identify = (socket: TLSSocket) => options.identifyPeer(socket, endpoint)
      return { identity, rootPem: identity.rootPem, identify }
    },
  })
  const timer = setInterval(look, LOOK_MS)
  let isClosed = false

  function look(): void {
    for (const [endpoint, paths] of peers) {
      paths.closeUnused(IDLE_MS)
      paths.improve()
      if (paths.isIdle && peers.size > MAX_KEPT) peers.delete(endpoint)
    }
  }

  function pathsTo(endpoint: EndpointId): PeerPaths {
    const known = peers.get(endpoint)
    if (known !== undefined) return known
    const paths = new PeerPaths({
      endpoint,
      kinds: options.paths,
      open: (path, signal, avoid) => open(endpoint, path, signal, avoid),
      onBetter: session => options.onBetter?.(session),
      onChange,
      clock,
      log,
    })
    peers.set(endpoint, paths)
    return paths
  }

  async function open(
    endpoint: EndpointId,
    path: PathKind,
    signal: AbortSignal,
    avoid: PassageTarget | undefined,
  ): Promise<PeerSession> {
    const client = await ways.open(endpoint, path, signal, avoid)
    return createPeerSession({
      client,
      path,
      clock,
      ownChain: () => options.identity().chainPem,
      checkRenewal: options.checkRenewal,
      onClosed: closed => {
        peers.get(endpoint)?.closed(closed)
        log.info('session.closed', { peer: endpoint, path })
        onChange()
      },
      // The hub may be out of reach as well, and is needed for another path.
      onDoubt: points.doubt,
      onSilent(session) {
        if (session.via !== undefined) points.silent(session.via)
        peers.get(endpoint)?.replace(session, () => session.isSilent)
      },
    })
  }

  function sessions(): PeerSession[] {
    return [...peers.values()].flatMap(paths => paths.sessions)
  }

  return {
    get all() {
      return sessions()
    },
    get others() {
      return [...peers].flatMap(([endpoint, paths]) => [
        ...paths.tries.map(one => ({ endpoint, ...one })),
        ...paths.failed.map(({ path, atMs, error }) => ({
          endpoint,
          path,
          sinceMs: atMs,
          error: error.toBody(),
        })),
      ])
    },
    warm: endpoint => peers.get(endpoint)?.best,
    async session(endpoint, path) {
      if (isClosed) throw new MeshError('link-closed', 'Cannot open session: agent stops')
      const paths = pathsTo(endpoint)
      return path === undefined ? paths.session() : paths.sessionOver(path)
    },
    drop(isGone, reason) {
      for (const session of sessions()) if (isGone(session.identity)) session.close(reason)
    },
    leaveHub(hub, withinMs) {
      points.silent(hub)
      for (const [endpoint, paths] of peers) {
        for (const session of paths.sessions) {
          if (session.via !== hub) continue
          paths.replace(session, () => true)
          if (withinMs !== undefined) {
            const late = setTimeout(() => session.close(HUB_GONE()), withinMs)
            session.session.once('close', () => clearTimeout(late))
          }
          log.info('session.leaves-hub', { peer: endpoint, path: session.path })
        }
      }
    },
    renewed() {
      for (const session of sessions()) {
        session
          .exchangeCertificates()
          .catch(error => log.warn('certificate.not-shown', { reason: toMeshError(error).message }))
      }
    },
    networkChanged(change) {
      for (const session of sessions()) {
        if (isFromGone(change, session.localAddress)) session.close(ADDRESS_GONE())
        else session.doubt()
      }
      for (const paths of peers.values()) paths.networkChanged()
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      clearInterval(timer)
      for (const paths of peers.values())
        paths.close(new MeshError('link-closed', 'Session ended: agent stops'))
    },
  }
}

const ADDRESS_GONE = () =>
  new MeshError('link-closed', 'Session ended: this computer has no longer the address it was opened from')

const HUB_GONE = () => new MeshError('link-closed', 'Session ended: the hub that relayed it is gone')

/** How often sessions are looked at: whether they are used, whether there is a better path. */
const LOOK_MS = 5_000
/** A session without streams is closed after this time. */
const IDLE_MS = 600_000
/** Peers remembered that have no session. */
const MAX_KEPT = 1_000
