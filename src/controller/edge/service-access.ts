import type { RoleSubject } from '../../core/edge/role-match.ts'
import {
  createPolicyEngine,
  type PermittedPair,
  type PolicyChange,
  type PolicyEngine,
} from '../../core/edge/service-policies.ts'
import type { EndpointRecord } from '../records.ts'
import type { IdentityRecord, ServiceRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'

/** Who may dial and bind which declared services. */
export interface ServiceAccess
  extends Pick<PolicyEngine, 'permissions' | 'servicesOf' | 'policiesOf' | 'fingerprint'> {
  /** An endpoint of the mesh came or changed. */
  putEndpoint(record: EndpointRecord): void
  removeEndpoint(id: string): void
}

/**
 * Keep the engine of service policies at what the tables say, and tell of what was taken from whoever is at work.
 *
 * @param parts.endpoints  those of the mesh, at the start
 * @param parts.open       what may be going on by a permission: of one identity or endpoint, or of all
 * @param parts.onLost     told of those that are permitted no more, while the change is made
 */
export function createServiceAccess(
  tables: Pick<EdgeTables, 'identities' | 'services' | 'servicePolicies'>,
  parts: {
    readonly endpoints: Iterable<EndpointRecord>
    /** What policies know an endpoint by. */
    readonly attributesOf: (record: EndpointRecord) => readonly string[]
    readonly open: (subject?: string) => Iterable<PermittedPair>
    readonly onLost: (pairs: readonly PermittedPair[], deleted: ServiceRecord | undefined) => void
  },
): ServiceAccess {
  const engine = createPolicyEngine()
  /** Policies may mean an endpoint by its user, who is all of their endpoints. */
  const subjectOfEndpoint = (record: EndpointRecord): RoleSubject => ({
    id: record.id,
    ids: [record.user],
    attributes: parts.attributesOf(record),
  })
  const { identities, services, servicePolicies } = tables

  function take(change: PolicyChange, subject?: string, deleted?: ServiceRecord): void {
    const lost = engine.changedBy(change, parts.open(subject))
    if (lost.length > 0) parts.onLost(lost, deleted)
  }

  for (const service of services.values())
    engine.apply({ put: 'service', service: subjectOfService(service) })
  for (const one of identities.values()) engine.apply({ put: 'identity', identity: subjectOfIdentity(one) })
  for (const one of parts.endpoints) engine.apply({ put: 'identity', identity: subjectOfEndpoint(one) })
  for (const policy of servicePolicies.values()) engine.apply({ put: 'policy', policy })
  identities.onChange((next, previous) => {
    if (next !== undefined) take({ put: 'identity', identity: subjectOfIdentity(next) }, next.id)
    else if (previous !== undefined) take({ remove: 'identity', id: previous.id }, previous.id)
  })
  services.onChange((next, previous) => {
    if (next !== undefined) take({ put: 'service', service: subjectOfService(next) })
    else if (previous !== undefined) take({ remove: 'service', id: previous.id }, undefined, previous)
  })
  servicePolicies.onChange((next, previous) => {
    if (next !== undefined) take({ put: 'policy', policy: next })
    else if (previous !== undefined) take({ remove: 'policy', id: previous.id })
  })

  return {
    permissions: engine.permissions,
    servicesOf: engine.servicesOf,
    policiesOf: engine.policiesOf,
    fingerprint: engine.fingerprint,
    putEndpoint: record => take({ put: 'identity', identity: subjectOfEndpoint(record) }, record.id),
    removeEndpoint: id => take({ remove: 'identity', id }, id),
  }
}

function subjectOfIdentity({ id, roleAttributes }: IdentityRecord): RoleSubject {
  return { id, ids: [], attributes: roleAttributes }
}

function subjectOfService({ id, roleAttributes }: ServiceRecord): RoleSubject {
  return { id, ids: [], attributes: roleAttributes }
}
