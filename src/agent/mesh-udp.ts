import type { HubEvent } from '../core/api/events.ts'
import { type MeshError, toMeshError } from '../core/model/errors.ts'
import { ipRange, parseIp } from '../core/model/ip-address.ts'
import type { Log } from '../core/model/log.ts'
import { ownAddresses } from '../net/own-addresses.ts'
import type { Reach } from './reach.ts'
import { openUdpEdge, type UdpEdge } from './udp-edge.ts'

/** What the UDP side of one mesh needs. */
export interface MeshUdpOptions {
  readonly reach: Reach
  /** The hub is on this computer: then peers may be, too. */
  readonly isHubHere: boolean
  /** What can be offered to peers changed. */
  readonly onChange: () => void
  readonly log: Log
}

/** The UDP ports of a hub, as its greeting gives them. */
export type EchoPorts = NonNullable<Extract<HubEvent, { event: 'hello' }>['udp']>

/**
 * Open the UDP side of one mesh, at the number of the TCP port for peers if that is free.
 *
 * @returns undefined where it may not be used, or this computer lacks the native part: then there are no holes to punch
 */
export function openMeshUdp({ reach, isHubHere, onChange, log }: MeshUdpOptions): UdpEdge | undefined {
  if (!reach.paths.has('punched')) return undefined
  const { listener, mapping } = reach
  // One port is led here: that of the mesh that came first.
  const mapped = (port: number) => (port === listener?.port ? mapping?.outer('udp') : undefined)
  const open = (port: number) =>
    openUdpEdge({ ownAddresses, onChange, log, bind: { port }, mapped, loopback: isHubHere })
  try {
    return open(listener?.port ?? 0)
  } catch (thrown) {
    if (toMeshError(thrown).code !== 'port-in-use') return noUdp(thrown, log)
  }
  try {
    return open(0)
  } catch (thrown) {
    return noUdp(thrown, log)
  }
}

/** Whether an address of a hub (`host:port`) is this computer. */
export function isLoopbackHost(host: string): boolean {
  const ip = parseIp(host)
  return host === 'localhost' || (ip !== undefined && ipRange(ip) === 'loopback')
}

function noUdp(thrown: unknown, log: Log): undefined {
  const { message }: MeshError = toMeshError(thrown)
  log.warn('udp.not-opened', { reason: message })
}
