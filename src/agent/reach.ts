import { type Address, formatAddress } from '../core/model/address.ts'
import type { Log } from '../core/model/log.ts'
import type { PathKind } from '../core/path/path-kind.ts'
import { ownAddresses } from '../net/own-addresses.ts'
import { type DirectListener, openDirectListener } from './direct-listener.ts'
import { openPortMapping, type PortMapping } from './port-mapping.ts'

/** How peers and this agent may reach each other. */
export interface ReachOptions {
  /** Kinds of path that may be used, both by us and to us. */
  readonly paths: readonly PathKind[]
  /** Where to listen for peers that come in without a hub; host `*` is every address. */
  readonly listen: Address
  /** Where that port can be reached beside the addresses of this computer: forwarded by a router, say. */
  readonly advertise: readonly Address[]
  /** Ask the router in front of this computer to lead that port here. */
  readonly isMapped: boolean
}

/** The ports of this agent for peers, shared by all its meshes. */
export interface Reach extends AsyncDisposable {
  readonly paths: ReadonlySet<PathKind>
  /** Absent where `direct` may not be used. */
  readonly listener: DirectListener | undefined
  /** The listener's port at the router; absent unless it was asked for. */
  readonly mapping: PortMapping | undefined
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
  const mapping = options.isMapped && listener !== undefined ? openPortMapping(listener.port, log) : undefined
  return {
    paths,
    listener,
    mapping,
    addresses() {
      if (listener === undefined) return []
      const { host } = options.listen
      const hosts = host === '*' ? ownAddresses() : [host]
      const own = hosts.map(one => ({ host: one, port: listener.port }))
      const mapped = mapping?.outer('tcp') ?? []
      return [...options.advertise, mapped, ...own].flat().map(formatAddress)
    },
    async [Symbol.asyncDispose]() {
      await mapping?.[Symbol.asyncDispose]()
      await listener?.[Symbol.asyncDispose]()
    },
  }
}

/** How an agent starts: every kind of path, any free port. */
export const DEFAULT_REACH: Omit<ReachOptions, 'paths'> = {
  listen: { host: '*', port: 0 },
  advertise: [],
  isMapped: false,
}
