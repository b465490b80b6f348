import type { Caller } from '../../core/api/caller.ts'
import type { PermittedPair } from '../../core/edge/service-policies.ts'
import type { EndpointId } from '../../core/model/ids.ts'
import type { UserName } from '../../core/model/names.ts'
import { isIdentityUser } from '../../core/model/spiffe-id.ts'
import type { Context } from '../context.ts'
import type { Endpoints } from '../endpoints.ts'
import type { Members } from '../members.ts'
import type { EndpointRecord } from '../records.ts'
import type { Standing } from '../standing.ts'
import { type ApiSessions, createApiSessions } from './api-sessions.ts'
import { createDeclaredServices, type DeclaredServices } from './declared-services.ts'
import type { ApiSessionRecord, IdentityRecord, ServiceRecord } from './edge-records.ts'
import { type EdgeTables, openEdgeTables } from './edge-tables.ts'
import { type OpenGrants, openOpenGrants } from './open-grants.ts'
import { identityOfEndpoint } from './principals.ts'
import { createServiceAccess, type ServiceAccess } from './service-access.ts'
import { createSessionMembers, type SessionMembers, withSessions } from './session-members.ts'

/** What follows when something ends; see `edge-consequences.ts`. */
export interface EdgeEnds {
  /** Within a turn of `exclusive`. */
  sessionEnded(session: ApiSessionRecord, reason: string): Promise<void>
  /** @param deleted  a service that is gone, which is what took them */
  permissionsLost(pairs: readonly PermittedPair[], deleted: ServiceRecord | undefined): void
}

/** What the rest of the controller knows of identities, declared services and policies. */
export interface EdgeState {
  readonly tables: EdgeTables
  readonly declared: DeclaredServices
  readonly sessions: ApiSessions
  readonly members: SessionMembers
  /** The endpoints of the mesh, API sessions with a certificate among them. */
  readonly endpoints: Endpoints
  readonly access: ServiceAccess
  readonly grants: OpenGrants
  /** The policy that lets a member dial or bind a declared service, or who it is that needs none. */
  permit(member: EndpointRecord, service: ServiceRecord, type: 'Dial' | 'Bind'): string | undefined
  /** The identity whose session, or the endpoint whose certificate, a caller shows; undefined for one that is not good. */
  identityOf(caller: Caller, members: Pick<Members, 'require'>): IdentityRecord | undefined
  /** By what policies know a member. */
  subjectOf(member: EndpointRecord): string
  /** What policies know these endpoints by changed. */
  attributesChanged(ids: Iterable<EndpointId>): void
  /** A user is no administrator any more: what only that permitted ends. */
  adminEnded(user: UserName): void
  /** Say what follows when something ends, before anything can. */
  onEnds(ends: EdgeEnds): void
}

/**
 * Read what the store holds of the Edge APIs.
 *
 * @param parts.isLinked  whether an endpoint has a link now
 * @param parts.hosted    pairs that host a declared service now
 */
export async function openEdgeState(
  context: Context,
  parts: {
    readonly endpoints: Endpoints
    readonly standing: Standing
    readonly isLinked: (id: string) => boolean
    readonly hosted: (subject?: string) => Iterable<PermittedPair>
  },
): Promise<EdgeState> {
  const tables = await openEdgeTables(context)
  const declared = createDeclaredServices(tables.services)
  const grants = await openOpenGrants(
    context,
    id => tables.identities.get(id) !== undefined || parts.endpoints.get(id as EndpointId) !== undefined,
  )
  let ends: EdgeEnds | undefined
  const sessions = createApiSessions(context, {
    tables,
    isLinked: parts.isLinked,
    isEndpoint: id => parts.endpoints.get(id as EndpointId) !== undefined,
    onEnd: async (session, reason) => ends?.sessionEnded(session, reason),
  })
  const members = createSessionMembers(tables, sessions, context.clock)
  function* openPairs(subject?: string): Iterable<PermittedPair> {
    yield* grants.pairs(subject)
    yield* parts.hosted(subject)
  }
  const access = createServiceAccess(tables, {
    endpoints: parts.endpoints.values(),
    attributesOf: parts.standing.attributesOf,
    open: openPairs,
    onLost: (pairs, deleted) => ends?.permissionsLost(pairs, deleted),
  })
  const endpoints = withSessions(parts.endpoints, members, {
    put: access.putEndpoint,
    removed(id) {
      access.removeEndpoint(id)
      grants.forget(id)
    },
  })
  const subjectOf = ({ id, user }: EndpointRecord): string => (isIdentityUser(user) ? user : id)
  const isAdmin = ({ user }: EndpointRecord) =>
    parts.standing.isAdmin(user) || (isIdentityUser(user) && tables.identities.get(user)?.isAdmin === true)

  function adminEnded(user: UserName): void {
    const isPermitted = ({ identityId, serviceId, type }: PermittedPair) =>
      access.permissions(identityId, serviceId)[type === 'Dial' ? 'dial' : 'bind'] !== undefined
    // All sessions of an identity are one to policies, each endpoint of a user is one of its own.
    const subjects = isIdentityUser(user) ? [user] : parts.endpoints.ofUser(user).map(({ id }) => id)
    for (const subject of subjects) {
      const lost = [...openPairs(subject)].filter(pair => !isPermitted(pair))
      if (lost.length > 0) ends?.permissionsLost(lost, undefined)
    }
  }

  tables.identities.onChange((next, previous) => {
    if (previous?.isAdmin && next?.isAdmin === false) adminEnded(next.id as UserName)
  })
  return {
    tables,
    declared,
    sessions,
    members,
    endpoints,
    access,
    grants,
    permit(member, service, type) {
      const { dial, bind } = access.permissions(subjectOf(member), service.id)
      const policy = type === 'Dial' ? dial : bind
      if (policy !== undefined) return `service policy ${policy.name}`
      return isAdmin(member) ? 'administrators dial and bind declared services' : undefined
    },
    identityOf(caller, mesh) {
      try {
        const member = mesh.require(caller)
        return isIdentityUser(member.user)
          ? tables.identities.get(member.user)
          : identityOfEndpoint(member, parts.standing)
      } catch {
        return undefined
      }
    },
    subjectOf,
    attributesChanged(ids) {
      for (const id of ids) {
        const record = parts.endpoints.get(id)
        if (record !== undefined) access.putEndpoint(record)
      }
    },
    adminEnded,
    onEnds(given) {
      ends = given
    },
  }
}
