import type { ClientHttp2Session } from 'node:http2'
import type { PassageTarget } from '../core/api/passage.ts'
import { PEER_API } from '../core/api/peer-api.ts'
import type { Answer, Arguments, Route } from '../core/api/route.ts'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Clock, Ms } from '../core/model/time.ts'
import type { PathKind } from '../core/path/path-kind.ts'
import { type CallOptions, callRoute } from '../net/call-route.ts'
import type { ShownIdentity } from '../net/http2-server.ts'
import { KEEP_ALIVE, keepAlive } from '../net/keep-alive.ts'
import type { SessionDatagrams } from './session-datagrams.ts'
import type { OpenedWay } from './ways.ts'

/** An end-to-end session that this agent opened to a peer. */
export interface PeerSession {
  readonly identity: EndpointIdentity
  readonly path: PathKind
  /** The hub that relays it; absent where none does. */
  readonly via: PassageTarget | undefined
  /** It was in use, or should have answered, and nothing comes: it may be dead. */
  readonly isSilent: boolean
  /** Resolves when something comes again, or it has ended; at once where it is not silent. */
  whenHeard(): Promise<void>
  readonly openedAtMs: Ms
  readonly session: ClientHttp2Session
  /** What goes beside its streams; absent where everything must go in them. */
  readonly datagrams: SessionDatagrams | undefined
  readonly roundTripMs: number | undefined
  /** Bytes of the session so far, as TLS carries them, and of datagrams beside it. */
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Streams open now. */
  readonly streamCount: number
  readonly lastUsedMs: Ms
  readonly isOpen: boolean
  /** The address of this computer that it was opened from; undefined for one that has no connection of its own. */
  readonly localAddress: string | undefined
  /** Something happened after which it may be dead: see soon whether it is. */
  doubt(): void
  /** Note a stream that is opened on `session`, so that an idle session can be told. */
  use(stream: { on(event: 'close', call: () => void): unknown }): void
  call<R extends Route>(route: R, args: Arguments<R>, options?: CallOptions): Promise<Answer<R>>
  /** Show our renewed certificate and be shown theirs. */
  exchangeCertificates(): Promise<void>
  close(reason: MeshError): void
  /** Why this side closed it; absent for one that broke. */
  readonly closedBy: MeshError | undefined
}

/** What a session needs to stay valid. */
export interface PeerSessionOptions {
  readonly client: OpenedWay
  readonly path: PathKind
  readonly clock: Clock
  readonly ownChain: () => string
  /** Check a renewed chain of this peer. @throws MeshError if it is not for the same identity and key */
  readonly checkRenewal: (chain: string, before: ShownIdentity) => ShownIdentity
  readonly onClosed: (session: PeerSession) => void
  /** It was in use and fell silent. */
  readonly onDoubt: () => void
  /** It goes by a hub and may be dead: told sooner than `onDoubt`, for another hub to stand in. */
  readonly onSilent: (session: PeerSession) => void
}

/** Wrap an opened client session. It is closed when the peer's certificate ends without being renewed. */
export function createPeerSession(options: PeerSessionOptions): PeerSession {
  const { client, clock, path } = options
  const { session, datagrams } = client
  // Asked now: a socket that was destroyed does not know it any more.
  const { localAddress } = client.socket
  const identity = client.shown.identity as EndpointIdentity
  const openedAtMs = clock.now()
  let expiresAtMs = client.shown.expiresAtMs
  let roundTripMs: number | undefined
  let streamCount = 0
  let lastUsedMs = openedAtMs
  let timer: NodeJS.Timeout | undefined
  let isOpen = true
  let closedBy: MeshError | undefined

  const alive = keepAlive(session, {
    times: KEEP_ALIVE,
    socket: client.socket,
    onRoundTrip(measured) {
      roundTripMs = measured
    },
    onDoubt: options.onDoubt,
    ...(client.via !== undefined && { onSilent: () => options.onSilent(peer) }),
  })
  const peer: PeerSession = {
    identity,
    path,
    via: client.via,
    get isSilent() {
      return alive.isSilent
    },
    whenHeard: alive.whenHeard,
    openedAtMs,
    session,
    datagrams,
    localAddress,
    doubt: alive.doubt,
    get roundTripMs() {
      return roundTripMs
    },
    get sentBytes() {
      return client.socket.bytesWritten + (datagrams?.sentBytes ?? 0)
    },
    get receivedBytes() {
      return client.socket.bytesRead + (datagrams?.receivedBytes ?? 0)
    },
    get streamCount() {
      return streamCount
    },
    get lastUsedMs() {
      return lastUsedMs
    },
    get isOpen() {
      return isOpen && !session.closed && !session.destroyed
    },
    use(stream) {
      streamCount += 1
      lastUsedMs = clock.now()
      stream.on('close', () => {
        streamCount -= 1
        lastUsedMs = clock.now()
      })
    },
    call(route, args, callOptions) {
      lastUsedMs = clock.now()
      return callRoute(session, route, args, callOptions)
    },
    async exchangeCertificates() {
      const answer = await callRoute(session, PEER_API.exchangeCertificates, {
        body: { chain: options.ownChain() },
      })
      expiresAtMs = options.checkRenewal(answer.chain, client.shown).expiresAtMs
      watchExpiry()
    },
    get closedBy() {
      return closedBy
    },
    close(reason) {
      closedBy ??= reason
      isOpen = false
      clearTimeout(timer)
      session.destroy()
    },
  }

  /** Ask for the renewed certificate when a sixth of the life is left, give up when none is. */
  function watchExpiry(): void {
    clearTimeout(timer)
    const leftMs = expiresAtMs - clock.now()
    if (leftMs <= 0) {
      peer.close(
        new MeshError('certificate-expired', 'Session ended: the other side did not renew its certificate'),
      )
      return
    }
    const wait = Math.min(Math.max(leftMs / 6, Math.min(leftMs, 500)), MAX_TIMER_MS)
    const isDue = leftMs < (expiresAtMs - openedAtMs) / 3 || leftMs < DUE_MS
    timer = setTimeout(() => {
      if (!isDue) watchExpiry()
      else peer.exchangeCertificates().catch(watchExpiry)
    }, wait)
  }

  session.once('close', () => {
    isOpen = false
    clearTimeout(timer)
    datagrams?.[Symbol.dispose]()
    options.onClosed(peer)
  })
  watchExpiry()
  return peer
}

/** A certificate this near its end is asked for anew. */
const DUE_MS = 60_000
/** Node's timers take 31 bits. */
const MAX_TIMER_MS = 2_000_000_000
