import { z } from 'zod'
import { EDGE_CLIENT_PATH } from '../../core/api/edge-path.ts'
import { EdgeError } from '../../core/edge/edge-error.ts'
import { defineEdgeRoute } from '../../core/edge/edge-route.ts'
import { createEnvelope, emptyEnvelope, entityBase, oneEnvelope } from '../../core/edge/envelope.ts'
import { unauthorized } from './askers.ts'
import { type Asker, type EdgeCall, type EdgeHandlers, type ServedRoute, serveEdge } from './edge-call.ts'
import type { EdgeConsequences } from './edge-consequences.ts'
import type { EdgeRouterRecord } from './edge-records.ts'
import type { EdgeRouters } from './edge-routers.ts'
import type { EdgeSessions, ShownSession } from './edge-sessions.ts'
import { missing, NAMED_SYMBOLS, pageOf } from './entity-kind.ts'
import { TERMINATOR_SYMBOLS, type Terminator, type Terminators } from './terminators.ts'
import { SERVICE_SYMBOLS, type VisibleService, type VisibleServices } from './visible-services.ts'

const session = { needs: 'session' } as const
const get = { ...session, method: 'GET' } as const
const named = z.looseObject({ id: z.string(), name: z.string() })
const serviceData = named.extend({
  permissions: z.array(z.enum(['Dial', 'Bind'])),
  encryptionRequired: z.literal(true),
  configs: z.array(z.string()),
  config: z.record(z.string(), z.unknown()),
})
const sessionData = z.looseObject({
  id: z.string(),
  token: z.string(),
  type: z.enum(['Dial', 'Bind']),
  serviceId: z.string(),
  edgeRouters: z.array(named),
})

const SERVICES_API = {
  listServices: defineEdgeRoute({
    ...get,
    path: '/services',
    summary: 'List the services that the caller may dial or bind',
    answer: 'list',
    query: ['configTypes'],
    data: serviceData,
    errors: ['INVALID_FILTER', 'INVALID_SORT_IDENTIFIER', 'INVALID_PAGINATION'],
  }),
  showService: defineEdgeRoute({
    ...get,
    path: '/services/{id}',
    summary: 'Show one of them',
    answer: 'one',
    query: ['configTypes'],
    data: serviceData,
    errors: ['NOT_FOUND'],
  }),
  listTerminators: defineEdgeRoute({
    ...get,
    path: '/services/{id}/terminators',
    summary: 'List who hosts a service',
    answer: 'list',
    errors: ['NOT_FOUND'],
  }),
  serviceRouters: defineEdgeRoute({
    ...get,
    path: '/services/{id}/edge-routers',
    summary: 'List the hubs by which the caller reaches a service',
    answer: 'list',
    errors: ['NOT_FOUND'],
  }),
  listRouters: defineEdgeRoute({
    ...get,
    path: '/edge-routers',
    summary: 'List the hubs that the caller may use',
    answer: 'list',
    data: named,
  }),
  controllers: defineEdgeRoute({
    ...get,
    path: '/controllers',
    summary: 'List the controllers: there is one',
    answer: 'list',
    data: named,
  }),
  listSessions: defineEdgeRoute({
    ...get,
    path: '/sessions',
    summary: 'List the sessions of this login',
    answer: 'list',
    data: sessionData,
  }),
  createSession: defineEdgeRoute({
    ...session,
    method: 'POST',
    path: '/sessions',
    summary: 'Ask to dial or bind a service; asked for twice, it is the same session',
    answer: 'one',
    body: z.strictObject({ serviceId: z.string().max(64), type: z.enum(['Dial', 'Bind']).default('Dial') }),
    data: sessionData,
    errors: ['NOT_FOUND', 'COULD_NOT_VALIDATE', 'NO_EDGE_ROUTERS_AVAILABLE', 'INSUFFICIENT_BALANCE'],
  }),
  showSession: defineEdgeRoute({
    ...get,
    path: '/sessions/{id}',
    summary: 'Show a session, with a fresh token',
    answer: 'one',
    data: sessionData,
    errors: ['NOT_FOUND'],
  }),
  deleteSession: defineEdgeRoute({
    ...session,
    method: 'DELETE',
    path: '/sessions/{id}',
    summary: 'End a session',
    answer: 'empty',
    errors: ['NOT_FOUND'],
  }),
} as const

/** What services and sessions are served with. */
export interface ServicesApiParts {
  readonly services: VisibleServices
  readonly sessions: EdgeSessions
  readonly terminators: Terminators
  /** `host:port` of the hub. */
  readonly hubNames: readonly string[]
  readonly routers: EdgeRouters
  /** Ends the streams that are open by a session. */
  readonly consequences: Pick<EdgeConsequences, 'endSession'>
  /** Controllers live in hubs. */
  readonly hubs: () => readonly EdgeRouterRecord[]
}

