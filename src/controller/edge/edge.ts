import type { Caller } from '../../core/api/caller.ts'
import type { EdgeAnswer } from '../../core/api/controller.ts'
import { EDGE_CLIENT_PATH, EDGE_MANAGEMENT_PATH } from '../../core/api/edge-path.ts'
import type { Rank } from '../../core/api/shapes.ts'
import type { EdgeRoute } from '../../core/edge/edge-route.ts'
import type { EndpointId, HubId } from '../../core/model/ids.ts'
import type { ServiceName } from '../../core/model/names.ts'
import type { Authority } from '../../pki/authority.ts'
import type { HubTokenSigner } from '../../pki/hub-token.ts'
import type { DialGate } from '../billing/billing.ts'
import type { Context } from '../context.ts'
import type { Decisions } from '../decisions.ts'
import type { Hostings } from '../hostings.ts'
import type { Members } from '../members.ts'
import type { Presence } from '../presence.ts'
import type { EndpointRecord } from '../records.ts'
import type { RelayHubs } from '../relay-hubs.ts'
import type { Standing } from '../standing.ts'
import type { Users } from '../users.ts'
import { createAskers } from './askers.ts'
import { createEdgeApp } from './edge-app.ts'
import type { ServedRoute } from './edge-call.ts'
import { createEdgeConsequences } from './edge-consequences.ts'
import type { IdentityRecord } from './edge-records.ts'
import { createEdgeRouters, keepEdgeRouters } from './edge-routers.ts'
import { createEdgeSessions, type EdgeSessions } from './edge-sessions.ts'
import type { EdgeState } from './edge-state.ts'
import { createHubAccess } from './hub-access.ts'
import { serveEnrollApi, serveIdentityApi } from './identity-api.ts'
import { serveLoginApi } from './login-api.ts'
import type { Enrolments, Logins } from './logins.ts'
import { serveManagementAccess } from './management-access.ts'
import { serveManagementIdentities } from './management-identities.ts'
import { createKinds, serveKinds } from './management-kinds.ts'
import { serveRelations } from './management-relations.ts'
import { serveManagementSessions } from './management-sessions.ts'
import { serveManagementTerminators } from './management-terminators.ts'
import { serveCacerts, serveOpenApi } from './open-api.ts'
import { createPrincipals } from './principals.ts'
import { createServiceUpdates } from './service-updates.ts'
import { serveServicesApi } from './services-api.ts'
import type { SessionCertificates } from './session-certificates.ts'
import { createTerminators } from './terminators.ts'
import { createVisibleServices } from './visible-services.ts'

/** What the Edge APIs are made of. */
export interface EdgeParts {
  readonly state: EdgeState
  readonly certificates: SessionCertificates
  readonly hostings: Hostings
  readonly standing: Standing
  readonly presence: Presence
  readonly members: Members
  readonly decisions: Decisions
  readonly users: Users
  readonly authority: Authority
  readonly hub: { readonly id: HubId; readonly names: readonly string[] }
  readonly relayHubs: RelayHubs
  readonly signer: () => HubTokenSigner
  readonly logins: Logins
  readonly enrolments: Enrolments
  readonly version: string
  readonly gate: DialGate
  /** Sessions came or went. */
  readonly sessionsChanged: () => void
  /** What an administrator says of a hosting. */
  readonly rankOf: (host: EndpointRecord, service: ServiceName) => Rank | undefined
}

/** The Edge APIs at work. */
export interface Edge {
  /** Never throws. */
  answer(request: Request, caller: Caller): Promise<EdgeAnswer>
  /** As `EdgeSessions.note`. */
  readonly noteSession: EdgeSessions['note']
}

/**
 * Serve the Edge APIs: the client API, where programs log in and ask for services, and the management API.
 *
 * @throws MeshError as the store
 */
export async function openEdge(context: Context, parts: EdgeParts): Promise<Edge> {
  const { state, members, hub, version, authority } = parts
  const { tables, sessions } = state
  await keepEdgeRouters(tables.edgeRouters, [hub, ...parts.relayHubs.known()], context)
  await forgetPlans(state)
  const routes = createRoutes(context, parts)
  const endpointOf = (id: string) => {
    const record = state.endpoints.get(id as EndpointId)
    return record === undefined || members.isEvicted(record) ? undefined : record
  }
  const askers = createAskers({
    ...parts,
    tables,
    sessions,
    memberOf: state.members.memberOf,
    endpointOf,
  })
  const { rootCertificatePem: rootPem } = authority
  const open = { tables, version, rootPem, names: hub.names }
  const client: ServedRoute[] = [
    ...serveOpenApi(open, 'client', () => describe(client)),
    ...routes.shared,
    ...routes.client,
  ]
  const management: ServedRoute[] = [
    // Those of kinds first: to administrators signers are entities, not hints for logins.
    ...routes.management,
    ...serveOpenApi(open, 'management', () => describe(management)).filter(
      ({ route }) => route.path !== '/external-jwt-signers',
    ),
    ...routes.shared,
  ]
  const answer = createEdgeApp(context, {
    apis: [
      { prefix: EDGE_CLIENT_PATH, routes: client },
      { prefix: EDGE_MANAGEMENT_PATH, routes: management },
      { prefix: '', routes: [serveCacerts(rootPem)] },
    ],
    askers,
    version,
  })
  return { answer, noteSession: routes.noteSession }
}

function describe(routes: readonly ServedRoute[]): EdgeRoute[] {
  return routes.map(({ route }) => route)
}

