import type { EndpointId } from '../core/model/ids.ts'
import type { ServiceName, UserName } from '../core/model/names.ts'
import { foldName } from './fold.ts'
import type { HostingRecord } from './records.ts'

/** How much of the controller one user takes up with hostings. */
export interface Usage {
  readonly services: number
  readonly hostings: number
  /** Users, groups and entrances in access lists. */
  readonly accessEntries: number
}

/** A service, its owner and its hostings. */
export interface Service {
  readonly name: ServiceName
  readonly owner: UserName
  readonly hostings: ReadonlyMap<EndpointId, HostingRecord>
}

/** Hostings by service, by endpoint and counted by user. A service is there while it has a hosting. */
export interface HostingIndex {
  readonly services: ReadonlyMap<string, Service>
  /** @returns false, and nothing changed, where the service is another user's or one whose name reads alike */
  add(record: HostingRecord, owner: UserName): boolean
  remove(record: HostingRecord): void
  ofEndpoint(endpoint: EndpointId): readonly HostingRecord[]
  get(endpoint: EndpointId, service: ServiceName): HostingRecord | undefined
  usageOf(user: UserName): Usage
  /** Services that some access list names this user in. */
  servicesNaming(user: UserName): Service[]
  /** Grows with each change. */
  revision(): number
}

/** Make an empty index. */
export function createHostingIndex(): HostingIndex {
  const services = new Map<string, Service & { readonly hostings: Map<EndpointId, HostingRecord> }>()
  const byEndpoint = new Map<EndpointId, Map<ServiceName, HostingRecord>>()
  const usage = new Map<UserName, Usage>()
  let revision = 0
  // How many hostings of a service name a user.
  const naming = new Map<UserName, Map<ServiceName, number>>()

  function nameUsers({ service, access }: HostingRecord, change: 1 | -1): void {
    for (const user of access.users) {
      if (user === '*') continue
      const counts = naming.get(user) ?? new Map<ServiceName, number>()
      const count = (counts.get(service) ?? 0) + change
      if (count > 0) counts.set(service, count)
      else counts.delete(service)
      if (counts.size > 0) naming.set(user, counts)
      else naming.delete(user)
    }
  }

  function account(user: UserName, change: Usage): void {
    const before = usage.get(user) ?? NO_USAGE
    const after = {
      services: before.services + change.services,
      hostings: before.hostings + change.hostings,
      accessEntries: before.accessEntries + change.accessEntries,
    }
    if (after.hostings === 0) usage.delete(user)
    else usage.set(user, after)
  }

  return {
    services,
    add(record, owner) {
      const fold = foldName(record.service)
      const known = services.get(fold)
      if (known !== undefined && (known.owner !== owner || known.name !== record.service)) return false
      const service = known ?? { name: record.service, owner, hostings: new Map() }
      services.set(fold, service)
      service.hostings.set(record.endpoint, record)
      const hosted = byEndpoint.get(record.endpoint) ?? new Map<ServiceName, HostingRecord>()
      byEndpoint.set(record.endpoint, hosted.set(record.service, record))
      nameUsers(record, 1)
      revision += 1
      account(owner, { services: known ? 0 : 1, hostings: 1, accessEntries: entryCount(record) })
      return true
    },
    remove(record) {
      const fold = foldName(record.service)
      const service = services.get(fold)
      if (service?.hostings.get(record.endpoint) !== record) return
      service.hostings.delete(record.endpoint)
      const isLast = service.hostings.size === 0
      if (isLast) services.delete(fold)
      const hosted = byEndpoint.get(record.endpoint)
      hosted?.delete(record.service)
      if (hosted?.size === 0) byEndpoint.delete(record.endpoint)
      nameUsers(record, -1)
      revision += 1
      account(service.owner, { services: isLast ? -1 : 0, hostings: -1, accessEntries: -entryCount(record) })
    },
    ofEndpoint: endpoint => [...(byEndpoint.get(endpoint)?.values() ?? [])],
    get: (endpoint, service) => byEndpoint.get(endpoint)?.get(service),
    usageOf: user => usage.get(user) ?? NO_USAGE,
    revision: () => revision,
    servicesNaming: user =>
      [...(naming.get(user)?.keys() ?? [])].flatMap(name => services.get(foldName(name)) ?? []),
  }
}

/** How many users, groups and entrances the access list of a hosting has. */
export function entryCount({ access }: Pick<HostingRecord, 'access'>): number {
  return access.users.length + (access.groups?.length ?? 0) + access.entrances.length
}

const NO_USAGE: Usage = { services: 0, hostings: 0, accessEntries: 0 }
