import { MeshError } from '../core/model/errors.ts'
import type { ServiceName } from '../core/model/names.ts'
import { type EndpointIdentity, formatSpiffeId } from '../core/model/spiffe-id.ts'
import type { Ms } from '../core/model/time.ts'

/** Remembers session tickets that were checked, so that a signature is verified once and not for each stream. */
export interface TicketCache {
  /** @throws MeshError `bad-ticket` */
  check(ticket: string, from: EndpointIdentity, service: ServiceName, now: Ms): void
}

/** @param checkFully  verifies signature, dialler, service and time; gives the end of the ticket */
export function createTicketCache(
  checkFully: (ticket: string, dialler: string, service: ServiceName) => { expiresAtMs: number },
): TicketCache {
  const known = new Map<string, { dialler: string; service: ServiceName; expiresAtMs: number }>()
  return {
    check(ticket, from, service, now) {
      const dialler = formatSpiffeId(from)
      const seen = known.get(ticket)
      if (seen !== undefined && seen.expiresAtMs > now) {
        if (seen.dialler === dialler && seen.service === service) return
        throw new MeshError(
          'bad-ticket',
          `Cannot open stream to "${service}": the session ticket is for another`,
        )
      }
      const { expiresAtMs } = checkFully(ticket, dialler, service)
      if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value as string)
      known.set(ticket, { dialler, service, expiresAtMs })
    },
  }
}

/** Tickets remembered; each is about 3 KB. */
const MAX_KNOWN = 2_000