/** What was planned of endpoints that were removed meanwhile: they do not come back. */
async function forgetPlans({ tables, endpoints }: EdgeState): Promise<void> {
  for (const { id, endpoint } of tables.plannedTerminators.list()) {
    if (endpoints.get(endpoint) === undefined) await tables.plannedTerminators.delete(id)
  }
}

/** What the routes answer from. */
function createMachinery(context: Context, parts: EdgeParts) {
  const { state, hostings, presence, hub, authority } = parts
  const { tables, access, declared, endpoints } = state
  const hubs = createHubAccess(tables)
  const services = createVisibleServices({ ...parts, tables, access, declared })
  const { mesh } = authority
  const { random, emit } = context
  const routers = createEdgeRouters(parts)
  const edgeSessions = createEdgeSessions({
    ...parts,
    routers,
    services,
    hubs,
    mesh,
    random,
    noteDial: state.grants.note,
  })
  const consequences = createEdgeConsequences(context, { state, hostings, presence, edgeSessions })
  const updates = createServiceUpdates(tables, services, hostings.revision)
  state.onEnds({
    permissionsLost: consequences.permissionsLost,
    async sessionEnded(session, reason) {
      updates.forget(session.id)
      await consequences.sessionEnded(session, reason)
    },
  })
  const isOnline = ({ id }: IdentityRecord) =>
    presence.addressOf(id as EndpointId) !== undefined ||
    tables.apiSessions
      .by('identityId', id)
      .some(one => presence.addressOf(one.id as EndpointId) !== undefined)
  const endSessions = async (identityId: string, reason: string) => {
    for (const one of tables.apiSessions.by('identityId', identityId)) await state.sessions.end(one, reason)
  }
  const principals = createPrincipals(endpoints, parts.users, parts.standing)
  const hubName = () => tables.edgeRouters.get(hub.id)?.name ?? ''
  const identityName = (id: string) => (tables.identities.get(id) ?? principals.get(id))?.name ?? ''
  const terminators = createTerminators({
    ...parts,
    tables,
    declared,
    endpoints,
    identityName,
    hub: { id: hub.id, name: hubName },
  })
  const hubNames = hub.names
  const kinds = createKinds(context, {
    ...parts,
    routers,
    principals,
    consequences,
    isOnline,
    endSessions,
    ranksChanged(identityId) {
      const hosted = tables.apiSessions
        .by('identityId', identityId)
        .flatMap(({ id }) => hostings.ofEndpoint(id as EndpointId))
      const names = [...new Set(hosted.map(one => one.service))]
      if (names.length > 0) emit({ change: 'services-changed', services: names })
    },
    changed: service => emit({ change: 'services-changed', services: [declared.nameOf(service)] }),
  })
  const otherNamesOf = (id: string) => {
    const endpoint = endpoints.get(id as EndpointId)
    return endpoint === undefined ? [] : [endpoint.user]
  }
  return {
    hubs,
    services,
    sessions: edgeSessions,
    consequences,
    updates,
    isOnline,
    endSessions,
    principals,
    terminators,
    identityName,
    kinds,
    otherNamesOf,
    hubNames,
    routers,
  }
}

function createRoutes(context: Context, parts: EdgeParts) {
  const made = createMachinery(context, parts)
  const { state, authority, enrolments, logins, certificates } = parts
  const { tables, access } = state
  const { kinds, consequences, sessions, terminators, principals } = made
  const loginApi = serveLoginApi(context, {
    tables,
    logins,
    sessions: state.sessions,
    certificates,
    onCertificateEnd: session => consequences.membershipEnded(session),
    lastChangeAtMs: made.updates.lastChangeAtMs,
    rootPem: authority.rootCertificatePem,
  })
  return {
    noteSession: sessions.note,
    shared: [...loginApi, ...serveIdentityApi({ ...parts, ...made, tables })],
    client: [
      ...serveEnrollApi({ enrolments }, context),
      ...serveServicesApi({
        ...made,
        hubs: () => tables.edgeRouters.list().filter(({ id }) => id === parts.hub.id),
      }),
    ],
    management: [
      ...serveKinds(context, kinds),
      ...serveManagementIdentities(context, { ...made, tables, access }),
      ...serveManagementAccess(context, {
        tables,
        identities: { get: id => tables.identities.get(id) ?? principals.get(id) },
        enrolments,
        apiSessions: state.sessions,
      }),
      ...serveManagementSessions(context, {
        ...made,
        endStreams: async session => consequences.endSession(session),
      }),
      ...serveManagementTerminators(context, {
        state,
        terminators,
        hub: parts.hub,
        dropHosting: consequences.dropHosting,
        rankHosting: consequences.rankHosting,
      }),
      ...serveRelations({
        ...made,
        ...kinds,
        tables,
        access,
        counts: () => countAll(parts, sessions.list().length, terminators.all().length),
      }),
    ],
  }
}

function countAll({ state }: EdgeParts, sessions: number, terminators: number): Record<string, number> {
  const { tables } = state
  return {
    apiSessions: tables.apiSessions.size,
    authPolicies: tables.authPolicies.size,
    authenticators: tables.authenticators.size,
    configs: tables.configs.size,
    configTypes: tables.configTypes.size,
    edgeRouterPolicies: tables.edgeRouterPolicies.size,
    edgeRouters: tables.edgeRouters.size,
    enrollments: tables.enrollments.size,
    externalJwtSigners: tables.signers.size,
    identities: tables.identities.size,
    serviceEdgeRouterPolicies: tables.serviceEdgeRouterPolicies.size,
    servicePolicies: tables.servicePolicies.size,
    services: tables.services.size,
    sessions,
    terminators,
  }
}
