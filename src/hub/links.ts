import type { ServerHttp2Stream } from 'node:http2'
import type { HubEvent } from '../core/api/events.ts'
import { MAX_EVENT_BYTES } from '../core/api/events.ts'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId, LinkId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Ms } from '../core/model/time.ts'
import type { AcceptedPeer } from '../net/http2-server.ts'

/** An agent's open link: its session and the stream that carries events to it. */
export interface Link {
  readonly id: LinkId
  readonly identity: EndpointIdentity
  readonly peer: AcceptedPeer
  readonly events: ServerHttp2Stream
  /** End of the certificate it began with, or of the last one that was given over it. */
  expiresAtMs: number
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
  /** Whether this session carries a link. */
  isOpen(peer: AcceptedPeer): boolean
  send(link: LinkId, event: HubEvent): void
  /** End a link, telling why on its event stream. */
  close(link: LinkId, error: MeshError): void
  /** The endpoint's certificate was renewed: its link may live on. */
  renewed(endpoint: EndpointId, expiresAtMs: number): void
  /** End the links whose certificate ended without being renewed. */
  sweep(now: Ms): void
  readonly all: ReadonlyMap<LinkId, Link>
}

/** Make the links of a hub. */
export function createLinks(log: Log): Links {
  const links = new Map<LinkId, Link>()
  const carriers = new Set<AcceptedPeer>()
  let nextId = 1
  return {
    all: links,
    isOpen: peer => carriers.has(peer),
    open(peer, identity, events, onClosed) {
      const expiresAtMs = peer.shown?.expiresAtMs ?? 0
      const link: Link = { id: nextId++ as LinkId, identity, peer, events, expiresAtMs }
      links.set(link.id, link)
      carriers.add(peer)
      events.respond({ ':status': 200, 'content-type': 'application/x-ndjson' })
      const closed = () => {
        if (!links.delete(link.id)) return
        carriers.delete(peer)
        peer.session.off('close', closed)
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
    renewed(endpoint, expiresAtMs) {
      for (const link of links.values())
        if (link.identity.endpoint === endpoint) link.expiresAtMs = expiresAtMs
    },
    sweep(now) {
      for (const link of [...links.values()]) {
        if (link.expiresAtMs > now) continue
        this.close(
          link.id,
          new MeshError('certificate-expired', 'Link ended: the certificate was not renewed in time'),
        )
      }
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
