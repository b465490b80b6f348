import { createHash } from 'node:crypto'
import type { ServiceInfo } from '../core/api/shapes.ts'
import { mayHostAppService } from '../core/model/app-service.ts'
import type { EndpointId } from '../core/model/ids.ts'
import { isAppService, type ServiceName, type UserName } from '../core/model/names.ts'
import type { Context } from './context.ts'
import type { Endpoints } from './endpoints.ts'
import { foldName } from './fold.ts'
import { createHostingIndex, type HostingIndex, type Service } from './hosting-index.ts'
import { type HostingRecord, hostingId, hostingRecordShape } from './records.ts'
import { discard, openTable } from './table.ts'

/** What the hosting agent last said of its targets. */
export type Health = ServiceInfo['hostings'][number]['health']

/** Who hosts what, kept in the store. All hostings of a service are of one user's endpoints: its owner; but for declared ones. */
export interface Hostings
  extends Pick<HostingIndex, 'ofEndpoint' | 'get' | 'usageOf' | 'servicesNaming' | 'revision'> {
  services(): Iterable<Service>
  readonly serviceCount: number
  /** The service of exactly this name. */
  service(name: ServiceName): Service | undefined
  /** The service whose name reads like this one, be it this one. */
  similarTo(name: ServiceName): Service | undefined
  /** Not stored, as the agent says it again after each start. */
  healthOf(record: HostingRecord): Health
  /** @returns whether that is news */
  setHealth(record: HostingRecord, health: Health): boolean
  put(record: HostingRecord): Promise<void>
  delete(record: HostingRecord): Promise<void>
  /** Drop what a removed endpoint hosted. A record that the store does not let go is dropped at the next start. */
  dropEndpoint(endpoint: EndpointId): Promise<void>
}

/**
 * Load the hostings. Those whose endpoint is gone, later ones of another owner's service, and hidden ones that name another
 * user, are dropped.
 *
 * @param declared  who owns a declared service, whoever hosts it; undefined for others
 */
export async function openHostings(
  { store, log }: Pick<Context, 'store' | 'log'>,
  endpoints: Pick<Endpoints, 'get'>,
  declared?: (service: ServiceName) => UserName | undefined,
): Promise<Hostings> {
  const index = createHostingIndex()
  const healths = new Map<string, Health>()
  let isLoading = true

  function add(record: HostingRecord): boolean {
    const host = endpoints.get(record.endpoint)
    const owner = host && (declared?.(record.service) ?? host.user)
    if (host === undefined || owner === undefined || !mayHostName(record.service, host.user)) return false
    return index.add(record, owner)
  }

  const table = await openTable({
    store,
    log,
    prefix: 'hosting',
    shape: hostingRecordShape,
    idOf,
    onRow(next, previous) {
      if (isLoading) return
      if (previous !== undefined) index.remove(previous)
      if (next !== undefined) add(next)
      else if (previous !== undefined) healths.delete(idOf(previous))
    },
  })
  isLoading = false
  for (const record of [...table.values()].sort((a, b) => a.createdAtMs - b.createdAtMs)) {
    if (add(record)) continue
    log.warn('hosting.dropped', { endpoint: record.endpoint, service: record.service })
    await discard(table, idOf(record), log)
  }

  const similarTo = (name: ServiceName) => index.services.get(foldName(name))
  return {
    services: () => index.services.values(),
    get serviceCount() {
      return index.services.size
    },
    service(name) {
      const service = similarTo(name)
      return service?.name === name ? service : undefined
    },
    similarTo,
    ofEndpoint: index.ofEndpoint,
    get: index.get,
    usageOf: index.usageOf,
    servicesNaming: index.servicesNaming,
    revision: index.revision,
    healthOf: record => healths.get(idOf(record)) ?? 'unknown',
    setHealth(record, health) {
      const id = idOf(record)
      if ((healths.get(id) ?? 'unknown') === health) return false
      healths.set(id, health)
      return true
    },
    put: record => table.put(record),
    delete: record => table.delete(idOf(record)),
    async dropEndpoint(endpoint) {
      for (const record of index.ofEndpoint(endpoint)) {
        await discard(table, idOf(record), log)
      }
    },
  }
}

/** Whether an endpoint of a user may host a service of that name at all: of hidden ones those alone that name that user. */
export function mayHostName(service: ServiceName, user: UserName): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest('hex')
  return !isAppService(service) || mayHostAppService(service, user, hash)
}

function idOf(record: HostingRecord): string {
  return hostingId(record.endpoint, record.service)
}
