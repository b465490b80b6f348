import type { EndpointId } from '../core/model/ids.ts'
import type { ServiceName } from '../core/model/names.ts'

/**
 * Which endpoints asked to dial which services while their link is open: they alone need to hear of changes. In a mesh
 * of thousands, telling everybody of everything would be most of what a hub does.
 */
export interface Interests {
  note(endpoint: EndpointId, service: ServiceName): void
  /** The endpoint's link is gone; it asks again when it is back. */
  forget(endpoint: EndpointId): void
  /** Everybody who asked for one of the services. */
  of(services: readonly ServiceName[]): EndpointId[]
}

/** Make an empty list. */
export function createInterests(): Interests {
  const byService = new Map<ServiceName, Set<EndpointId>>()
  const byEndpoint = new Map<EndpointId, Set<ServiceName>>()
  return {
    note(endpoint, service) {
      const services = entry(byEndpoint, endpoint)
      if (services.size >= MAX_INTERESTS) drop(byService, [...services][0] as ServiceName, endpoint, services)
      services.add(service)
      entry(byService, service).add(endpoint)
    },
    forget(endpoint) {
      const services = byEndpoint.get(endpoint)
      if (services === undefined) return
      for (const service of [...services]) drop(byService, service, endpoint, services)
      byEndpoint.delete(endpoint)
    },
    of(services) {
      const endpoints = new Set<EndpointId>()
      for (const service of services)
        for (const endpoint of byService.get(service) ?? []) endpoints.add(endpoint)
      return [...endpoints]
    },
  }
}

function entry<K, V>(map: Map<K, Set<V>>, key: K): Set<V> {
  let values = map.get(key)
  if (values === undefined) {
    values = new Set()
    map.set(key, values)
  }
  return values
}

function drop(
  byService: Map<ServiceName, Set<EndpointId>>,
  service: ServiceName,
  endpoint: EndpointId,
  services: Set<ServiceName>,
): void {
  services.delete(service)
  const endpoints = byService.get(service)
  endpoints?.delete(endpoint)
  if (endpoints?.size === 0) byService.delete(service)
}

/** Services one endpoint hears of; the one asked for first goes. A session it still holds is then renewed by its end. */
export const MAX_INTERESTS = 1_000
