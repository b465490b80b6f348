import type { AccessRevocation, GroupChange } from '../core/api/shapes.ts'
import type { ServiceName } from '../core/model/names.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Clock } from '../core/model/time.ts'
import { CLOCK_TOLERANCE_MS, checkSessionTicket, SESSION_TICKET_VALID_MS } from '../pki/session-ticket.ts'
import { createGroupNews } from './group-news.ts'
import { createRevokedAccess } from './revoked-access.ts'
import { createTicketCache, type KnownTicket } from './ticket-cache.ts'

/** Whether the session tickets that diallers show are good. */
export interface TicketCheck {
  /** @throws MeshError `bad-ticket` */
  check(ticket: string, from: EndpointIdentity, service: ServiceName): KnownTicket
  /** Tickets of before are void from now on. */
  revoke(revocation: AccessRevocation): void
  /** Tickets of before say something else of groups. */
  regroup(change: GroupChange): void
}

/** Make the check of the tickets of one mesh. @param options.rootPem  root certificate of the mesh, now */
export function createTicketCheck(options: { clock: Clock; rootPem: () => string }): TicketCheck {
  const { clock, rootPem } = options
  const keepMs = SESSION_TICKET_VALID_MS + CLOCK_TOLERANCE_MS
  const revoked = createRevokedAccess(keepMs, () => clock.now())
  const news = createGroupNews(keepMs, () => clock.now())
  const tickets = createTicketCache((ticket, dialler, service) =>
    checkSessionTicket(ticket, { rootPem: rootPem(), now: clock.now(), dialler, service }),
  )
  return {
    check(ticket, from, service) {
      const known = tickets.check(ticket, from, service, clock.now())
      revoked.check(from, service, known.issuedAtMs)
      const groups = news.groupsNow(from.endpoint, known.groups, known.issuedAtMs)
      return groups === known.groups ? known : { ...known, groups }
    },
    revoke: revoked.add,
    regroup: news.add,
  }
}
