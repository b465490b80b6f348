import { createHash } from 'node:crypto'
import type { Rank } from '../../core/api/shapes.ts'
import { entityBase, entityRef } from '../../core/edge/envelope.ts'
import type { FilterSymbols } from '../../core/edge/filter-symbols.ts'
import type { EndpointId, HubId } from '../../core/model/ids.ts'
import { isAppService, type ServiceName } from '../../core/model/names.ts'
import { isIdentityUser } from '../../core/model/spiffe-id.ts'
import type { Endpoints } from '../endpoints.ts'
import type { Hostings } from '../hostings.ts'
import type { Presence } from '../presence.ts'
import type { EndpointRecord, HostingRecord } from '../records.ts'
import { type DeclaredServices, meshNameOf } from './declared-services.ts'
import type { PlannedTerminatorRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import { undeclaredId } from './visible-services.ts'

/** One endpoint that hosts a service, or is planned to, as the Edge APIs see it. */
export interface Terminator {
  readonly id: string
  readonly endpoint: EndpointId
  /** Absent until the endpoint hosts. */
  readonly hosting: HostingRecord | undefined
  /** Where an administrator created it. */
  readonly plan: PlannedTerminatorRecord | undefined
  readonly serviceId: string
  readonly serviceName: string
  readonly createdAtMs: number
  readonly updatedAtMs: number
  /** Its endpoint's own, or what an administrator says. */
  readonly rank: Rank
}

/** Hostings as terminators. */
export interface Terminators {
  /** Those that are planned among them. */
  all(): Terminator[]
  get(id: string): Terminator | undefined
  of(endpoint: EndpointId, service: ServiceName): Terminator | undefined
  /** Those that may be dialled. @param name  as the Edge APIs call the service */
  ofService(name: string): Terminator[]
  /** With no more than who dials must know. */
  showToClients(terminator: Terminator): object
  show(terminator: Terminator): object
}

/** Make the view of hostings as terminators. */
export function createTerminators(parts: {
  readonly tables: Pick<EdgeTables, 'services' | 'plannedTerminators'>
  readonly hostings: Pick<Hostings, 'services' | 'service'>
  readonly declared: DeclaredServices
  readonly endpoints: Pick<Endpoints, 'get'>
  readonly presence: Pick<Presence, 'addressOf'>
  /** What an identity is called. */
  readonly identityName: (id: string) => string
  readonly hub: { readonly id: HubId; readonly name: () => string }
  readonly rankOf: (host: EndpointRecord, service: ServiceName) => Rank | undefined
}): Terminators {
  const { tables, hostings, declared, endpoints, presence, identityName, hub, rankOf } = parts

  /** An endpoint is an identity of its own; a program's login stands for the identity that logged in. */
  function hostOf({ endpoint }: Terminator): string {
    const user = endpoints.get(endpoint)?.user
    return user !== undefined && isIdentityUser(user) ? user : endpoint
  }

  function ofHosting(hosting: HostingRecord): Terminator {
    const record = declared.get(hosting.service)
    const host = endpoints.get(hosting.endpoint)
    return {
      id: idOf(hosting),
      endpoint: hosting.endpoint,
      hosting,
      plan: record && planOf(tables, hosting.endpoint, record.id),
      serviceId: record?.id ?? undeclaredId(hosting.service),
      serviceName: record?.name ?? hosting.service,
      createdAtMs: hosting.createdAtMs,
      updatedAtMs: hosting.createdAtMs,
      rank: hosting.adminRank ??
        hosting.rank ??
        (host && rankOf(host, hosting.service)) ?? { cost: 0, precedence: 'default' },
    }
  }

  /** What is planned and did not come true yet. */
  function ofPlan(plan: PlannedTerminatorRecord): Terminator[] {
    const record = tables.services.get(plan.serviceId)
    if (record === undefined || endpoints.get(plan.endpoint) === undefined) return []
    const service = declared.nameOf(record)
    if (hostings.service(service)?.hostings.has(plan.endpoint)) return []
    const { endpoint, createdAtMs, updatedAtMs, rank } = plan
    const id = idOf({ endpoint, service })
    const serviceName = record.name
    return [
      {
        id,
        endpoint,
        hosting: undefined,
        plan,
        serviceId: record.id,
        serviceName,
        createdAtMs,
        updatedAtMs,
        rank,
      },
    ]
  }

  const all = () => [
    ...[...hostings.services()]
      .filter(({ name }) => !isAppService(name))
      .flatMap(service => [...service.hostings.values()].map(ofHosting)),
    ...tables.plannedTerminators.list().flatMap(ofPlan),
  ]
  const get = (id: string) => all().find(one => one.id === id)
  const base = (one: Terminator) => ({
    ...entityBase('terminators', one),
    serviceId: one.serviceId,
    service: entityRef('services', one.serviceId, one.serviceName),
    routerId: hub.id,
    router: entityRef('edge-routers', hub.id, hub.name()),
    identity: one.hosting?.instance ?? '',
  })
  return {
    all,
    get,
    of: (endpoint, service) => get(idOf({ endpoint, service })),
    ofService(name) {
      const service = hostings.service(meshNameOf({ name }) as ServiceName)
      return [...(service?.hostings.values() ?? [])].map(ofHosting)
    },
    showToClients: base,
    show: one => ({
      ...base(one),
      binding: 'edge',
      address: one.endpoint,
      hostId: hostOf(one),
      host: entityRef('identities', hostOf(one), identityName(hostOf(one))),
      cost: one.rank.cost,
      dynamicCost: 0,
      precedence: one.rank.precedence,
      isHosting: one.hosting !== undefined,
      isOnline: presence.addressOf(one.endpoint) !== undefined,
      ...(one.plan && { tags: one.plan.tags }),
    }),
  }
}

/** What a filter of terminators may name. */
export const TERMINATOR_SYMBOLS = {
  id: { type: 'string' },
  service: { type: 'string', read: one => (one as Terminator).serviceId },
  serviceId: { type: 'string' },
  'service.name': { type: 'string', read: one => (one as Terminator).serviceName },
  identity: { type: 'string', read: one => (one as Terminator).hosting?.instance ?? '' },
  precedence: { type: 'string', read: one => (one as Terminator).rank.precedence },
  cost: { type: 'number', read: one => (one as Terminator).rank.cost },
  isHosting: { type: 'boolean', read: one => (one as Terminator).hosting !== undefined },
  createdAt: { type: 'datetime', read: one => (one as Terminator).createdAtMs },
} satisfies FilterSymbols

/** What an administrator planned of an endpoint and a declared service. */
export function planOf(
  { plannedTerminators }: Pick<EdgeTables, 'plannedTerminators'>,
  endpoint: EndpointId,
  serviceId: string,
): PlannedTerminatorRecord | undefined {
  return plannedTerminators.by('endpoint', endpoint).find(plan => plan.serviceId === serviceId)
}

/** The same before and after it hosts. */
function idOf({ endpoint, service }: Pick<HostingRecord, 'endpoint' | 'service'>): string {
  const hex = createHash('sha256').update(`terminator ${endpoint} ${service}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
