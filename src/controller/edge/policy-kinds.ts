import { entityBase } from '../../core/edge/envelope.ts'
import type { FilterSymbols } from '../../core/edge/filter-symbols.ts'
import type {
  EdgeRouterPolicyRecord,
  ServiceEdgeRouterPolicyRecord,
  ServicePolicyRecord,
} from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import { type EntityKind, NAMED_SYMBOLS } from './entity-kind.ts'
import {
  type EdgeRouterPolicyInput,
  edgeRouterPolicyInput,
  type ServiceEdgeRouterPolicyInput,
  type ServicePolicyInput,
  serviceEdgeRouterPolicyInput,
  servicePolicyInput,
} from './management-shapes.ts'
import { displayRoles, type RoleTargets, resolveRoles } from './role-references.ts'

/** What roles of the three kinds of policies refer to. */
export interface PolicyTargets {
  readonly identities: RoleTargets
  readonly services: RoleTargets
  readonly edgeRouters: RoleTargets
}

const SEMANTIC_SYMBOLS = { ...NAMED_SYMBOLS, semantic: { type: 'string' } } satisfies FilterSymbols
const roles = { type: 'string', isSet: true } as const

/** Who may dial or bind which services. */
export function servicePolicyKind(
  tables: EdgeTables,
  { identities, services }: PolicyTargets,
): EntityKind<ServicePolicyRecord, ServicePolicyInput> {
  return {
    type: 'service-policies',
    entities: tables.servicePolicies,
    input: servicePolicyInput,
    symbols: { ...SEMANTIC_SYMBOLS, type: { type: 'string' }, identityRoles: roles, serviceRoles: roles },
    make: (input, base) => ({
      ...base,
      name: input.name,
      type: input.type,
      semantic: input.semantic,
      identityRoles: resolveRoles(input.identityRoles, 'identityRoles', identities),
      serviceRoles: resolveRoles(input.serviceRoles, 'serviceRoles', services),
      postureCheckRoles: [],
    }),
    inputOf: ({ name, type, semantic, identityRoles, serviceRoles, tags }) => ({
      name,
      type,
      semantic,
      identityRoles,
      serviceRoles,
      tags,
    }),
    show: record => ({
      ...entityBase('service-policies', record),
      name: record.name,
      type: record.type,
      semantic: record.semantic,
      identityRoles: record.identityRoles,
      identityRolesDisplay: displayRoles(record.identityRoles, identities),
      serviceRoles: record.serviceRoles,
      serviceRolesDisplay: displayRoles(record.serviceRoles, services),
      postureCheckRoles: [],
      postureCheckRolesDisplay: [],
    }),
  }
}

/** Which hubs identities may use. */
export function edgeRouterPolicyKind(
  tables: EdgeTables,
  { identities, edgeRouters }: PolicyTargets,
): EntityKind<EdgeRouterPolicyRecord, EdgeRouterPolicyInput> {
  return {
    type: 'edge-router-policies',
    entities: tables.edgeRouterPolicies,
    input: edgeRouterPolicyInput,
    symbols: { ...SEMANTIC_SYMBOLS, identityRoles: roles, edgeRouterRoles: roles },
    make: (input, base) => ({
      ...base,
      name: input.name,
      semantic: input.semantic,
      identityRoles: resolveRoles(input.identityRoles, 'identityRoles', identities),
      edgeRouterRoles: resolveRoles(input.edgeRouterRoles, 'edgeRouterRoles', edgeRouters),
    }),
    inputOf: ({ name, semantic, identityRoles, edgeRouterRoles, tags }) => ({
      name,
      semantic,
      identityRoles,
      edgeRouterRoles,
      tags,
    }),
    show: record => ({
      ...entityBase('edge-router-policies', record),
      name: record.name,
      semantic: record.semantic,
      isSystem: false,
      identityRoles: record.identityRoles,
      identityRolesDisplay: displayRoles(record.identityRoles, identities),
      edgeRouterRoles: record.edgeRouterRoles,
      edgeRouterRolesDisplay: displayRoles(record.edgeRouterRoles, edgeRouters),
    }),
  }
}

/** By which hubs services are reached. */
export function serviceEdgeRouterPolicyKind(
  tables: EdgeTables,
  { services, edgeRouters }: PolicyTargets,
): EntityKind<ServiceEdgeRouterPolicyRecord, ServiceEdgeRouterPolicyInput> {
  return {
    type: 'service-edge-router-policies',
    entities: tables.serviceEdgeRouterPolicies,
    input: serviceEdgeRouterPolicyInput,
    symbols: { ...SEMANTIC_SYMBOLS, serviceRoles: roles, edgeRouterRoles: roles },
    make: (input, base) => ({
      ...base,
      name: input.name,
      semantic: input.semantic,
      serviceRoles: resolveRoles(input.serviceRoles, 'serviceRoles', services),
      edgeRouterRoles: resolveRoles(input.edgeRouterRoles, 'edgeRouterRoles', edgeRouters),
    }),
    inputOf: ({ name, semantic, serviceRoles, edgeRouterRoles, tags }) => ({
      name,
      semantic,
      serviceRoles,
      edgeRouterRoles,
      tags,
    }),
    show: record => ({
      ...entityBase('service-edge-router-policies', record),
      name: record.name,
      semantic: record.semantic,
      serviceRoles: record.serviceRoles,
      serviceRolesDisplay: displayRoles(record.serviceRoles, services),
      edgeRouterRoles: record.edgeRouterRoles,
      edgeRouterRolesDisplay: displayRoles(record.edgeRouterRoles, edgeRouters),
    }),
  }
}
