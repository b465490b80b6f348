import { z } from 'zod'
import { type Rank, rankShape } from '../../core/api/shapes.ts'
import { EdgeError, fieldError } from '../../core/edge/edge-error.ts'
import { defineEdgeRoute } from '../../core/edge/edge-route.ts'
import { emptyEnvelope, entityBase, entityRef, oneEnvelope } from '../../core/edge/envelope.ts'
import type { Context } from '../context.ts'
import type { HostingRecord } from '../records.ts'
import { type EdgeHandlers, type ServedRoute, serveEdge } from './edge-call.ts'
import type { EdgeSessions, ShownSession } from './edge-sessions.ts'
import { missing, pageOf } from './entity-kind.ts'
import { requireSessionOf, SESSION_SYMBOLS } from './services-api.ts'
import { TERMINATOR_SYMBOLS, type Terminator, type Terminators } from './terminators.ts'

const get = { needs: 'admin', method: 'GET' } as const
const remove = { needs: 'admin', method: 'DELETE', answer: 'empty' } as const

/** What of a terminator may be repeated in a change, and not be another. */
const SETTLED = {
  service: z.string().max(64).optional(),
  router: z.string().max(64).optional(),
  binding: z.literal('edge').optional(),
  address: z.string().max(64).optional(),
  identity: z.string().max(64).optional(),
}

const API = {
  listSessions: defineEdgeRoute({ ...get, path: '/sessions', summary: 'List sessions', answer: 'list' }),
  showSession: defineEdgeRoute({ ...get, path: '/sessions/{id}', summary: 'Show one', answer: 'one' }),
  deleteSession: defineEdgeRoute({ ...remove, path: '/sessions/{id}', summary: 'End one, with its streams' }),
  listTerminators: defineEdgeRoute({
    ...get,
    path: '/terminators',
    summary: 'List who hosts what',
    answer: 'list',
  }),
  showTerminator: defineEdgeRoute({ ...get, path: '/terminators/{id}', summary: 'Show one', answer: 'one' }),
  createTerminator: defineEdgeRoute({
    needs: 'admin',
    method: 'POST',
    path: '/terminators',
    summary: 'Is always refused: an endpoint that hosts a service is its terminator',
    body: z.looseObject({}),
    answer: 'create',
    errors: ['COULD_NOT_VALIDATE'],
  }),
  replaceTerminator: defineEdgeRoute({
    needs: 'admin',
    method: 'PUT',
    path: '/terminators/{id}',
    summary: 'Set how a hosting ranks; all else of it is its endpoint’s to say',
    body: rankShape.extend(SETTLED),
    answer: 'empty',
    errors: ['ENTITY_CAN_NOT_BE_UPDATED'],
  }),
  patchTerminator: defineEdgeRoute({
    needs: 'admin',
    method: 'PATCH',
    path: '/terminators/{id}',
    summary: 'Change how a hosting ranks',
    body: rankShape.extend(SETTLED).partial(),
    answer: 'empty',
    errors: ['ENTITY_CAN_NOT_BE_UPDATED'],
  }),
  deleteTerminator: defineEdgeRoute({
    ...remove,
    path: '/terminators/{id}',
    summary: 'Let an endpoint host a service no more, until it asks again',
  }),
} as const

type Settled = z.output<z.ZodObject<typeof SETTLED>>

/** What these routes are served with. */
export interface ManagementSessionParts {
  readonly sessions: EdgeSessions
  readonly terminators: Terminators
  /** What an identity is called. */
  readonly identityName: (id: string) => string
  /** Streams of a session end, within a turn of `exclusive`. */
  readonly endStreams: (session: ShownSession) => Promise<void>
  readonly dropHosting: (record: HostingRecord) => Promise<void>
  /** Within a turn of `exclusive`. */
  readonly rankHosting: (record: HostingRecord, rank: Rank) => Promise<void>
}

/** Routes of what is going on. Terminators come from who hosts: none is made here, but how they rank may be set. */
export function serveManagementSessions(
  { exclusive }: Pick<Context, 'exclusive'>,
  { sessions, terminators, identityName, endStreams, dropHosting, rankHosting }: ManagementSessionParts,
): ServedRoute[] {
  function requireTerminator(id: string | undefined): Terminator {
    const found = terminators.get(id ?? '')
    if (found === undefined) throw missing('terminators', id)
    return found
  }

  /** @throws EdgeError NOT_FOUND, ENTITY_CAN_NOT_BE_UPDATED */
  function rank(
    id: string | undefined,
    body: { [K in keyof (Rank & Settled)]?: (Rank & Settled)[K] | undefined },
  ) {
    return exclusive(async () => {
      const found = requireTerminator(id)
      const shown = terminators.show(found) as Record<string, unknown>
      const is: Record<string, unknown> = { ...shown, service: found.serviceId, router: shown.routerId }
      for (const field of Object.keys(SETTLED) as (keyof Settled)[]) {
        if (body[field] === undefined || body[field] === is[field]) continue
        throw new EdgeError(
          'ENTITY_CAN_NOT_BE_UPDATED',
          `The ${field} of a terminator is its endpoint's to say`,
        )
      }
      const { cost = found.rank.cost, precedence = found.rank.precedence } = body
      await rankHosting(found.hosting, { cost, precedence })
      return { body: emptyEnvelope() }
    })
  }

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
    listTerminators(call) {
      const show = (one: Terminator) => terminators.show(one)
      return pageOf({ symbols: TERMINATOR_SYMBOLS, show }, terminators.all(), call.query, call.now)
    },
    showTerminator: call => ({ body: oneEnvelope(terminators.show(requireTerminator(call.params.id))) }),
    createTerminator() {
      throw fieldError('service', 'let an endpoint host it: that is its terminator', undefined)
    },
    replaceTerminator: call => rank(call.params.id, call.body),
    patchTerminator: call => rank(call.params.id, call.body),
    deleteTerminator: call =>
      exclusive(async () => {
        await dropHosting(requireTerminator(call.params.id).hosting)
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
