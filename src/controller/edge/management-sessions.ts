import { defineEdgeRoute } from '../../core/edge/edge-route.ts'
import { emptyEnvelope, entityBase, entityRef, oneEnvelope } from '../../core/edge/envelope.ts'
import type { Context } from '../context.ts'
import { type EdgeHandlers, type ServedRoute, serveEdge } from './edge-call.ts'
import type { EdgeSessions, ShownSession } from './edge-sessions.ts'
import { pageOf } from './entity-kind.ts'
import { requireSessionOf, SESSION_SYMBOLS } from './services-api.ts'

const get = { needs: 'admin', method: 'GET' } as const
const remove = { needs: 'admin', method: 'DELETE', answer: 'empty' } as const

const API = {
  listSessions: defineEdgeRoute({ ...get, path: '/sessions', summary: 'List sessions', answer: 'list' }),
  showSession: defineEdgeRoute({ ...get, path: '/sessions/{id}', summary: 'Show one', answer: 'one' }),
  deleteSession: defineEdgeRoute({ ...remove, path: '/sessions/{id}', summary: 'End one, with its streams' }),
} as const

/** What these routes are served with. */
export interface ManagementSessionParts {
  readonly sessions: EdgeSessions
  /** What an identity is called. */
  readonly identityName: (id: string) => string
  /** Streams of a session end, within a turn of `exclusive`. */
  readonly endStreams: (session: ShownSession) => Promise<void>
}

/** Routes of the sessions that programs asked for. None is made here: what it is worth is its ticket, which is for who asks. */
export function serveManagementSessions(
  { exclusive }: Pick<Context, 'exclusive'>,
  { sessions, identityName, endStreams }: ManagementSessionParts,
): ServedRoute[] {
  const showSession = (session: ShownSession) => ({
    ...show(session),
    identity: entityRef('identities', session.identityId, identityName(session.identityId)),
  })

  const handlers: EdgeHandlers<typeof API> = {
    listSessions: call =>
      pageOf({ symbols: SESSION_SYMBOLS, show: showSession }, sessions.list(), call.query, call.now),
    showSession: call => ({ body: oneEnvelope(showSession(requireSessionOf(sessions, call.params.id))) }),
    deleteSession: call =>
      exclusive(async () => {
        const session = requireSessionOf(sessions, call.params.id)
        sessions.delete(session.id)
        await endStreams(session)
        return { body: emptyEnvelope() }
      }),
  }
  return serveEdge(API, handlers)
}

/** A session without its token, which is its client's alone. */
function show(session: ShownSession): object {
  return {
    ...entityBase('sessions', session),
    type: session.type,
    serviceId: session.serviceId,
    service: entityRef('services', session.serviceId, session.serviceName),
    apiSessionId: session.apiSessionId,
    apiSession: entityRef('api-sessions', session.apiSessionId, ''),
    identityId: session.identityId,
    edgeRouters: [],
  }
}
