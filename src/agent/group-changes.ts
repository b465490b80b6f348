import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { MAX_REVIEWED_ENDPOINTS } from '../core/api/people-api.ts'
import type { GroupChange } from '../core/api/shapes.ts'
import { toMeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { Name } from '../core/model/names.ts'
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
  readonly hostings: Pick<Hostings, 'regroup' | 'groupDiallers'>
  readonly tickets: Pick<TicketCheck, 'regroup'>
  readonly link: Pick<HubLink, 'call'>
  readonly log: Log
}): GroupChanges {
  const { hostings, tickets, link, log } = parts

  async function compare(asked: readonly EndpointId[], beforeMs: number): Promise<void> {
    const now = new Map<EndpointId, readonly Name[]>()
    for (let at = 0; at < asked.length; at += MAX_REVIEWED_ENDPOINTS) {
      const endpoints = asked.slice(at, at + MAX_REVIEWED_ENDPOINTS)
      const { groups } = await link.call(CONTROLLER_API.reviewGroups, { body: { endpoints } })
      endpoints.forEach((endpoint, index) => void now.set(endpoint, groups[index] ?? []))
    }
    hostings.regroup((endpoint, known, issuedAtMs) => {
      const told = now.get(endpoint)
      // Who came since is judged by what is newer than the answer.
      if (told === undefined || issuedAtMs > beforeMs) return known
      const isSame = told.length === known.length && told.every(group => known.includes(group))
      return isSame ? known : told
    })
  }

  return {
    changed(change) {
      // Tickets that this one dials by say what was.
      if (change.endpoints.includes(parts.self.endpoint)) parts.dialer.forgetAll()
      tickets.regroup(change)
      const { groupsNow, add } = createGroupNews(Number.POSITIVE_INFINITY, () => 0)
      add(change)
      hostings.regroup(groupsNow)
    },
    review() {
      const open = hostings.groupDiallers()
      if (open === undefined) return
      compare(open.endpoints, open.issuedAtMs).catch(error =>
        log.warn('groups.not-reviewed', { reason: toMeshError(error).message }),
      )
    },
  }
}
