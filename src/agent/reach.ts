import { type Address, formatAddress } from '../core/model/address.ts'
import type { Log } from '../core/model/log.ts'
import type { PathKind } from '../core/path/path-kind.ts'
import { ownAddresses } from '../net/own-addresses.ts'
import { type DirectListener, openDirectListener } from './direct-listener.ts'

/** How peers and this agent may reach each other. */
export interface ReachOptions {
  /** Kinds of path that may be used, both by us and to us. */
  readonly paths: readonly PathKind[]
  /** Where to listen for peers that come in without a hub; host `*` is every address. */
  readonly listen: Address
  /** Where that port can be reached beside the addresses of this computer: forwarded by a router, say. */
  readonly advertise: readonly Address[]
}

/** The ports of this agent for peers, shared by all its meshes. */
export interface Reach extends AsyncDisposable {
  readonly paths: ReadonlySet<PathKind>
  /** Absent where `direct` may not be used. */
  readonly listener: DirectListener | undefined
  /** `IP:port` where the listener may be reached, best first, as of now. */
  addresses(): string[]
}

/**
 * Open the ports for peers.
 *
 * @throws MeshError `port-in-use`, `not-permitted`, `bad-input`
 */
export async function openReach(options: ReachOptions, log: Log): Promise<Reach> {
  const paths = new Set(options.paths)
  const listener = paths.has('direct') ? await openDirectListener(options.listen, log) : undefined
  return {
    paths,
    listener,
    addresses() {
      if (listener === undefined) return []
      const { host } = options.listen
      const hosts = host === '*' ? ownAddresses() : [host]
      const own = hosts.map(one => ({ host: one, port: listener.port }))
      return [...options.advertise, ...own].map(formatAddress)
    },
    async [Symbol.asyncDispose]() {
      await listener?.[Symbol.asyncDispose]()
    },
  }
}

/** How an agent starts: every kind of path, any free port. */
export const DEFAULT_REACH: Omit<ReachOptions, 'paths'> = { listen: { host: '*', port: 0 }, advertise: [] }
