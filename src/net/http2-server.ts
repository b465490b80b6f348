import http2 from 'node:http2'
import type { Duplex } from 'node:stream'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import { MeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import { formatSpiffeId, type Identity } from '../core/model/spiffe-id.ts'
import { closeInTime } from './close-in-time.ts'
import { ENHANCE_YOUR_CALM, guardAgainstFloods } from './flood-guard.ts'
import { guardStreamSocket } from './guard-stream-socket.ts'
import {
  CONNECTION_WINDOW_BYTES,
  HTTP2_LIMITS,
  HTTP2_SETTINGS,
  MAX_STRANGER_STREAMS,
  SESSION_STREAMS,
  STRANGER_SETTINGS,
  type StreamLimits,
} from './http2-settings.ts'
import { createReadWatch } from './read-while-writing.ts'
import {
  createRequestBudget,
  KNOWN_BUDGET,
  MEMBER_BUDGET,
  type RequestBudget,
  STRANGER_BUDGET,
} from './request-budget.ts'
import { identityOptions, TLS_OPTIONS, type TlsIdentity } from './tls-options.ts'

/** What a good certificate says. */
export interface ShownIdentity {
  readonly identity: Identity
  /** The key whose use the handshake proved. */
  readonly publicKeyPem: string
  /** When the certificate was made, ms since the epoch; evictions are judged by it. */
  readonly issuedAtMs: number
  readonly expiresAtMs: number
}

/** Who is at the other end of an accepted connection. */
export interface AcceptedPeer {
  readonly identity: Identity | undefined
  /** Set where a certificate was shown but is no good; nothing but this error is answered then. */
  readonly refusal: MeshError | undefined
  readonly shown: ShownIdentity | undefined
  readonly session: http2.ServerHttp2Session
  /** `host:port` the connection came from. */
  readonly address: string
  readonly budget: RequestBudget
  /** A stranger showed in a request who it is: what it may ask at once grows, and how often it may ask. */
  welcome(): void
}

/** What a server does with what arrives. */
export interface Http2ServerOptions {
  readonly identity: TlsIdentity
  /** Read who the peer is from its finished handshake. @throws MeshError for a certificate that is no good */
  readonly identify: (socket: TLSSocket) => ShownIdentity | undefined
  readonly onSession?: (peer: AcceptedPeer) => void
  readonly onStream: (
    stream: http2.ServerHttp2Stream,
    headers: http2.IncomingHttpHeaders,
    peer: AcceptedPeer,
  ) => void
  /** Is given connections that speak HTTP/1.1, or do not say; without it they are cut off. */
  readonly onHttp1?: (socket: TLSSocket) => void
  readonly log: Log
  /** A handshake must be done within this time. */
  readonly handshakeTimeoutMs?: number
  /** Default `SESSION_STREAMS`. */
  readonly streams?: StreamLimits
}

/** A TLS 1.3 + HTTP/2 server that is handed its connections: from a port, a relay or a hole in a NAT. */
export interface Http2Server extends AsyncDisposable {
  accept(connection: Duplex): void
  /** Use a renewed certificate for connections from now on. */
  renew(identity: TlsIdentity): void
  readonly peers: ReadonlySet<AcceptedPeer>
  /** Connections that have yet to become a session. */
  readonly handshakeCount: number
}

/** Make a server. Nothing listens: see `accept`. */
export function createHttp2Server(options: Http2ServerOptions): Http2Server {
  const peers = new Set<AcceptedPeer>()
  const connections = new Set<Duplex>()
  const watch = createReadWatch()
  const { maxStreams, resetBurst, resetsPerSecond } = options.streams ?? SESSION_STREAMS
  const server = http2.createSecureServer({
    ...TLS_OPTIONS,
    ...HTTP2_LIMITS,
    streamResetBurst: resetBurst,
    streamResetRate: resetsPerSecond,
    // Node sets the list itself; only a function may say more.
    ...(options.onHttp1 && {
      ALPNProtocols: undefined,
      ALPNCallback: ({ protocols }: { protocols: string[] }) => chooseProtocol(protocols),
    }),
    ...identityOptions(options.identity),
    requestCert: true,
    // Judged in `identify`, so that the other side can be told why instead of a bare alert.
    rejectUnauthorized: false,
    handshakeTimeout: options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
    settings: STRANGER_SETTINGS,
  })
  // `session.socket` can neither be closed nor told apart; its session is made while this event is told.
  let current: TLSSocket | undefined
  server.prependListener('secureConnection', socket => {
    current = socket
    guardStreamSocket(socket)
  })
  server.on('session', session => {
    if (current !== undefined) {
      closeInTime(session, current)
      watch.add(current)
    }
    const peer = acceptPeer(session, options)
    peers.add(peer)
    const { log } = options
    if (isMember(peer)) {
      session.settings({ ...HTTP2_SETTINGS, maxConcurrentStreams: maxStreams })
      session.setLocalWindowSize(CONNECTION_WINDOW_BYTES)
    }
    guardAgainstFloods(session, error =>
      log.warn('session.flooded', { address: peer.address, reason: error.message }),
    )
    let streamCount = 0
    session.on('stream', (stream, headers) => {
      stream.on('error', error => log.debug('stream.failed', { error: error.message }))
      streamCount += 1
      if (peer.budget.limits !== STRANGER_BUDGET || streamCount <= MAX_STRANGER_STREAMS)
        options.onStream(stream, headers, peer)
      else session.destroy(TOO_MANY_STREAMS(), ENHANCE_YOUR_CALM)
    })
    session.on('error', error => log.debug('session.failed', { error: error.message, address: peer.address }))
    session.on('close', () => peers.delete(peer))
    options.onSession?.(peer)
  })
  server.on('sessionError', error => options.log.debug('session.failed', { error: error.message }))
  server.on('tlsClientError', (error, socket) => {
    options.log.debug('handshake.failed', { error: error.message })
    socket.destroy()
  })
  // Node would send a client that does not speak HTTP/2 a page.
  server.on('unknownProtocol', socket => (options.onHttp1 ?? cutOff)(socket as TLSSocket))

  return {
    peers,
    get handshakeCount() {
      return Math.max(0, connections.size - peers.size)
    },
    accept(connection) {
      // See `openHttp2`: an end without a goodbye is an end.
      connection.allowHalfOpen = false
      connections.add(connection)
      connection.once('close', () => connections.delete(connection))
      connection.on('error', error => options.log.debug('connection.failed', { error: error.message }))
      server.emit('connection', connection)
    },
    renew(identity) {
      server.setSecureContext({ ...TLS_OPTIONS, ...identityOptions(identity) } as SecureContextOptions)
    },
    async [Symbol.asyncDispose]() {
      for (const peer of peers) peer.session.destroy()
      for (const connection of connections) connection.destroy()
    },
  }
}

function acceptPeer(session: http2.ServerHttp2Session, options: Http2ServerOptions): AcceptedPeer {
  const socket = session.socket as TLSSocket
  const address = addressOf(socket)
  const judged = judge(socket, options)
  let budget = createRequestBudget(isMember(judged) ? MEMBER_BUDGET : STRANGER_BUDGET)
  return {
    ...judged,
    session,
    address,
    get budget() {
      return budget
    },
    welcome() {
      if (budget.limits === STRANGER_BUDGET) budget = createRequestBudget(KNOWN_BUDGET)
    },
  }
}

/** Who is at the other end, or why that cannot be said. */
export type JudgedPeer = Pick<AcceptedPeer, 'identity' | 'shown' | 'refusal'>

/** Look at what the other end of a finished handshake showed. Never throws. */
export function judge(
  socket: TLSSocket,
  { identify, log }: Pick<Http2ServerOptions, 'identify' | 'log'>,
): JudgedPeer {
  const address = addressOf(socket)
  try {
    const shown = identify(socket)
    const identity = shown?.identity
    if (identity !== undefined) log.debug('session.accepted', { peer: formatSpiffeId(identity), address })
    return { identity, shown, refusal: undefined }
  } catch (error) {
    const refusal =
      error instanceof MeshError
        ? error
        : new MeshError('not-trusted', 'Certificate cannot be read', { cause: error })
    log.warn('session.refused', { address, code: refusal.code, reason: refusal.message })
    return { identity: undefined, shown: undefined, refusal }
  }
}

/** `host:port` the connection came from. */
export function addressOf(socket: Pick<TLSSocket, 'remoteAddress' | 'remotePort'>): string {
  return `${socket.remoteAddress ?? 'relay'}:${socket.remotePort ?? 0}`
}

function isMember({ identity }: JudgedPeer): boolean {
  return identity?.kind === 'endpoint' || identity?.kind === 'hub' || identity?.kind === 'relay-hub'
}

function chooseProtocol(offered: readonly string[]): string | undefined {
  return ['h2', 'http/1.1'].find(protocol => offered.includes(protocol))
}

function cutOff(socket: Duplex): void {
  socket.destroy()
}

const TOO_MANY_STREAMS = () =>
  new MeshError('too-many', `Session ended: over ${MAX_STRANGER_STREAMS} requests of a stranger`)

/** A TLS handshake must be done within this time. */
export const HANDSHAKE_TIMEOUT_MS = 10_000