/** Routes of services, hubs and sessions. */
export function serveServicesApi(parts: ServicesApiParts): ServedRoute[] {
  const { services, sessions, terminators, consequences, hubNames } = parts

  function requireService(call: EdgeCall): { asker: Asker; service: VisibleService } {
    const asker = requireAsker(call)
    const service = services.get(asker, call.params.id ?? '')
    if (service === undefined) throw missing('services', call.params.id)
    return { asker, service }
  }

  function requireOwn(call: EdgeCall): { asker: Asker; session: ShownSession } {
    const asker = requireAsker(call)
    const found = sessions.get(call.params.id ?? '')
    if (found?.apiSessionId !== asker.member.id) throw missing('sessions', call.params.id)
    return { asker, session: found }
  }

  const routers = (call: EdgeCall, service?: VisibleService) =>
    pageOf(
      { symbols: NAMED_SYMBOLS, show: parts.routers.show },
      sessions.routersFor(requireAsker(call), service),
      call.query,
      call.now,
    )

  const handlers: EdgeHandlers<typeof SERVICES_API> = {
    listServices(call) {
      const asker = requireAsker(call)
      const types = configTypesOf(call, asker)
      const show = (service: VisibleService) => services.show(service, asker, types)
      return pageOf({ symbols: SERVICE_SYMBOLS, show }, services.list(asker), call.query, call.now)
    },
    showService(call) {
      const { asker, service } = requireService(call)
      return { body: oneEnvelope(services.show(service, asker, configTypesOf(call, asker))) }
    },
    listTerminators(call) {
      const { service } = requireService(call)
      const show = (one: Terminator) => terminators.showToClients(one)
      return pageOf(
        { symbols: TERMINATOR_SYMBOLS, show },
        terminators.ofService(service.name),
        call.query,
        call.now,
      )
    },
    serviceRouters: call => routers(call, requireService(call).service),
    listRouters: call => routers(call),
    controllers(call) {
      const url = `https://${hubNames[0] ?? ''}${EDGE_CLIENT_PATH}`
      const show = (record: EdgeRouterRecord) => ({
        ...entityBase('controllers', record),
        name: record.name,
        isOnline: true,
        ctrlAddress: null,
        certPem: null,
        fingerprint: null,
        lastJoinedAt: new Date(record.createdAtMs).toISOString(),
        apiAddresses: { 'edge-client': [{ url, version: 'v1' }] },
      })
      return pageOf({ symbols: NAMED_SYMBOLS, show }, parts.hubs(), call.query, call.now)
    },
    listSessions(call) {
      const asker = requireAsker(call)
      const show = (one: ShownSession) => sessions.showInList(one, asker)
      return pageOf({ symbols: SESSION_SYMBOLS, show }, sessions.list(asker.member.id), call.query, call.now)
    },
    async createSession(call) {
      const asker = requireAsker(call)
      const { serviceId, type } = call.body
      const opened = await sessions.open(asker, serviceId, type, call.now)
      const shown = await sessions.show(opened, asker, call.now)
      const { data } = createEnvelope('sessions', opened.id, shown) as { data: object }
      return { body: oneEnvelope(data), status: 201 }
    },
    async showSession(call) {
      const { asker, session: own } = requireOwn(call)
      return { body: oneEnvelope(await sessions.show(own, asker, call.now)) }
    },
    deleteSession(call) {
      const { session } = requireOwn(call)
      sessions.delete(session.id)
      consequences.endSession(session)
      return { body: emptyEnvelope() }
    },
  }
  return serveEdge(SERVICES_API, handlers)
}

/** Who asks. @throws EdgeError UNAUTHORIZED, which the application saw to before */
export function requireAsker({ asker }: Pick<EdgeCall, 'asker'>): Asker {
  if (asker === undefined) throw unauthorized('zt-session realm="zt-session" error="missing"')
  return asker
}

/** Of which types configs are wanted: by the query, else as the login said. */
function configTypesOf({ query }: EdgeCall, asker: Asker): readonly string[] {
  const wanted = query.configTypes
  if (wanted !== undefined) return wanted.split(',').slice(0, 64)
  return asker.kind === 'session' ? asker.session.configTypes : []
}

/** What a filter of sessions may name. */
export const SESSION_SYMBOLS = {
  id: { type: 'string' },
  type: { type: 'string' },
  serviceId: { type: 'string' },
  apiSessionId: { type: 'string' },
  identityId: { type: 'string' },
  createdAt: { type: 'datetime', read: (session: unknown) => (session as ShownSession).createdAtMs },
} as const

/** @throws EdgeError NOT_FOUND where a session of the administrator's list is not there */
export function requireSessionOf(sessions: EdgeSessions, id: string | undefined): ShownSession {
  const found = sessions.get(id ?? '')
  if (found === undefined) throw new EdgeError('NOT_FOUND', 'There is no such session')
  return found
}
