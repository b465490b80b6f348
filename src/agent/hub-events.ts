import type { HubEvent } from '../core/api/events.ts'
import type { Arrivals } from './arrivals.ts'
import type { Dialer } from './dialer.ts'
import type { Evictions } from './evictions.ts'
import type { GroupChanges } from './group-changes.ts'
import type { HubLink } from './hub-link.ts'
import type { MembershipOptions } from './membership-options.ts'
import type { MeshHubs } from './mesh-hubs.ts'
import type { Peers } from './peers.ts'
import type { PutOut } from './put-out.ts'
import { DRAIN_MS } from './relay-links.ts'

/** The parts of a membership that events of the hub with the controller are for. */
export interface HubEventParts extends Pick<MembershipOptions, 'onChange'> {
  readonly link: HubLink
  readonly hubs: MeshHubs
  readonly peers: Peers
  readonly evictions: Evictions
  readonly out: PutOut
  readonly dialer: Dialer
  readonly groups: GroupChanges
  readonly arrivals: Arrivals
}

/** Do what an event of the hub with the controller asks for. */
export function obeyHubEvent(event: HubEvent, parts: HubEventParts): void {
  const { hubs, evictions, out, dialer, groups, arrivals, peers, onChange } = parts
  switch (event.event) {
    case 'hello':
      out.evicted(evictions.replace(event.evictions))
      hubs.known(event.hubs ?? [], event.isDraining)
      dialer.forgetAll()
      groups.review()
      break
    case 'introduce':
    case 'meet':
      arrivals.meeting(event, parts.link)
      break
    case 'hubs-changed':
      hubs.known(event.hubs, event.isDraining)
      break
    case 'evicted':
      out.evicted(evictions.add(event.eviction))
      break
    case 'eviction-undone':
      evictions.remove(event.id)
      break
    case 'removed':
      out.removed(event.endpoint)
      break
    case 'services-changed':
      dialer.forget(event.services)
      onChange({ topic: 'services' })
      break
    case 'access-revoked':
      out.revoke(event.revocation)
      break
    case 'groups-changed':
      groups.changed(event.change)
      onChange({ topic: 'groups' })
      break
    case 'hosting-ended':
      out.endHosting(event)
      break
    case 'draining':
      peers.leaveHub('controller', DRAIN_MS)
      break
    case 'closing':
      break
    default:
      event satisfies never
  }
}
