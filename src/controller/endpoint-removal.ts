import type { UserName } from '../core/model/names.ts'
import type { Context } from './context.ts'
import type { Endpoints } from './endpoints.ts'
import type { Hostings } from './hostings.ts'
import type { Invitations } from './invitations.ts'
import type { Presence } from './presence.ts'
import type { EndpointRecord } from './records.ts'

/** Takes endpoints out of the mesh with all they host. */
export interface EndpointRemoval {
  /**
   * Remove an endpoint, within a turn of `exclusive`. Done once its record is gone; what it hosted follows.
   *
   * @throws MeshError as `Store.delete`; then it is still there
   */
  remove(record: EndpointRecord, by: UserName): Promise<void>
}

/** Make the one place where endpoints end. */
export function createEndpointRemoval(
  { log, emit }: Pick<Context, 'log' | 'emit'>,
  parts: { endpoints: Endpoints; hostings: Hostings; invitations: Invitations; presence: Presence },
): EndpointRemoval {
  const { endpoints, hostings, invitations, presence } = parts
  return {
    async remove(record, by) {
      await invitations.settle(record.id)
      await endpoints.delete(record.id)
      const services = hostings.ofEndpoint(record.id).map(hosting => hosting.service)
      await hostings.dropEndpoint(record.id)
      presence.forget(record.id)
      log.info('endpoint.removed', { endpoint: record.id, name: record.name, user: record.user, by })
      emit({ change: 'endpoint-removed', endpoint: record.id })
      if (services.length > 0) emit({ change: 'services-changed', services })
    },
  }
}
