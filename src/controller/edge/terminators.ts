import { createHash } from 'node:crypto'
import type { Rank } from '../../core/api/shapes.ts'
import { entityBase, entityRef } from '../../core/edge/envelope.ts'
import type { FilterSymbols } from '../../core/edge/filter-symbols.ts'
import type { HubId } from '../../core/model/ids.ts'
import { isAppService, type ServiceName } from '../../core/model/names.ts'
import { isIdentityUser } from '../../core/model/spiffe-id.ts'
import type { Endpoints } from '../endpoints.ts'
import type { Hostings } from '../hostings.ts'
import type { Presence } from '../presence.ts'
import type { EndpointRecord, HostingRecord } from '../records.ts'
import { type DeclaredServices, meshNameOf } from './declared-services.ts'
import { undeclaredId } from './visible-services.ts'

/** One endpoint that hosts a service, as the Edge APIs see it. */
export interface Terminator {
  readonly id: string
  readonly hosting: HostingRecord
  readonly serviceId: string
  readonly serviceName: string
  readonly createdAtMs: number
  readonly updatedAtMs: number
  /** Its endpoint's own, or what an administrator says. */
  readonly rank: Rank
}

/** Hostings as terminators. */
export interface Terminators {
  all(): Terminator[]
  get(id: string): Terminator | undefined
  /** @param name  as the Edge APIs call the service */
  ofService(name: string): Terminator[]
  /** With no more than who dials must know. */
  showToClients(terminator: Terminator): object
  show(terminator: Terminator): object
}

/** Make the view of hostings as terminators. */
export function createTerminators(parts: {
  readonly hostings: Pick<Hostings, 'services' | 'service'>
  readonly declared: DeclaredServices
  readonly endpoints: Pick<Endpoints, 'get'>
  readonly presence: Pick<Presence, 'addressOf'>
  /** What an identity is called. */
  readonly identityName: (id: string) => string
  readonly hub: { readonly id: HubId; readonly name: () => string }
  readonly rankOf: (host: EndpointRecord, service: ServiceName) => Rank | undefined
}): Terminators {
  const { hostings, declared, endpoints, presence, identityName, hub, rankOf } = parts

  /** An endpoint is an identity of its own; a program's login stands for the identity that logged in. */
  function hostOf({ endpoint }: HostingRecord): string {
    const user = endpoints.get(endpoint)?.user
    return user !== undefined && isIdentityUser(user) ? user : endpoint
  }

  function of(hosting: HostingRecord): Terminator {
    const record = declared.get(hosting.service)
    const host = endpoints.get(hosting.endpoint)
    return {
      id: idOf(hosting),
      hosting,
      serviceId: record?.id ?? undeclaredId(hosting.service),
      serviceName: record?.name ?? hosting.service,
      createdAtMs: hosting.createdAtMs,
      updatedAtMs: hosting.createdAtMs,
      rank: hosting.adminRank ??
        hosting.rank ??
        (host && rankOf(host, hosting.service)) ?? { cost: 0, precedence: 'default' },
    }
  }

  const all = () =>
    [...hostings.services()]
      .filter(({ name }) => !isAppService(name))
      .flatMap(service => [...service.hostings.values()].map(of))
  const base = (one: Terminator) => ({
    ...entityBase('terminators', one),
    serviceId: one.serviceId,
    service: entityRef('services', one.serviceId, one.serviceName),
    routerId: hub.id,
    router: entityRef('edge-routers', hub.id, hub.name()),
    identity: one.hosting.instance ?? '',
  })
  return {
    all,
    get: id => all().find(one => one.id === id),
    ofService(name) {
      const service = hostings.service(meshNameOf({ name }) as ServiceName)
      return [...(service?.hostings.values() ?? [])].map(of)
    },
    showToClients: base,
    show: one => ({
      ...base(one),
      binding: 'edge',
      address: one.hosting.endpoint,
      hostId: hostOf(one.hosting),
      host: entityRef('identities', hostOf(one.hosting), identityName(hostOf(one.hosting))),
      cost: one.rank.cost,
      dynamicCost: 0,
      precedence: one.rank.precedence,
      isOnline: presence.addressOf(one.hosting.endpoint) !== undefined,
    }),
  }
}

/** What a filter of terminators may name. */
export const TERMINATOR_SYMBOLS = {
  id: { type: 'string' },
  service: { type: 'string', read: one => (one as Terminator).serviceId },
  serviceId: { type: 'string' },
  'service.name': { type: 'string', read: one => (one as Terminator).serviceName },
  identity: { type: 'string', read: one => (one as Terminator).hosting.instance ?? '' },
  precedence: { type: 'string', read: one => (one as Terminator).rank.precedence },
  cost: { type: 'number', read: one => (one as Terminator).rank.cost },
  createdAt: { type: 'datetime', read: one => (one as Terminator).createdAtMs },
} satisfies FilterSymbols

function idOf({ endpoint, service }: HostingRecord): string {
  const hex = createHash('sha256').update(`terminator ${endpoint} ${service}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
