import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'

/**
 * Keep a peer from ending the process where TLS goes over a stream that is no socket of the system: a way punched in a NAT, a
 * relay inside a link, a stream of the mesh.
 *
 * Node puts a socket made in JavaScript between the two, which asserts that nothing is written while it ends. A peer that asks
 * for new keys (KeyUpdate, RFC 8446 section 4.6.3) in that moment makes OpenSSL write all the same. Such an assertion now breaks
 * the connection, which is ending anyway.
 *
 * Does nothing where there is no such socket. Call it before the handshake is over.
 */
export function guardStreamSocket(socket: TLSSocket): void {
  const between = (socket as unknown as InternalTls)._handle?._parentWrap
  for (const name of ['doWrite', 'doShutdown'] as const) {
    const inner = between?.[name]?.bind(between)
    if (between === undefined || inner === undefined) return
    between[name] = (...given: unknown[]) => {
      try {
        return inner(...given)
      } catch {
        between.stream?.destroy()
        return BROKEN_PIPE
      }
    }
  }
}

/** Not public: what Node keeps of the socket below TLS (`lib/internal/js_stream_socket.js`, Node 24). */
interface InternalTls {
  readonly _handle?: {
    readonly _parentWrap?: Partial<Record<'doWrite' | 'doShutdown', (...given: unknown[]) => number>> & {
      readonly stream?: Duplex
    }
  } | null
}

/** `UV_EPIPE`, as the code in C++ wants it. */
const BROKEN_PIPE = -32
