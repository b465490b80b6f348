import type { ControllerChange } from '../core/api/controller.ts'
import type { HubEvent } from '../core/api/events.ts'
import { MeshError } from '../core/model/errors.ts'
import type { Registry, RegistryAction } from '../core/registry/registry.ts'
import type { Interests } from './interests.ts'

/** What a hub must do when the controller changed something: tell agents, and put out who is out. */
export function tellChange(
  change: ControllerChange,
  registry: Registry,
  interests: Interests,
): RegistryAction[] {
  switch (change.change) {
    case 'evicted': {
      const message = `Link ended: ${change.eviction.user} was evicted from the mesh`
      return [
        ...registry.broadcast({ event: 'evicted', eviction: change.eviction }),
        ...registry.evict(change.endpoints, new MeshError('evicted', message)),
      ]
    }
    case 'eviction-undone':
      return registry.broadcast({ event: 'eviction-undone', id: change.id })
    case 'services-changed': {
      const event: HubEvent = { event: 'services-changed', services: [...change.services] }
      return registry.broadcast(event, interests.of(change.services))
    }
    case 'access-revoked': {
      const { revocation, hosts } = change
      const event: HubEvent = { event: 'access-revoked', revocation }
      const diallers = interests.of(revocation.services)
      return registry.broadcast(event, [...hosts, ...diallers])
    }
    case 'groups-changed':
      return registry.broadcast({ event: 'groups-changed', change: change.groups }, change.concerned)
    case 'hosting-ended': {
      const { endpoint, service } = change
      const event: HubEvent = { event: 'hosting-ended', endpoint, service }
      return registry.broadcast(event, [endpoint, ...interests.of([service])])
    }
    case 'endpoint-removed': {
      const message = 'Link ended: this endpoint was removed from the mesh: join again'
      return [
        ...registry.evict([change.endpoint], new MeshError('not-trusted', message)),
        // Its sessions that go without a hub end nowhere else.
        ...registry.broadcast({ event: 'removed', endpoint: change.endpoint }),
      ]
    }
    case 'hubs-changed':
      return registry.broadcast({
        event: 'hubs-changed',
        hubs: [...change.hubs],
        ...(change.isDraining && { isDraining: true }),
      })
    case 'links-refused':
      return change.refused.flatMap(({ endpoint, error }) =>
        registry.evict([endpoint], new MeshError(error.code, error.message)),
      )
    default:
      change satisfies never
      return []
  }
}
