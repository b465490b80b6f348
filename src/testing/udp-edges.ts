import { openUdpEdge, type UdpEdge } from '../agent/udp-edge.ts'
import type { Clock } from '../core/model/time.ts'
import { openUdpEcho, type UdpEcho } from '../hub/udp-echo.ts'
import { bindUdp } from '../net/host-sockets.ts'

/** An edge on loopback, and word of its changes. */
export interface TestEdge extends AsyncDisposable {
  readonly edge: UdpEdge
  /** When something it offers has changed next. */
  changed(): Promise<void>
}

/** Open an edge that offers and takes addresses of loopback. */
export function openTestEdge(host = '127.0.0.1'): TestEdge {
  let tell = Promise.withResolvers<void>()
  const edge = openUdpEdge({
    bind: { host },
    ownAddresses: () => [host],
    loopback: true,
    log: LOG,
    onChange() {
      tell.resolve()
      tell = Promise.withResolvers<void>()
    },
  })
  return {
    edge,
    changed: () => tell.promise,
    [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose](),
  }
}

/** The UDP ports of a hub, at numbers that were free a moment ago. */
export async function openTestEcho(clock: Clock): Promise<UdpEcho> {
  const free = await bindUdp({ host: '127.0.0.1', port: 0 }, () => {})
  await free[Symbol.asyncDispose]()
  return await openUdpEcho(free.address, { clock, log: LOG })
}

const LOG = { debug() {}, info() {}, warn() {}, error() {} }
