import type { Duplex, Readable, Writable } from 'node:stream'
import type { Handlers, Route } from '../core/api/route.ts'
import type { Access, EndpointInfo, Rank, ServiceInfo } from '../core/api/shapes.ts'
import type { ScriptGrants } from '../core/app/script-grants.ts'
import type { MeshFiles } from '../core/files/mesh-files.ts'
import type {
  Forwarding,
  ForwardLimits,
  ForwardRecord,
  HttpTarget,
  RequestHead,
} from '../core/gateway/forwarding.ts'
import type { Address, Target } from '../core/model/address.ts'
import type { AppContents } from '../core/model/content.ts'
import type { Disk } from '../core/model/disk.ts'
import type { MeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { ListeningPort } from '../core/model/listening-port.ts'
import type { Log } from '../core/model/log.ts'
import type { Name, ServiceName, UserName } from '../core/model/names.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Json } from '../core/model/store.ts'
import type { Clock } from '../core/model/time.ts'
import type { PathKind } from '../core/path/path-kind.ts'

/**
 * An app: a program that sees nothing but its `Host`. Life cycle: `start` once for each mesh the agent has joined,
 * also while no hub can be reached; the instance then gets streams and requests until it is disposed.
 *
 * Built-in apps (`apps/`) use exactly this and nothing more.
 */
export interface App {
  /** `ztm/tunnel`: provider and name. */
  readonly name: `${string}/${string}`
  /** The app's HTTP API as data, paths below the app's own root. */
  readonly api: Record<string, Route>
  start(host: Host): Promise<AppInstance>
}

/** A started app in one mesh. */
export interface AppInstance extends AsyncDisposable {
  readonly handlers: Handlers<Record<string, Route>, AppCaller>
  /** A program of this computer's user opened a stream to the app; without this, none can. */
  readonly receiveLocal?: (stream: Duplex) => void
  /** Of the app that has the mesh's files: let another app of this endpoint use them. @param app  `alice/notes` */
  readonly meshFilesFor?: (app: string) => MeshFiles
  readonly contents?: AppContents
}

/** Who asks an app's API: the person at this agent, or another endpoint that may manage this one. */
export type AppCaller =
  | { readonly source: 'user' }
  | { readonly source: 'peer'; readonly identity: EndpointIdentity }

/** Everything an app can reach, in one mesh. */
export interface Host {
  readonly mesh: Name
  readonly endpoint: { readonly id: EndpointId; readonly name: Name; readonly user: UserName }
  readonly log: Log
  readonly clock: Clock
  /** Kept on this endpoint, for this app and mesh alone. */
  readonly storage: AppStorage
  /** Find an endpoint of the mesh by id or name. @throws MeshError `not-found`, `offline` */
  findEndpoint(nameOrId: string): Promise<EndpointInfo>
  /** Services this endpoint may dial or hosts. */
  services(): Promise<ServiceInfo[]>
  /**
   * Host a service: be given its streams until disposed. Works while no hub can be reached; it is announced when
   * one is.
   *
   * @throws MeshError `name-taken` if the service is another user's, `conflict` if this app hosts it already
   */
  serve(service: ServiceName, options: ServeOptions): Promise<Hosting>
  /** Open a stream to a service. Returns at once; see `Dialing`. */
  dial(service: ServiceName, options?: DialOptions): Dialing
  /** Get ready to dial: ask for the session ticket and open sessions to the hostings. Never throws. */
  prepare(service: ServiceName, options?: DialOptions): void
  /**
   * Call a route of the same app on another endpoint, which this one may manage.
   *
   * @throws MeshError the other side's, or `offline`, `denied`
   */
  request(endpoint: EndpointId, request: { method: string; path: string; body?: Json }): Promise<unknown>
  /** Accept TCP connections. @throws MeshError `port-in-use`, `not-permitted`, `bad-input` */
  listenTcp(at: Address, onConnection: (connection: TcpConnection) => void): Promise<Listener>
  /** Open a TCP connection or unix socket. @throws MeshError `unreachable`, `timed-out`, `not-found`, `denied` */
  connectTcp(to: Target, options: ConnectOptions): Promise<TcpConnection>
  /** Receive and send datagrams. @throws MeshError as `listenTcp` */
  bindUdp(at: Address, onDatagram: (bytes: Uint8Array, from: Address) => void): Promise<UdpPort>
  /** A UDP socket that talks to one address. @throws MeshError `unreachable`, `denied` */
  connectUdp(to: Address, events: UdpEvents): Promise<UdpFlow>
  /** IP addresses of this computer, each with its network: `192.0.2.7/24`, `2001:db8::7/64`. */
  ownNetworks(): readonly string[]
  /** TCP ports that programs listen at on this computer, the lowest first. @throws MeshError `unsupported` */
  listeningPorts(): Promise<readonly ListeningPort[]>
  /** The way to an endpoint, as far as it is known: that of a session that is open. */
  pathTo(endpoint: EndpointId): KnownPath | undefined
  /** Speak HTTP on streams, and pass their requests on to targets here. Nothing listens: see `HttpForwarder.accept`. */
  forwardHttp<C extends object>(options: HttpForwarderOptions<C>): HttpForwarder<C>
  /** Run a program on this computer. @throws MeshError `not-found`, `not-permitted`, `denied`, `bad-input`, `unsupported` */
  runProgram(program: Program): Promise<RunningProgram>
  /**
   * Run a script in a process of its own that has what is granted, and nothing else; nothing of it is left behind.
   *
   * @throws MeshError `bad-input` for a grant that is none, `not-found` for a path that is not there, `denied` for one that
   *   would open the agent's own state, `unsupported` where scripts cannot be run, or not as safely as asked
   */
  runScript(script: Script): Promise<RunningScript>
  /** Files of this computer, with the rights of the agent. */
  readonly disk: Disk
  /** Files of the mesh, as this endpoint's user sees them; absent where no app has them. */
  readonly meshFiles?: MeshFiles | undefined
  /** Call back once after a while. @returns a function that cancels */
  after(ms: number, call: () => void): () => void
}

/** An app's own small records. */
export interface AppStorage {
  get(key: string): Promise<Json | undefined>
  list(prefix: string): Promise<{ key: string; value: Json }[]>
  /** Durable when it resolves. @throws MeshError `storage-full` */
  put(key: string, value: Json): Promise<void>
  delete(key: string): Promise<void>
}

/** How a service is hosted. */
export interface ServeOptions {
  readonly access: Access
  readonly onStream: (incoming: Incoming) => void
  /** How this hosting stands to others of the service; all are equal by default. */
  readonly rank?: Rank
  /** What it calls itself, for those who want just this one. */
  readonly instance?: Name
}

/** A service hosted by this endpoint. Disposing it ends the hosting, not the open streams. */
export interface Hosting extends AsyncDisposable {
  /** Why others cannot find the service, though it is hosted here: the name was taken meanwhile, say. */
  readonly error?: MeshError | undefined
  /** Change who may dial; open streams of those who no longer may are ended. */
  update(access: Access): Promise<void>
  /** Tell others how the targets are. */
  report(health: 'up' | 'partly' | 'down' | 'unknown'): void
}

/** A stream that arrived for a hosted service. Already allowed; `accept` or `refuse` it. */
export interface Incoming {
  readonly service: ServiceName
  readonly from: EndpointIdentity
  /**
   * The groups that the user of `from` is in, as the session ticket says; an empty list matches no rule. An app that
   * looks at them decides by them: the stream then ends within seconds when they change. None for a dial from this
   * very endpoint.
   */
  readonly groups: readonly Name[]
  /** Id of the session ticket that opened it; absent for a dial from this very endpoint. */
  readonly sessionId?: string
  /** Which port of a range was dialled, from 0; absent where there is only one. */
  readonly port?: number
  /**
   * Datagrams may come and go beside the stream, if `onDatagram` is set before `accept`; absent where they cannot. What
   * came before it was set is in the stream.
   */
  readonly datagrams?: DatagramPath
  /** Fires when the dialler gives up before an answer. */
  readonly signal: AbortSignal
  /**
   * Say yes. Bytes the dialler sent early are in the stream already. See `Dialing.opened` for how it ends.
   *
   * @param isToldLater  the dialler is told with the first bytes that are written: for who reads something, and then answers
   */
  accept(isToldLater?: boolean): Duplex
  refuse(error: MeshError): void
}

/**
 * Datagrams beside a stream, by a path that loses and reorders as the network does, and never waits. It ends with the
 * stream, which carries what cannot go beside it.
 */
export interface DatagramPath {
  /** @returns false if it is too long for the path, or that is gone: it has to go in the stream */
  send(bytes: Uint8Array): boolean
  /** Hears of each that comes. Set it at once: few are held until then. */
  onDatagram: ((bytes: Uint8Array) => void) | undefined
}

/** Where to dial. */
export interface DialOptions {
  /** Only these endpoints; any that hosts the service if absent or empty. */
  readonly exits?: readonly EndpointId[]
  /** Only a service of this user; another's is refused (`denied`). */
  readonly owner?: UserName
  /** Only hostings that call themselves so. */
  readonly instance?: Name
  /** Where the service is `sticky`: the endpoint that was taken before. By default that of the last dial of this service. */
  readonly sticky?: EndpointId
  /** Which port of a range is meant, from 0; given to the hosting side as `Incoming.port`. */
  readonly port?: number
  /** Have datagrams beside the stream where that can be, and listen to them. Default false. */
  readonly takesDatagrams?: boolean
}

/**
 * A stream being opened. Bytes written before it is open travel with the request, at most `EARLY_BYTES` of them, and
 * are sent again if another hosting has to be tried.
 */
export interface Dialing {
  /** Early bytes, taken whole. @returns false when no more should come before `opened` */
  write(bytes: Uint8Array): boolean
  /**
   * The stream. `end()` ends this side's half, the other side's `end` event is its own; `destroy(error)` breaks it,
   * which the other side sees as `close` without `end`, with or without `error` before it.
   *
   * @throws MeshError `denied`, `not-found`, `offline`, `unreachable`, `target-refused`, `timed-out` …
   */
  readonly opened: Promise<{
    readonly stream: Duplex
    readonly endpoint: EndpointId
    /** Whose that endpoint is. */
    readonly user: UserName
    readonly owner: UserName
    /** Id of the session ticket that opened it. */
    readonly sessionId: string
    /** The mesh counts and charges what it carries. */
    readonly isMetered?: boolean
    /** Only if the dial took datagrams and the path and the other side do. */
    readonly datagrams?: DatagramPath
  }>
  /** Give up, or end the stream if it is open. */
  cancel(): void
}

/** Bytes a `Dialing` takes before it is open. */
export const EARLY_BYTES = 65_536

/** A way to an endpoint. */
export interface KnownPath {
  /** `local` is this very endpoint. */
  readonly kind: 'local' | PathKind
  readonly roundTripMs?: number | undefined
}

/** How requests are passed on. @typeParam C  what the app knows of a stream */
export interface HttpForwarderOptions<C extends object> {
  readonly limits: ForwardLimits
  /**
   * Where a request goes.
   *
   * @param caller  as `accept` was given it
   * @throws MeshError why nowhere: it is answered with the status that fits, and its message where it is the caller's own fault
   */
  decide(request: RequestHead, caller: C): Forwarding
  onDone(record: ForwardRecord, caller: C): void
  /** Something failed that should not. */
  onBug(error: MeshError): void
}

/**
 * Speaks HTTP/1.1, WebSocket and HTTP/2 on streams, and passes requests on. What two programs could read differently is
 * refused; disposing breaks everything.
 */
export interface HttpForwarder<C extends object> extends AsyncDisposable {
  /** Serve a stream until it ends. */
  accept(stream: Duplex, caller: C): void
  readonly streamCount: number
  /** Requests and WebSockets under way. */
  readonly openCount: number
  /**
   * Ask a target by oneself, with GET.
   *
   * @param question  headers are names and values in turn, `host` first
   * @returns the status of its answer
   * @throws MeshError `unreachable`, `timed-out`, `not-trusted` …
   */
  probe(
    target: HttpTarget,
    question: { readonly path: string; readonly headers: readonly string[]; readonly timeoutMs: number },
  ): Promise<number>
}

/** A program to run. */
export interface Program {
  /** The program and its arguments; the user's login shell if absent. */
  readonly command?: readonly string[]
  /** Beside the agent's own environment, or instead of it. */
  readonly env?: Readonly<Record<string, string>>
  /** Where it starts; the user's home folder if absent. */
  readonly folder?: string
  /** It gets a terminal of this size; pipes if absent. */
  readonly terminal?: TerminalSize
  /** An account of this computer to run it as, with its groups, home and shell and none of the agent's environment; the agent's own if absent. */
  readonly account?: string
  /** Refuse (`denied`) rather than run it as root because the agent is. Default false. */
  readonly isNeverRoot?: boolean
}

/** A script: one module. */
export interface Script {
  readonly source: Uint8Array
  /** JavaScript or TypeScript, as a module or as CommonJS: the ending of its file. */
  readonly language: 'mjs' | 'mts' | 'cjs' | 'cts'
  readonly args: readonly string[]
  readonly grants: ScriptGrants
  /** In MiB; over it the script is killed. */
  readonly memoryMb: number
  /** It is killed after so long. */
  readonly timeoutMs: number
  /** Refuse (`unsupported`) where only Node keeps it in, and not the kernel too. */
  readonly needsKernelWalls: boolean
  /** Refuse to run programs for it as root because the agent is. */
  readonly isNeverRoot: boolean
}

/** A script that runs. Whoever reads its output slowly slows it down. */
export interface RunningScript {
  readonly input: Writable
  readonly output: Readable
  readonly errors: Readable
  /** What keeps it in: the kernel, or Node alone. */
  readonly walls: 'kernel' | 'node'
  /** How it ended; its output may still have to be read. */
  readonly ended: Promise<ScriptEnd>
  kill(why: string): void
}

/** How a script ended: as a program does, or killed for a reason. */
export type ScriptEnd = ProgramEnd | { readonly killed: string }

/** How much a terminal shows. */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

/** A program that runs. Whoever reads its output slowly slows it down. */
export interface RunningProgram {
  readonly id: number
  readonly input: Writable
  readonly output: Readable
  /** Its errors; in a terminal they are in the output. */
  readonly errors: Readable | undefined
  /** How it ended; its output may still have to be read. */
  readonly ended: Promise<ProgramEnd>
  /** Of a terminal alone. */
  resize(size: TerminalSize): void
  signal(name: 'SIGHUP' | 'SIGINT' | 'SIGQUIT' | 'SIGTERM' | 'SIGKILL'): void
}

/** How a program ended: by itself, or by a signal. */
export type ProgramEnd = { readonly code: number } | { readonly signal: string }

/** How to connect. */
export interface ConnectOptions {
  readonly timeoutMs: number
  /** Gives up; the connection that may come of it is closed. */
  readonly signal?: AbortSignal
  readonly mayUse?: AddressCheck
}

/**
 * Whether an IP address may be connected to. It is asked of each address that a name turns out to have, and only those
 * that it lets through are used; with none left the connection is refused (`denied`).
 */
export type AddressCheck = (ip: string) => boolean

/** A TCP connection or one of a unix socket: half-open is allowed, no delay is set. */
export type TcpConnection = Duplex & {
  /** The other end, `host:port`; `unix:/path` for a unix socket, `gone` for one that was broken before. Asks the system. */
  remote(): string
  readonly bytesRead: number
  readonly bytesWritten: number
  /** Break it: the other side sees a reset. */
  reset(): void
}

/** An open listening port. */
export interface Listener extends AsyncDisposable {
  readonly address: Address
}

/** A bound UDP socket. */
export interface UdpPort extends AsyncDisposable {
  readonly address: Address
  /** `to` is an IP address and port, as `onDatagram` gave it. What cannot be sent now is lost. */
  send(bytes: Uint8Array, to: Address): void
}

/** What happens on a UDP socket with one other end. */
export interface UdpEvents {
  readonly onDatagram: (bytes: Uint8Array) => void
  /** The other end's computer said that nobody listens there. The flow stays usable: that may change. */
  readonly onUnreachable?: (error: MeshError) => void
  readonly mayUse?: AddressCheck
}

/** A UDP socket with one other end. */
export interface UdpFlow extends AsyncDisposable {
  /** What cannot be sent now is lost. */
  send(bytes: Uint8Array): void
}
