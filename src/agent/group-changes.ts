import { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { GroupChange } from '../core/api/shapes.ts'
import { toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import type { Name, UserName } from '../core/model/names.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Dialer } from './dialer.ts'
import { createGroupNews } from './group-news.ts'
import type { Hostings } from './hostings.ts'
import type { HubLink } from './hub-link.ts'
import type { TicketCheck } from './ticket-check.ts'

/** What an agent does when groups change. */
export interface GroupChanges {
  changed(change: GroupChange): void
  /** A link opened anew: groups may have changed meanwhile. Never throws. */
  review(): void
}

/** Make it for one mesh. */
export function createGroupChanges(parts: {
  readonly self: EndpointIdentity
  readonly dialer: Pick<Dialer, 'forgetAll'>
  readonly hostings: Pick<Hostings, 'regroup' | 'groupsAtMs'>
  readonly tickets: Pick<TicketCheck, 'regroup'>
  readonly link: Pick<HubLink, 'call'>
  readonly log: Log
}): GroupChanges {
  const { hostings, tickets, link, log } = parts

  async function compare(beforeMs: number): Promise<void> {
    const { groups } = await link.call(CONTROLLER_API.listGroups, {})
    const byUser = new Map<UserName, Name[]>()
    for (const { name, users } of groups) {
      for (const user of users) byUser.set(user, [...(byUser.get(user) ?? []), name])
    }
    hostings.regroup((user, known, issuedAtMs) => {
      const listed = byUser.get(user) ?? []
      const isSame = listed.length === known.length && listed.every(group => known.includes(group))
      return isSame || issuedAtMs > beforeMs ? known : listed
    })
  }

  return {
    changed(change) {
      // Tickets that this one dials by say what was.
      if (change.users.includes(parts.self.user)) parts.dialer.forgetAll()
      tickets.regroup(change)
      const { groupsNow, add } = createGroupNews(Number.POSITIVE_INFINITY, () => 0)
      add(change)
      hostings.regroup(groupsNow)
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
