import { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { GroupChange } from '../core/api/shapes.ts'
import { toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Dialer } from './dialer.ts'
import type { Hostings } from './hostings.ts'
import type { HubLink } from './hub-link.ts'
import type { TicketCheck } from './ticket-check.ts'

/** What an agent does when groups change. */
export interface GroupChanges {
  changed(change: GroupChange): void
  /** A link opened anew: users may have left groups meanwhile. Never throws. */
  review(): void
}

/** Make it for one mesh. */
export function createGroupChanges(parts: {
  readonly self: EndpointIdentity
  readonly dialer: Pick<Dialer, 'forgetAll'>
  readonly hostings: Pick<Hostings, 'leaveGroups' | 'groupsAtMs'>
  readonly tickets: Pick<TicketCheck, 'leave'>
  readonly link: Pick<HubLink, 'call'>
  readonly log: Log
}): GroupChanges {
  const { hostings, tickets, link, log } = parts

  async function compare(beforeMs: number): Promise<void> {
    const { groups } = await link.call(CONTROLLER_API.listGroups, {})
    const users = new Map(groups.map(group => [group.name, new Set(group.users)]))
    hostings.leaveGroups(
      (user, group, issuedAtMs) => issuedAtMs <= beforeMs && users.get(group)?.has(user) !== true,
    )
  }

  return {
    changed(change) {
      // Tickets that this one dials by say what was.
      if (change.users.includes(parts.self.user)) parts.dialer.forgetAll()
      if (change.left.length === 0) return
      tickets.leave(change)
      const { users, left, beforeMs } = change
      hostings.leaveGroups(
        (user, group, issuedAtMs) => issuedAtMs <= beforeMs && users.includes(user) && left.includes(group),
      )
    },
    review() {
      const beforeMs = hostings.groupsAtMs
      if (beforeMs === undefined) return
      compare(beforeMs).catch(error =>
        log.warn('groups.not-reviewed', { reason: toMeshError(error).message }),
      )
    },
  }
}
