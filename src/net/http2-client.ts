import http2 from 'node:http2'
import type { Duplex } from 'node:stream'
import tls, { type TLSSocket } from 'node:tls'
import { MeshError } from '../core/model/errors.ts'
import { closeInTime } from './close-in-time.ts'
import { guardAgainstFloods } from './flood-guard.ts'
import { guardStreamSocket } from './guard-stream-socket.ts'
import type { ShownIdentity } from './http2-server.ts'
import { CONNECTION_WINDOW_BYTES, HTTP2_LIMITS, HTTP2_SETTINGS } from './http2-settings.ts'
import { fromNodeError } from './node-error.ts'
import { createReadWatch } from './read-while-writing.ts'
import { TLS_OPTIONS } from './tls-options.ts'

/** How to open a session over a connection. */
export interface Http2ClientOptions {
  /** Our certificate; absent for a join by token, which has none yet. */
  readonly identity?: { readonly chainPem: string; readonly privateKeyPem: string }
  /** The mesh's root, PEM; absent only while it is being fetched. */
  readonly rootPem?: string
  /** Check who answered. @throws MeshError if it is not who was wanted */
  readonly identify: (socket: TLSSocket) => ShownIdentity
  /** Handshake and first settings must be done within this time. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/** An open session and who is at its other end. */
export interface Http2Client {
  readonly session: http2.ClientHttp2Session
  readonly shown: ShownIdentity
  /** Counts the bytes, also when it has closed. */
  readonly socket: TLSSocket
}

/**
 * Speak TLS 1.3 and HTTP/2 as the client over `connection`, which is owned from now on.
 *
 * @throws MeshError `timed-out`, `not-trusted`, `certificate-expired`, `link-closed`
 */
export async function openHttp2(connection: Duplex, options: Http2ClientOptions): Promise<Http2Client> {
  // TLS inherits it; with half-open allowed, a peer that was killed would look like one that only stopped talking.
  connection.allowHalfOpen = false
  const socket = tls.connect({
    ...TLS_OPTIONS,
    ALPNProtocols: [...TLS_OPTIONS.ALPNProtocols],
    socket: connection,
    ca: options.rootPem ?? [],
    ...(options.identity && { cert: options.identity.chainPem, key: options.identity.privateKeyPem }),
    // Judged in `identify` by SPIFFE ID; host names say nothing about who a hub or endpoint is.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  })
  guardStreamSocket(socket)
  // Node leaves it open where TLS ends before its handshake has.
  socket.once('close', () => connection.destroy())
  const guard = giveUp(socket, options.timeoutMs, options.signal)
  try {
    await onceSecure(socket)
    const shown = options.identify(socket)
    if (socket.alpnProtocol !== 'h2')
      throw new MeshError('bad-message', 'Cannot open session: other side speaks no HTTP/2')
    const session = http2.connect('https://mesh', {
      ...HTTP2_LIMITS,
      settings: HTTP2_SETTINGS,
      createConnection: () => socket,
    })
    closeInTime(session, socket)
    createReadWatch().add(socket)
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES)
    guardAgainstFloods(session, () => {})
    // The error reaches whoever waits on a stream or on `close`; without a listener it would end the process.
    session.on('error', () => {})
    return { session, shown, socket }
  } catch (error) {
    socket.destroy()
    throw guard.reason ?? fromNodeError(error, 'Cannot open session')
  } finally {
    guard.end()
  }
}

function onceSecure(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.on('error', reject)
    socket.once('close', () =>
      reject(new MeshError('link-closed', 'Cannot open session: other side closed during the handshake')),
    )
  })
}

function giveUp(socket: TLSSocket, timeoutMs: number, signal: AbortSignal | undefined) {
  const guard = {
    reason: undefined as MeshError | undefined,
    end() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    },
  }
  const stop = (reason: MeshError) => {
    guard.reason = reason
    socket.destroy(reason)
  }
  const timer = setTimeout(
    () => stop(new MeshError('timed-out', `Cannot open session: no answer within ${timeoutMs} ms`)),
    timeoutMs,
  )
  const abort = () => stop(new MeshError('timed-out', 'Cannot open session: given up'))
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  return guard
}
