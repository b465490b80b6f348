import { defineEdgeRoute } from '../../core/edge/edge-route.ts'
import { listEnvelope, oneEnvelope } from '../../core/edge/envelope.ts'
import type { FilterSymbols } from '../../core/edge/filter-symbols.ts'
import { readRoles, selects } from '../../core/edge/role-match.ts'
import type { EdgeCall, EdgeHandler, ServedRoute } from './edge-call.ts'
import type {
  ConfigRecord,
  EdgeRouterRecord,
  IdentityRecord,
  ServicePolicyRecord,
  ServiceRecord,
} from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import type { Entities, EntityRecord } from './entities.ts'
import { all, type EntityKind, find, pageOf } from './entity-kind.ts'
import type { ServiceAccess } from './service-access.ts'
import type { Terminator, Terminators } from './terminators.ts'
import { TERMINATOR_SYMBOLS } from './terminators.ts'

/** What is needed of a kind to list some of it. */
export type Listed<R extends EntityRecord> = Pick<
  EntityKind<R, never>,
  'type' | 'entities' | 'projected' | 'symbols' | 'show'
>

type Tagged = EntityRecord & { readonly roleAttributes: readonly string[] }

/** The kinds whose relations are served. */
export interface RelationParts {
  readonly tables: EdgeTables
  readonly identities: Listed<IdentityRecord>
  readonly services: Listed<ServiceRecord>
  readonly edgeRouters: Listed<EdgeRouterRecord>
  readonly servicePolicies: Listed<ServicePolicyRecord>
  readonly configs: Listed<ConfigRecord>
  readonly access: ServiceAccess
  readonly terminators: Terminators
  readonly otherNamesOf: (id: string) => readonly string[]
  /** How many of each there are, beside those in tables. */
  readonly counts: () => Readonly<Record<string, number>>
}

interface Roled extends EntityRecord {
  readonly semantic: 'AnyOf' | 'AllOf'
}

/** Routes that follow links from one entity to others, and those that count. */
export function serveRelations(parts: RelationParts): ServedRoute[] {
  const { tables, identities, services, edgeRouters, servicePolicies, configs, access, terminators } = parts
  const { servicePolicies: sp, edgeRouterPolicies: erp, serviceEdgeRouterPolicies: serp } = tables

  /** The things that one list of roles of a policy selects. */
  function selected<P extends Roled, R extends Tagged>(
    path: string,
    policies: Entities<P>,
    rolesOf: (policy: P) => readonly string[],
    kind: Listed<R>,
  ): ServedRoute {
    const [type = ''] = path.split('/')
    return get(`/${type}/{id}/${kind.type}`, `List ${kind.type} that it selects`, call => {
      const policy = find({ type, entities: policies }, call.params.id)
      const selector = readRoles(rolesOf(policy), policy.semantic)
      const fitting = all(kind).filter(({ id, roleAttributes }) =>
        selects(selector, { id, ids: parts.otherNamesOf(id), attributes: roleAttributes }),
      )
      return pageOf(kind, fitting, call.query, call.now)
    })
  }

  return [
    selected('service-policies', sp, one => one.identityRoles, identities),
    selected('service-policies', sp, one => one.serviceRoles, services),
    selected('edge-router-policies', erp, one => one.identityRoles, identities),
    selected('edge-router-policies', erp, one => one.edgeRouterRoles, edgeRouters),
    selected('service-edge-router-policies', serp, one => one.serviceRoles, services),
    selected('service-edge-router-policies', serp, one => one.edgeRouterRoles, edgeRouters),
    get('/services/{id}/service-policies', 'List the service policies that select it', call => {
      const policies = access.policiesOf('service', find(services, call.params.id).id)
      const records = policies.flatMap(({ id }) => sp.get(id) ?? [])
      return pageOf(servicePolicies, records, call.query, call.now)
    }),
    get('/services/{id}/configs', 'List its configs', call => {
      const service = tables.services.get(find(services, call.params.id).id)
      const records = (service?.configs ?? []).flatMap(id => tables.configs.get(id) ?? [])
      return pageOf(configs, records, call.query, call.now)
    }),
    get('/services/{id}/terminators', 'List who hosts it', call => {
      const { id } = find(services, call.params.id)
      const show = (one: Terminator) => terminators.show(one)
      const found = terminators.all().filter(one => one.serviceId === id)
      return pageOf({ symbols: TERMINATOR_SYMBOLS, show }, found, call.query, call.now)
    }),
    roleAttributes('identity', () => all(identities)),
    roleAttributes('service', () => all(services)),
    roleAttributes('edge-router', () => all(edgeRouters)),
    get('/summary', 'Count everything', () => ({ body: oneEnvelope(parts.counts()) }), 'one'),
  ]
}

/** The attributes in use, each once. */
function roleAttributes(kind: string, records: () => readonly Tagged[]): ServedRoute {
  const symbols: FilterSymbols = { id: { type: 'string' } }
  return get(`/${kind}-role-attributes`, `List the role attributes of ${kind} entities`, call => {
    const names = new Set(records().flatMap(one => one.roleAttributes))
    const found = [...names].sort().map(id => ({ id }))
    const { body } = pageOf({ symbols, show: one => one }, found, call.query, call.now)
    const { data, meta } = body as {
      data: { id: string }[]
      meta: { pagination: Parameters<typeof listEnvelope>[1] }
    }
    return {
      body: listEnvelope(
        data.map(({ id }) => id),
        meta.pagination,
        ['id'],
      ),
    }
  })
}

function get(
  path: string,
  summary: string,
  handler: (call: EdgeCall) => ReturnType<EdgeHandler>,
  answer: 'one' | 'list' = 'list',
): ServedRoute {
  return { route: defineEdgeRoute({ method: 'GET', needs: 'admin', path, summary, answer }), handler }
}
