import type { MoneyUnit } from '../core/billing/money.ts'
import type { Address } from '../core/model/address.ts'
import type { FetchReach } from '../core/model/fetch-reach.ts'
import type { LogLevel } from '../core/model/log.ts'
import type { Name } from '../core/model/names.ts'
import type { PathKind } from '../core/path/path-kind.ts'

/** What `ztm run hub` was told; everything is parsed. */
export interface RunHubOptions {
  /** Absolute path of the state folder; it may not exist yet. */
  readonly dataFolder: string
  readonly listen: Address
  /** Where agents reach the hub, `host:port`; empty means those of the last run. */
  readonly names: readonly string[]
  /** Where to write the root permit (mode 0600) once the hub is up. */
  readonly permitFile?: string
  /** The most links at once; the hub's own default if absent. */
  readonly maxAgents?: number
  /** The most relays at once; the hub's own default if absent. */
  readonly maxRelays?: number
  /** How much is relayed, megabits a second: by the whole hub, and for one user; no limit if absent. */
  readonly maxRelayMbps?: number
  readonly maxRelayMbpsPerUser?: number
  /** Processes that copy what is relayed; one for each core if absent, none if 0. */
  readonly workers?: number
  /** No two endpoints may connect without a hub. */
  readonly isDirectForbidden?: boolean
  /** Where key sets of issuers of tokens may be; `site` if absent. */
  readonly issuerReach?: FetchReach
  /** Sessions are paid for; free if absent. */
  readonly commerce?: CommerceOptions
  /** It only relays, for the mesh of another hub; it has a controller of its own if absent. */
  readonly relay?: RelayRoleOptions
  /** Where to serve `/metrics` for Prometheus; nowhere if absent. */
  readonly metrics?: Address
  readonly logLevel: LogLevel
}

/** What a hub that only relays was told. */
export interface RelayRoleOptions {
  /** Reads the text of the permit that lets it in; needed the first time. */
  readonly readPermit?: () => Promise<string>
  /** Where the hub with the controller is, `host:port`; empty means as the permit says, or the last run. */
  readonly controllers: readonly string[]
}

/** Where balances are kept and usage is charged, and how. */
export interface CommerceOptions {
  readonly url: string
  /** Absolute path of the file with the token to show; read anew for each request. */
  readonly tokenFile?: string
  /** How often the balance of who has a service open is asked for; the default if absent. */
  readonly recheckMs?: number
  /** What one stands for in balances; `major` if absent. */
  readonly unit?: MoneyUnit
}

/** What `ztm run agent` was told; everything is parsed. */
export interface RunAgentOptions {
  /** The only kinds of path to peers that may be used; all if absent. */
  readonly paths?: readonly PathKind[]
  /** Where peers come in without a hub; host `*` is every address. Any free port if absent. */
  readonly peerPort?: Address
  /** Where else peers may find that port. */
  readonly advertise?: readonly Address[]
  /** Ask the router to lead that port here. */
  readonly isPortMapped?: boolean
  /** Absolute path of the state folder; it may not exist yet. */
  readonly dataFolder: string
  /** Where browsers reach the local API; `off` serves the unix socket alone. */
  readonly listen: Address | 'off'
  /** Join a mesh under this name at the start, unless joined already. */
  readonly join?: {
    readonly mesh: Name
    readonly endpoint: Name
    /** Text of the permit, or a `ztm://` link. */
    readonly permit: string
  }
  /** Where to serve `/metrics` for Prometheus; nowhere if absent. */
  readonly metrics?: Address
  readonly logLevel: LogLevel
}

/** What a gateway needs of its computer, by its configuration; folders are absolute. */
export interface GatewayNeeds {
  /** It listens below 1024. */
  readonly needsLowPorts: boolean
  /** Where the files lie that it names, its own among them. */
  readonly readableFolders: readonly string[]
  readonly writableFolders: readonly string[]
  /** What it logs in with is in the environment, or files of the user's. */
  readonly needsEnvironment: boolean
}

/** What `ztm run gateway` was told; everything is parsed. */
export interface RunGatewayOptions {
  /** Absolute path of `gateway.yaml`. */
  readonly configFile: string
  /** Say whether the file is good, and end. */
  readonly isCheck: boolean
  /** Absolute path of the state folder; it may not exist yet. */
  readonly dataFolder: string
  /** Read a permit. @param file  absolute path */
  readonly readPermit: (file: string) => Promise<string>
  /** Where to serve `/metrics` for Prometheus and `/.ztm/health`; nowhere if absent. */
  readonly metrics?: Address
  readonly logLevel: LogLevel
}
