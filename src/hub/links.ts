import type { ServerHttp2Stream } from 'node:http2'
import type { HubEvent } from '../core/api/events.ts'
import { MAX_EVENT_BYTES } from '../core/api/events.ts'
import type { MeshError } from '../core/model/errors.ts'
import type { LinkId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { AcceptedPeer } from '../net/http2-server.ts'

/** An agent's open link: its session and the stream that carries events to it. */
export interface Link {
  readonly id: LinkId
  readonly identity: EndpointIdentity
  readonly peer: AcceptedPeer
  readonly events: ServerHttp2Stream
}

/** All links of a hub process. */
export interface Links {
  /** The peer asked for its events: its link is open. */
  open(
    peer: AcceptedPeer,
    identity: EndpointIdentity,
    events: ServerHttp2Stream,
    onClosed: (link: Link) => void,
  ): Link
  send(link: LinkId, event: HubEvent): void
  /** End a link, telling why on its event stream. */
  close(link: LinkId, error: MeshError): void
  readonly all: ReadonlyMap<LinkId, Link>
}

/** Make the links of a hub. */
export function createLinks(log: Log): Links {
  const links = new Map<LinkId, Link>()
  let nextId = 1
  return {
    all: links,
    open(peer, identity, events, onClosed) {
      const link: Link = { id: nextId++ as LinkId, identity, peer, events }
      links.set(link.id, link)
      events.respond({ ':status': 200, 'content-type': 'application/x-ndjson' })
      const closed = () => {
        if (!links.delete(link.id)) return
        onClosed(link)
      }
      events.once('close', closed)
      peer.session.once('close', closed)
      return link
    },
    send(id, event) {
      const link = links.get(id)
      if (link === undefined || link.events.destroyed) return
      // An agent that reads no events must not make the hub keep them.
      if (link.events.writableLength > MAX_EVENT_BYTES) {
        log.warn('link.too-slow', { endpoint: link.identity.endpoint })
        link.peer.session.destroy()
        return
      }
      link.events.write(`${JSON.stringify(event)}\n`)
    },
    close(id, error) {
      const link = links.get(id)
      if (link === undefined) return
      log.info('link.ended', { endpoint: link.identity.endpoint, code: error.code })
      link.events.end(`${JSON.stringify({ event: 'closing', ...error.toBody() })}\n`)
      const { session } = link.peer
      session.close()
      // `close` waits for open streams; the relays among them must not live on.
      setTimeout(() => session.destroy(), CLOSE_GRACE_MS).unref()
    },
  }
}

/** How long a closing link may take to deliver why. */
const CLOSE_GRACE_MS = 250
