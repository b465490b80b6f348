import { Hono } from 'hono'
import type { Caller } from '../core/api/caller.ts'
import type { ControllerPort } from '../core/api/controller.ts'
import { CONTROLLER_API, HUB_API, PUBLIC_API } from '../core/api/hub-api.ts'
import { RELAY_HUB_API } from '../core/api/relay-hub-api.ts'
import type { Handlers } from '../core/api/route.ts'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Clock } from '../core/model/time.ts'
import type { AcceptedPeer } from '../net/http2-server.ts'
import type { Http2App } from '../net/serve-http2.ts'
import { serveRoutes } from '../net/serve-routes.ts'
import type { Interests } from './interests.ts'
import type { Links } from './links.ts'
import { requireRelayHub } from './relay-feeds.ts'

/** What the routes of a hub are served with. */
export interface HubAppOptions {
  readonly controller: ControllerPort
  /** The hub's own routes. */
  readonly handlers: Handlers<typeof HUB_API, EndpointIdentity>
  readonly links: Links
  readonly interests: Interests
  readonly isLinked: (endpoint: EndpointId) => boolean
  readonly rootPem: string
  readonly clock: Clock
  readonly log: Log
}

/** The routes of a hub: its own, the controller's, and the one that anybody may ask. */
export function createHubApp(options: HubAppOptions): Http2App {
  const { clock, links, log, rootPem } = options
  const app = new Hono()
  const peerOf = (context: { env: unknown }) => (context.env as { peer: AcceptedPeer }).peer
  function requireMember(peer: AcceptedPeer): EndpointIdentity {
    const identity = requireEndpoint(peer)
    // A link is ended when its certificate is not renewed in time; a connection without one nobody else ends.
    if (links.isOpen(peer) || (peer.shown?.expiresAtMs ?? 0) > clock.now()) return identity
    throw new MeshError(
      'certificate-expired',
      'Cannot use the hub: the certificate of this connection has ended: connect again',
    )
  }
  const caller = (peer: AcceptedPeer): Caller => ({
    identity: peer.identity,
    address: peer.address,
    issuedAtMs: peer.shown?.issuedAtMs ?? 0,
  })
  serveRoutes(app, CONTROLLER_API, listenIn(options), {
    log,
    caller(context) {
      // Strangers may join, or come back; no other request of theirs is looked into.
      if (!OPEN_PATHS.has(context.req.path)) requireMember(peerOf(context))
      return caller(peerOf(context))
    },
  })
  const { relayHubs } = options.controller
  if (relayHubs !== undefined) {
    serveRoutes(app, RELAY_HUB_API, relayHubs.handlers, {
      log,
      caller(context) {
        if (!OPEN_PATHS.has(context.req.path)) requireRelayHub(relayHubs, peerOf(context))
        return caller(peerOf(context))
      },
    })
  }
  const showRoot = async () => ({ ca: rootPem, timeMs: clock.now() })
  serveRoutes(app, PUBLIC_API, { showRoot }, { log, caller: () => undefined })
  serveRoutes(app, HUB_API, options.handlers, { log, caller: context => requireMember(peerOf(context)) })
  return app as unknown as Http2App
}

/** The controller's handlers, and what the hub takes from their answers for itself. */
function listenIn({ controller, links, interests, isLinked }: HubAppOptions): ControllerPort['handlers'] {
  const { handlers } = controller
  return {
    ...handlers,
    async renew(call) {
      const answer = await handlers.renew(call)
      const { identity } = call.caller
      if (identity?.kind === 'endpoint') links.renewed(identity.endpoint, answer.expiresAtMs)
      return answer
    },
    async openSession(call) {
      const { identity } = call.caller
      // Before the answer: a change between the two must be heard. Without a link nobody hears, and no end of one would
      // take the note away.
      if (identity?.kind === 'endpoint' && isLinked(identity.endpoint)) {
        interests.note(identity.endpoint, call.body.service)
      }
      return handlers.openSession(call)
    },
  }
}

/** The endpoint at the other end. @throws MeshError `not-trusted` if it is none */
export function requireEndpoint(peer: AcceptedPeer): EndpointIdentity {
  if (peer.identity?.kind === 'endpoint') return peer.identity
  throw new MeshError('not-trusted', 'Cannot use the hub: only endpoints of this mesh may: join first')
}

const OPEN_PATHS: ReadonlySet<string> = new Set([
  CONTROLLER_API.enroll.path,
  CONTROLLER_API.renewLate.path,
  RELAY_HUB_API.enrollHub.path,
])
