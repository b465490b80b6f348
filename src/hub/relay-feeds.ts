import type { ServerHttp2Stream } from 'node:http2'
import type { ControllerChange, ControllerPort, RelayHubsPort } from '../core/api/controller.ts'
import { MAX_EVENT_BYTES } from '../core/api/events.ts'
import type { HubFeedEvent } from '../core/api/relay-hub-api.ts'
import { MeshError } from '../core/model/errors.ts'
import type { HubId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { Clock } from '../core/model/time.ts'
import type { AcceptedPeer } from '../net/http2-server.ts'

/** The hubs that only relay, as far as this hub tells them who is out. */
export interface RelayFeeds {
  /** A hub asks for its feed. @throws MeshError `not-trusted` */
  open(stream: ServerHttp2Stream, peer: AcceptedPeer): void
  tell(change: ControllerChange): void
}

/** Make them. */
export function createRelayFeeds(options: {
  readonly controller: Pick<ControllerPort, 'evictions' | 'relayHubs'>
  readonly clock: Clock
  readonly log: Log
}): RelayFeeds {
  const { controller, clock, log } = options
  const feeds = new Map<ServerHttp2Stream, { readonly hub: HubId; readonly peer: AcceptedPeer }>()

  function send(stream: ServerHttp2Stream, event: HubFeedEvent): void {
    if (stream.destroyed) return
    // One that reads nothing must not make this hub keep it, and knows too little to be of use.
    if (stream.writableLength > MAX_EVENT_BYTES) feeds.get(stream)?.peer.session.destroy()
    else stream.write(`${JSON.stringify(event)}\n`)
  }

  function end(stream: ServerHttp2Stream, peer: AcceptedPeer): void {
    const message = 'Feed ended: this hub was removed from the mesh'
    stream.end(`${JSON.stringify({ event: 'closing', code: 'not-trusted', message })}\n`)
    setTimeout(() => peer.session.destroy(), CLOSE_GRACE_MS).unref()
  }

  return {
    open(stream, peer) {
      const { relayHubs, identity } = requireRelayHub(controller.relayHubs, peer)
      const { hub } = identity
      const disconnected = relayHubs.connected(hub)
      feeds.set(stream, { hub, peer })
      stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' })
      stream.once('close', () => {
        feeds.delete(stream)
        disconnected()
        log.info('hub-feed.closed', { hub })
      })
      log.info('hub-feed.opened', { hub, address: peer.address })
      const evictions = [...controller.evictions()]
      send(stream, { event: 'state', timeMs: clock.now(), evictions, hubs: [...relayHubs.known()] })
    },
    tell(change) {
      if (change.change === 'hubs-changed') {
        const known = new Set(change.hubs.map(({ id }) => id))
        for (const [stream, { hub, peer }] of feeds)
          if (known.has(hub)) send(stream, { event: 'hubs-changed', hubs: [...change.hubs] })
          else end(stream, peer)
        return
      }
      const event = feedEvent(change)
      if (event !== undefined) for (const stream of feeds.keys()) send(stream, event)
    },
  }
}

/** The hub at the other end, which must be one that only relays. @throws MeshError `not-trusted` */
export function requireRelayHub(
  relayHubs: RelayHubsPort | undefined,
  { identity }: Pick<AcceptedPeer, 'identity'>,
) {
  if (identity?.kind !== 'relay-hub' || relayHubs === undefined)
    throw new MeshError('not-trusted', 'Cannot do this: only hubs of this mesh may')
  relayHubs.admit(identity)
  return { relayHubs, identity }
}

function feedEvent(change: ControllerChange): HubFeedEvent | undefined {
  switch (change.change) {
    case 'evicted':
      return { event: 'evicted', eviction: change.eviction, endpoints: [...change.endpoints] }
    case 'eviction-undone':
      return { event: 'eviction-undone', id: change.id }
    case 'endpoint-removed':
      return { event: 'removed', endpoint: change.endpoint }
    default:
      return undefined
  }
}

/** How long an ended feed may take to deliver why. */
const CLOSE_GRACE_MS = 250
