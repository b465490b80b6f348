import type { HubId } from '../../core/model/ids.ts'
import type { Context } from '../context.ts'
import type { Hostings } from '../hostings.ts'
import { configKind, configTypeKind } from './config-kinds.ts'
import type { ServedRoute } from './edge-call.ts'
import type { EdgeConsequences } from './edge-consequences.ts'
import type { IdentityRecord, ServiceRecord } from './edge-records.ts'
import { edgeRouterKind } from './edge-router-kind.ts'
import type { EdgeRouters } from './edge-routers.ts'
import type { EdgeState } from './edge-state.ts'
import { serveEntities } from './entity-kind.ts'
import { identityKind } from './identity-kind.ts'
import type { Enrolments } from './logins.ts'
import { edgeRouterPolicyKind, serviceEdgeRouterPolicyKind, servicePolicyKind } from './policy-kinds.ts'
import type { Principals } from './principals.ts'
import type { RoleTargets } from './role-references.ts'
import { serviceKind } from './service-kind.ts'
import { authPolicyKind, signerKind } from './sign-in-kinds.ts'

/** What the kinds of entities are made with. */
export interface KindParts {
  readonly state: EdgeState
  readonly principals: Principals
  readonly enrolments: Enrolments
  readonly consequences: EdgeConsequences
  readonly hostings: Hostings
  readonly hub: { readonly id: HubId }
  readonly routers: EdgeRouters
  readonly isOnline: (record: IdentityRecord) => boolean
  readonly endSessions: (identityId: string, reason: string) => Promise<void>
  readonly changed: (service: ServiceRecord) => void
  /** What is said of the hostings of an identity is another. */
  readonly ranksChanged: (identityId: string) => void
}

/** Every kind of entity of the management API. */
export type Kinds = ReturnType<typeof createKinds>

/** Make them all. */
export function createKinds({ clock }: Pick<Context, 'clock'>, parts: KindParts) {
  const { state, principals, consequences, hostings, hub } = parts
  const { tables, declared } = state
  const identities: RoleTargets = {
    idOf: reference =>
      tables.identities.get(reference)?.id ??
      tables.identities.named(reference)?.id ??
      principals.get(reference)?.id ??
      principals.idOfName(reference),
    nameOf: id => (tables.identities.get(id) ?? principals.get(id))?.name,
  }
  const targets = {
    identities,
    services: targetsIn(tables.services),
    edgeRouters: targetsIn(tables.edgeRouters),
  }
  return {
    identities: identityKind({ ...parts, tables, now: clock.now }),
    services: serviceKind({
      tables,
      declared,
      hostings,
      dropHostings: consequences.dropHostings,
      changed: parts.changed,
    }),
    servicePolicies: servicePolicyKind(tables, targets),
    edgeRouterPolicies: edgeRouterPolicyKind(tables, targets),
    serviceEdgeRouterPolicies: serviceEdgeRouterPolicyKind(tables, targets),
    edgeRouters: edgeRouterKind(tables, hub, parts.routers),
    signers: signerKind(tables),
    authPolicies: authPolicyKind(tables),
    configs: configKind(tables),
    configTypes: configTypeKind(tables),
  }
}

/** The routes that all kinds have. */
export function serveKinds(
  context: Pick<Context, 'exclusive' | 'random' | 'log'>,
  kinds: Kinds,
): ServedRoute[] {
  return [
    ...serveEntities(context, kinds.identities),
    ...serveEntities(context, kinds.services),
    ...serveEntities(context, kinds.servicePolicies),
    ...serveEntities(context, kinds.edgeRouterPolicies),
    ...serveEntities(context, kinds.serviceEdgeRouterPolicies),
    ...serveEntities(context, kinds.edgeRouters),
    ...serveEntities(context, kinds.signers),
    ...serveEntities(context, kinds.authPolicies),
    ...serveEntities(context, kinds.configs),
    ...serveEntities(context, kinds.configTypes),
  ]
}

function targetsIn(entities: {
  get(id: string): { id: string; name: string } | undefined
  named(name: string): { id: string; name: string } | undefined
}): RoleTargets {
  return {
    idOf: reference => (entities.get(reference) ?? entities.named(reference))?.id,
    nameOf: id => entities.get(id)?.name,
  }
}
