import { type RoleSubject, readRoles, selects } from '../../core/edge/role-match.ts'
import type { EdgeRouterRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'

/** Which hubs identities and services may use. */
export interface HubAccess {
  ofIdentity(subject: RoleSubject): EdgeRouterRecord[]
  ofService(subject: RoleSubject): EdgeRouterRecord[]
  /** Those that both may use. */
  common(identity: RoleSubject, service: RoleSubject): EdgeRouterRecord[]
}

/** Ask the policies of hubs. There are few hubs and few such policies: each is asked, for each call. */
export function createHubAccess(
  tables: Pick<EdgeTables, 'edgeRouters' | 'edgeRouterPolicies' | 'serviceEdgeRouterPolicies'>,
): HubAccess {
  const { edgeRouters, edgeRouterPolicies, serviceEdgeRouterPolicies } = tables

  function select(
    subject: RoleSubject,
    policies: readonly {
      readonly semantic: 'AnyOf' | 'AllOf'
      readonly subjectRoles: readonly string[]
      readonly edgeRouterRoles: readonly string[]
    }[],
  ): EdgeRouterRecord[] {
    const fitting = policies
      .filter(({ subjectRoles, semantic }) => selects(readRoles(subjectRoles, semantic), subject))
      .map(({ edgeRouterRoles, semantic }) => readRoles(edgeRouterRoles, semantic))
    return edgeRouters
      .list()
      .filter(({ id, roleAttributes }) =>
        fitting.some(selector => selects(selector, { id, ids: [], attributes: roleAttributes })),
      )
  }

  const ofIdentity = (subject: RoleSubject) =>
    select(
      subject,
      edgeRouterPolicies.list().map(policy => ({ ...policy, subjectRoles: policy.identityRoles })),
    )
  const ofService = (subject: RoleSubject) =>
    select(
      subject,
      serviceEdgeRouterPolicies.list().map(policy => ({ ...policy, subjectRoles: policy.serviceRoles })),
    )
  return {
    ofIdentity,
    ofService,
    common(identity, service) {
      const ids = new Set(ofService(service).map(({ id }) => id))
      return ofIdentity(identity).filter(({ id }) => ids.has(id))
    },
  }
}
