import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { EndpointId } from '../core/model/ids.ts'
import { parseFlowName } from '../core/stream/flow-header.ts'
import { exportDatagramSecret } from '../net/datagram-channel.ts'
import type { AcceptedPeer } from '../net/http2-server.ts'
import type { DatagramPath } from '../sdk/app.ts'
import { SessionDatagrams } from './session-datagrams.ts'
import type { PunchedWay } from './udp-punch.ts'

/** The punched paths by which peers came in, for the datagrams beside their sessions. */
export interface ArrivedWays {
  /** Remember a path until it ends. @param peer  who the hub said it is for */
  keep(way: PunchedWay, peer: EndpointId): void
  /**
   * Open the flow that a CONNECT asks for. A path belongs to the first session of its peer that names it: with another
   * session's keys no datagram opens.
   *
   * @param name  the value of its `ztm-flow`
   * @returns undefined if it asks for none, or for one that cannot be: then all stays in the stream
   */
  openFlow(name: unknown, stream: ServerHttp2Stream, peer: AcceptedPeer): DatagramPath | undefined
}

interface ArrivedWay {
  readonly way: PunchedWay
  readonly peer: EndpointId
  bound: { readonly session: ServerHttp2Session; readonly datagrams: SessionDatagrams } | undefined
}

/** Make an empty one. */
export function createArrivedWays(): ArrivedWays {
  const ways = new Map<number, ArrivedWay>()

  function bind(arrived: ArrivedWay, session: ServerHttp2Session): SessionDatagrams {
    const secret = exportDatagramSecret(session.socket as TLSSocket)
    const datagrams = new SessionDatagrams({ way: arrived.way, side: 'accept', secret })
    arrived.bound = { session, datagrams }
    session.once('close', () => {
      datagrams[Symbol.dispose]()
      arrived.bound = undefined
    })
    return datagrams
  }

  return {
    keep(way, peer) {
      if (way.stream.destroyed || ways.has(way.localId)) return
      ways.set(way.localId, { way, peer, bound: undefined })
      way.stream.once('close', () => ways.delete(way.localId))
    },
    openFlow(name, stream, { identity, session }) {
      const wanted = parseFlowName(name)
      if (wanted === undefined || session.destroyed) return undefined
      const arrived = ways.get(wanted.channel)
      if (arrived === undefined || identity?.kind !== 'endpoint' || identity.endpoint !== arrived.peer)
        return undefined
      if (arrived.bound !== undefined && arrived.bound.session !== session) return undefined
      const datagrams = arrived.bound?.datagrams ?? bind(arrived, session)
      return datagrams.open(wanted.flow, stream)
    },
  }
}
