import type { Access } from '../core/api/shapes.ts'
import type { Connector } from './adapters/connector.ts'
import type { AgentFor, HttpAgentOptions } from './adapters/http-agents.ts'
import type { ServiceServer } from './adapters/serve.ts'
import type { Connection } from './connection.ts'
import type { ContextEvents, ServiceEntry } from './context-events.ts'
import type { ContextMode } from './context-options.ts'
import type { Listener } from './listener.ts'
import type { TypedEvents } from './typed-events.ts'

/** How to dial. */
export interface DialOptions {
  /** The whole dial must be done in this time; `connectTimeoutMs` of the context by default, at most 20 s. */
  readonly timeoutMs?: number
  /** Ends the dial, and the connection. */
  readonly signal?: AbortSignal
  /** Of a `sticky` service: where to go again, as `stickinessToken` of a connection before said. */
  readonly stickinessToken?: string
  /** Sent as the first bytes of the connection, with the request: the service reads them before all else. */
  readonly appData?: Uint8Array
  /** When the other side has ended its half, end ours, as TCP clients expect that know no half-close; default false. */
  readonly endsTogether?: boolean
}

/** How to host. */
export interface ListenOptions {
  /** 0 to 65,535: the cheaper this hosting, the more of the connections are its; default 0. */
  readonly cost?: number
  /** `required` is taken before all others, `failed` where there is no other; default `default`. */
  readonly precedence?: 'required' | 'default' | 'failed'
  /** What this hosting calls itself: `instance@service` dials it alone. */
  readonly instance?: string
  /** Open at one time; others are refused. Default 10,000. */
  readonly maxConnections?: number
  /**
   * Who may dial, beside those whom the service policies of the controller let in: users and identities by id. With
   * `policies: false` those alone.
   */
  readonly access?: Partial<Access>
}

/** The login that is good now. */
export interface SessionInfo {
  /** Id of the API session. */
  readonly id: string
  readonly identity: { readonly id: string; readonly name: string }
  /** When it ends unless something is done with it; a context that is open sees to that. */
  readonly expiresAt: string | undefined
}

/**
 * A program's way into the mesh: it logs in, dials services by name and hosts them. Made without a network; it logs in when
 * it is first asked for something, and again whenever it has to.
 *
 *     const ztm = createContext({ controllerUrl: 'https://ztm.example:8888' })
 *     const connection = await ztm.dial('echo')
 *     connection.end('hello')
 *     for await (const bytes of connection) process.stdout.write(bytes)
 *     await ztm.close()
 *
 * A context that was used keeps the program alive until it is closed. Whatever fails is a `ZtmError`.
 */
export interface Context extends AsyncDisposable {
  readonly mode: ContextMode
  /** What it logs in with, as it may be shown: `Hanzo API key (...12345)`. */
  readonly credentials: string
  readonly controllerUrl: string
  /** Log in now and go to work in the mesh, instead of at the first dial. @throws ZtmError `auth-failed` … */
  authenticate(): Promise<SessionInfo>
  /** The services that this identity may dial or host. @throws ZtmError */
  services(): Promise<ServiceEntry[]>
  /**
   * Connect to a service: `NAME`, `tcp/NAME`, `udp/NAME`, `INSTANCE@NAME` or `zt://NAME`.
   *
   * @returns when the service said yes
   * @throws ZtmError `service-not-found`, `denied`, `connection-failed`, `insufficient-balance`, `timeout` …
   */
  dial(service: string, options?: DialOptions): Promise<Connection>
  /** As `dial`, but at once, as `net.connect`: up to 64 KiB that are written before it is open go with the request. */
  connect(service: string, options?: DialOptions): Connection
  /**
   * Host a service. While the controller is away it is hosted as soon as it is back.
   *
   * @throws ZtmError `denied` where no policy lets this identity host it, `auth-failed`
   */
  listen(service: string, options?: ListenOptions): Promise<Listener>
  /** The login, as the controller sees it; undefined where there is none. @throws ZtmError */
  session(): Promise<SessionInfo | undefined>
  /** What happens: `on('authenticated', …)`, or a loop over all of it. */
  events(): TypedEvents<ContextEvents>
  /** An agent for `node:http`: hosts of URLs are names of services. `tls: true` gives one for `node:https`. */
  agent<O extends HttpAgentOptions = { tls?: false }>(options?: O): AgentFor<O>
  /** `fetch` for URLs whose host is the name of a service: `http://web/`, `http://web.ztm/`. */
  readonly fetch: typeof globalThis.fetch
  /** Let a server of `node:http`, `node:https` or `node:net` serve a service, without a port. */
  server(server: ServiceServer, service: string, options?: ListenOptions): Promise<Listener>
  /** Options for clients of databases and the like that take a connection of one's own. */
  connector(): Connector
  /** Break what is open, log out, and let the program end. */
  close(): Promise<void>
}
