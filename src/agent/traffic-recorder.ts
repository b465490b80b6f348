import type { EndpointId } from '../core/model/ids.ts'
import type { Clock } from '../core/model/time.ts'
import type { PathKind } from '../core/path/path-kind.ts'
import { createTrafficHistory, TRAFFIC_LIMITS, type TrafficHistory } from '../core/path/traffic-history.ts'
import type { PeerServer } from './peer-server.ts'
import type { Peers } from './peers.ts'

/** An hour of what the sessions of one mesh carried. */
export interface TrafficRecorder extends Disposable {
  readonly history: TrafficHistory
  /** Look at the counters now. */
  look(): void
}

/** Begin to record. */
export function createTrafficRecorder({
  peers,
  server,
  clock,
}: {
  readonly peers: Pick<Peers, 'all'>
  readonly server: Pick<PeerServer, 'all'>
  readonly clock: Clock
}): TrafficRecorder {
  const history = createTrafficHistory()
  const timer = setInterval(look, TRAFFIC_LIMITS.stepMs).unref()

  function look(): void {
    const ours = peers.all.map(({ identity, path, openedAtMs, sentBytes, receivedBytes, roundTripMs }) => ({
      series: seriesOf(identity.endpoint, path),
      source: String(openedAtMs),
      sentBytes,
      receivedBytes,
      roundTripMs,
    }))
    const theirs = server.all.map(({ identity, number, sentBytes, receivedBytes }) => ({
      series: seriesOf(identity.endpoint, 'incoming'),
      source: String(number),
      sentBytes,
      receivedBytes,
    }))
    history.sample([...ours, ...theirs], clock.now())
  }

  return {
    history,
    look,
    [Symbol.dispose]() {
      clearInterval(timer)
    },
  }
}

/** The name of what went to and from an endpoint by one kind of path, or by sessions that it opened. */
export function seriesOf(endpoint: EndpointId, path: PathKind | 'incoming'): string {
  return `${endpoint} ${path}`
}
