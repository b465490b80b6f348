import type { PermittedPair } from '../core/edge/service-policies.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { ServiceName } from '../core/model/names.ts'
import { isIdentityUser } from '../core/model/spiffe-id.ts'
import type { Rule } from '../core/policy/rule.ts'
import type { Authority } from '../pki/authority.ts'
import type { Context } from './context.ts'
import { createDecisions, type Policies } from './decisions.ts'
import { ownerOf } from './edge/declared-services.ts'
import { type EdgeState, openEdgeState } from './edge/edge-state.ts'
import { createSessionCertificates } from './edge/session-certificates.ts'
import { planOf } from './edge/terminators.ts'
import { createEndpointLog, type EndpointLog } from './endpoint-log.ts'
import { createEndpointRemoval } from './endpoint-removal.ts'
import { openEndpoints } from './endpoints.ts'
import { openEvictions } from './evictions.ts'
import { openGroups } from './groups.ts'
import { type Hostings, openHostings } from './hostings.ts'
import { openInvitations } from './invitations.ts'
import { createKindChanges } from './kind-changes.ts'
import { createMemberViews } from './member-view.ts'
import { createMembers } from './members.ts'
import { createMeshChanges, type MeshChanges } from './mesh-changes.ts'
import { openPresence } from './presence.ts'
import type { EndpointRecord } from './records.ts'
import { openRelayHubs } from './relay-hubs.ts'
import { openRoles } from './roles.ts'
import { openRootPermits } from './root-permit.ts'
import { createServiceView } from './service-view.ts'
import { createStanding } from './standing.ts'
import { createStandingChanges } from './standing-changes.ts'
import { createUsers } from './users.ts'

/** Everything the controller knows. */
export type ControllerState = Awaited<ReturnType<typeof openControllerState>>

/** Read it from the store. @throws MeshError as the store */
export async function openControllerState(
  context: Context,
  { authority, rules = [] }: { authority: Authority; rules?: readonly Rule[] | undefined },
) {
  const evictions = await openEvictions(context)
  const invitations = await openInvitations(context)
  const groups = await openGroups(context)
  const roles = await openRoles(context, evictions)
  const standing = createStanding({ groups, roles })
  const endpointLog = createEndpointLog()
  const known: { hostings?: Hostings; state?: EdgeState; meshChanges?: MeshChanges } = {}
  const noteEndpoint = (endpoint: EndpointId) => {
    endpointLog.note(endpoint)
    known.meshChanges?.changed()
  }
  const presence = await openPresence({ ...context, onChange: noteEndpoint })
  const rootPermits = await openRootPermits(context, { authority, evictions })
  const relayHubs = await openRelayHubs(context)
  const edge = await openEdgeState(context, {
    endpoints: await openEndpoints({ ...context, onChange: noteEndpoint }),
    standing,
    isLinked: id => presence.addressOf(id as EndpointId) !== undefined,
    hosted: subject => pairsThatHost(known, subject),
  })
  const { endpoints, declared, tables } = edge
  const ownerOfDeclared = (service: ServiceName) => {
    const record = declared.get(service)
    return record && ownerOf(record)
  }
  const hostings = await openHostings(context, endpoints, ownerOfDeclared)
  Object.assign(known, { hostings, state: edge })
  const members = createMembers({
    mesh: authority.mesh,
    endpoints,
    evictions,
    hasCertificate: edge.members.hasCertificate,
  })
  const policies: Policies = {
    isDeclared: service => declared.get(service) !== undefined,
    permit(member, service, type) {
      const record = declared.get(service)
      return record && edge.permit(member, record, type)
    },
  }
  const decisions = createDecisions(context, { endpoints, hostings, members, standing, rules, policies })
  const rankOfHosting = (host: EndpointRecord, service: ServiceName) => rankOf(edge, host, service)
  const view = createServiceView({
    endpoints,
    hostings,
    presence,
    decisions,
    standing,
    strategyOf: service => declared.get(service)?.terminatorStrategy,
    rankOf: rankOfHosting,
  })
  const concerned = { groups, roles, standing, endpoints, hostings, evictions, edge }
  const changes = createStandingChanges(context, concerned)
  const removal = createEndpointRemoval(context, { endpoints, hostings, invitations, presence })
  const certificates = createSessionCertificates(context, { tables, authority, endpoints })
  const users = createUsers({ endpoints, invitations, evictions })
  const told = createTold(context, endpointLog, { hostings, view, standing, users, edge })
  known.meshChanges = told.meshChanges
  return {
    edge,
    endpoints,
    evictions,
    invitations,
    groups,
    roles,
    standing,
    changes,
    ...told,
    hostings,
    presence,
    relayHubs,
    rootPermits,
    members,
    decisions,
    policies,
    view,
    users,
    removal,
    certificates,
    declared,
    rankOf: rankOfHosting,
    plannedRank(endpoint: EndpointId, service: ServiceName) {
      const record = declared.get(service)
      return record && planOf(tables, endpoint, record.id)?.rank
    },
  }
}

/** What those who look are told. */
function createTold(
  context: Context,
  endpoints: EndpointLog,
  parts: Omit<Parameters<typeof createMemberViews>[0], 'now'>,
) {
  const views = createMemberViews({ ...parts, now: context.clock.now })
  const kindChanges = createKindChanges(views)
  return { views, kindChanges, meshChanges: createMeshChanges({ ...context, endpoints, kinds: kindChanges }) }
}

/** Who hosts which declared service, as policies name them. */
function* pairsThatHost(
  { hostings, state }: { hostings?: Hostings; state?: EdgeState },
  subject?: string,
): Iterable<PermittedPair> {
  if (hostings === undefined || state === undefined) return
  for (const service of hostings.services()) {
    if (!isIdentityUser(service.owner)) continue
    for (const endpoint of service.hostings.keys()) {
      const host = state.endpoints.get(endpoint)
      if (host === undefined) continue
      const identityId = state.subjectOf(host)
      if (subject === undefined || subject === identityId)
        yield { identityId, serviceId: service.owner, type: 'Bind' }
    }
  }
}

/** What an administrator said of the hostings of an identity, where its program does not say itself. */
function rankOf({ tables, declared }: EdgeState, { user }: EndpointRecord, service: ServiceName) {
  const identity = isIdentityUser(user) ? tables.identities.get(user) : undefined
  if (identity === undefined) return undefined
  const id = declared.get(service)?.id ?? ''
  const cost = identity.serviceHostingCosts[id] ?? identity.defaultHostingCost
  const precedence = identity.serviceHostingPrecedences[id] ?? identity.defaultHostingPrecedence
  return cost === 0 && precedence === 'default' ? undefined : { cost, precedence }
}
