import type { Access, Rank, ServiceInfo } from '../core/api/shapes.ts'
import type { ServiceName } from '../core/model/names.ts'
import type { Decisions } from './decisions.ts'
import type { Endpoints } from './endpoints.ts'
import type { Service } from './hosting-index.ts'
import type { Hostings } from './hostings.ts'
import type { Presence } from './presence.ts'
import type { EndpointRecord, HostingRecord } from './records.ts'
import type { Standing } from './standing.ts'

/** What of a service a member is shown. */
export interface ServiceView {
  /** The service as this member may see it; undefined where it neither owns it, nor administers, nor may dial it. */
  show(service: Service, viewer: EndpointRecord): ServiceInfo | undefined
  /** The service with these hostings, as this member may see them. */
  describe(service: Service, hostings: readonly HostingRecord[], viewer: EndpointRecord): ServiceInfo
}

/** Make the view of services: who may dial what else is the owner's and the administrators' business. */
export function createServiceView(parts: {
  endpoints: Pick<Endpoints, 'get'>
  hostings: Pick<Hostings, 'healthOf'>
  presence: Pick<Presence, 'addressOf'>
  decisions: Pick<Decisions, 'dial'>
  standing: Pick<Standing, 'isAdmin'>
  /** How to choose among the hostings of a declared service. */
  strategyOf: (service: ServiceName) => ServiceInfo['strategy']
  /** What an administrator says of a hosting where its endpoint does not. */
  rankOf: (host: EndpointRecord, service: ServiceName) => Rank | undefined
}): ServiceView {
  const { endpoints, hostings, presence, decisions, standing } = parts

  const isPrivileged = (service: Service, viewer: EndpointRecord) =>
    service.owner === viewer.user || standing.isAdmin(viewer.user)

  function describe(service: Service, shown: readonly HostingRecord[], viewer: EndpointRecord): ServiceInfo {
    const seesAccess = isPrivileged(service, viewer)
    const strategy = parts.strategyOf(service.name)
    return {
      name: service.name,
      owner: service.owner,
      ...(strategy !== undefined && { strategy }),
      hostings: shown.flatMap(hosting => {
        const endpoint = endpoints.get(hosting.endpoint)
        if (endpoint === undefined) return []
        const rank = hosting.adminRank ?? hosting.rank ?? parts.rankOf(endpoint, service.name)
        return {
          endpoint: endpoint.id,
          name: endpoint.name,
          isOnline: presence.addressOf(endpoint.id) !== undefined,
          health: hostings.healthOf(hosting),
          access: seesAccess ? hosting.access : NOTHING_SHOWN,
          ...(rank && { rank }),
          ...(hosting.instance && { instance: hosting.instance }),
          ...(endpoint.user !== service.owner && { user: endpoint.user }),
        }
      }),
    }
  }

  return {
    describe,
    show(service, viewer) {
      const all = [...service.hostings.values()]
      if (isPrivileged(service, viewer)) return describe(service, all, viewer)
      // Its own hosting too, which an agent must find to end it, where a policy and not its user owns the service.
      const isMine = (hosting: HostingRecord) =>
        hosting.endpoint === viewer.id || decisions.dial(viewer, service, hosting).allow
      const mine = all.filter(isMine)
      return mine.length === 0 ? undefined : describe(service, mine, viewer)
    },
  }
}

const NOTHING_SHOWN: Access = { users: [], entrances: [] }
