import http, { type AgentOptions } from 'node:http'
import https, { type AgentOptions as HttpsAgentOptions, type RequestOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { type buildConnector, buildConnector as buildUndiciConnector, Agent as UndiciAgent } from 'undici'
import { guardStreamSocket } from './guard-stream-socket.ts'

/** Opens a stream to the host of a URL; what is written before it is open waits. */
export type OpenStream = (host: string) => Duplex

/** An agent whose connections are streams of `open`. */
export function createStreamAgent(open: OpenStream, options: AgentOptions = {}): http.Agent {
  return new StreamAgent(open, options)
}

/** The same with TLS inside. */
export function createTlsStreamAgent(open: OpenStream, options: HttpsAgentOptions = {}): https.Agent {
  return new TlsStreamAgent(open, options)
}

class StreamAgent extends http.Agent {
  readonly #open: OpenStream

  constructor(open: OpenStream, options: AgentOptions) {
    super({ keepAlive: true, ...options })
    this.#open = open
  }

  override createConnection(options: http.ClientRequestArgs): Duplex {
    return this.#open(String(options.host ?? options.hostname ?? ''))
  }
}

class TlsStreamAgent extends https.Agent {
  readonly #open: OpenStream

  constructor(open: OpenStream, options: HttpsAgentOptions) {
    super({ keepAlive: true, ...options })
    this.#open = open
  }

  override createConnection(options: RequestOptions): Duplex {
    const host = String(options.host ?? options.hostname ?? '')
    const { servername = host } = options
    const socket = tls.connect({
      ...(options as tls.ConnectionOptions),
      socket: this.#open(host),
      servername,
    })
    guardStreamSocket(socket)
    return socket
  }
}

/** The dispatcher of a `fetch` whose connections are streams of `open`; `tlsOptions` for URLs that are https. */
export function createStreamDispatcher(
  open: OpenStream,
  tlsOptions: Partial<buildConnector.BuildOptions> = {},
): UndiciAgent {
  const secure = buildUndiciConnector(tlsOptions)
  return new UndiciAgent({
    connect(options, callback) {
      const stream = open(options.hostname)
      // What undici asks of a socket, such a stream has.
      const socket = stream as never
      if (options.protocol === 'https:') {
        return secure({ ...options, httpSocket: socket }, (...[error, secured]) => {
          if (secured !== null) guardStreamSocket(secured as tls.TLSSocket)
          callback(...([error, secured] as Parameters<typeof callback>))
        })
      }
      const fail = (error: Error) => callback(error, null)
      stream.once('error', fail)
      stream.once('connect', () => {
        stream.off('error', fail)
        callback(null, socket)
      })
    },
  })
}
