import { openUdpEdge, type UdpEdge } from '../agent/udp-edge.ts'

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
    log: { debug() {}, info() {}, warn() {}, error() {} },
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
