// A program of the network lab that speaks over IPC. `hub` opens a hub's UDP ports, says them and a token for each
// endpoint it is told. `edge HOST` opens an agent's UDP edge, asks the hub at HOST, says what it offers, and meets whom it
// is told to: the dialling side sends a question that the other answers, and both say how it went.
import { once } from 'node:events'
import { openUdpEdge } from '../agent/udp-edge.ts'
import type { EndpointId } from '../core/model/ids.ts'
import { ms } from '../core/model/time.ts'
import type { NatKind } from '../core/path/nat-kind.ts'
import { type EchoOffer, openUdpEcho } from '../hub/udp-echo.ts'
import { ownAddresses } from '../net/own-addresses.ts'

/** What an edge offers. */
export interface EdgeOffer {
  readonly candidates: readonly string[]
  readonly nat: NatKind
}

/** Whom an edge is to meet. */
export interface EdgeOrder {
  readonly ticket: string
  readonly side: 'dial' | 'accept'
  readonly candidates: readonly string[]
  readonly peerNat: NatKind
}

/** How a meeting went: time to the first answer over the path, or why there is none. */
export type EdgeReport = { readonly ticket: string } & (
  | { readonly tookMs: number; readonly remote: string }
  | { readonly error: string }
)

const LOG = { debug() {}, info() {}, warn() {}, error() {} }

async function hub(): Promise<void> {
  const clock = { now: () => ms(Date.now()) }
  const echo = await openUdpEcho({ host: '0.0.0.0', port: HUB_UDP_PORT }, { clock, log: LOG })
  process.on('message', (endpoint: EndpointId) => process.send?.(echo.admit(endpoint)))
  process.send?.('ready')
}

async function edge(host: string): Promise<void> {
  const [offer] = (await once(process, 'message')) as [EchoOffer]
  const own = openUdpEdge({
    ownAddresses,
    log: LOG,
    onChange: () => process.send?.({ candidates: own.candidates, nat: own.nat } satisfies EdgeOffer),
  })
  own.linked({ host, ...offer })
  process.on('message', (order: EdgeOrder) => {
    const { ticket } = order
    const beganMs = performance.now()
    meet(order).then(
      remote => report({ ticket, remote, tookMs: Math.round(performance.now() - beganMs) }),
      (error: Error) => report({ ticket, error: error.message }),
    )
  })
  const report = (said: EdgeReport) => process.send?.(said)

  async function meet(order: EdgeOrder): Promise<string> {
    const { stream } = await own.punch(order)
    if (order.side === 'dial') stream.write('question')
    await once(stream, 'data')
    if (order.side === 'accept') stream.write('answer')
    return `${stream.remote.host}:${stream.remote.port}`
  }
}

/** Where the hub of the lab listens, and at the next. */
const HUB_UDP_PORT = 8_888

const [role, host = ''] = process.argv.slice(2)
if (role === 'hub') await hub()
if (role === 'edge') await edge(host)
