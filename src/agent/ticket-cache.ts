import { MeshError } from '../core/model/errors.ts'
import type { Name, ServiceName } from '../core/model/names.ts'
import { type EndpointIdentity, formatSpiffeId } from '../core/model/spiffe-id.ts'
import type { Ms } from '../core/model/time.ts'

/** What the hosting side needs to know of a good ticket. */
export interface KnownTicket {
  readonly expiresAtMs: number
  /** Service policies let the dialler in. */
  readonly isByPolicy: boolean
  /** Groups of the dialler's user. */
  readonly groups: readonly Name[]
  /** The ticket's own id. */
  readonly id: string
  /** By the hub's clock. */
  readonly issuedAtMs: number
  /** How often open streams are reported; absent where they are not metered. */
  readonly reportEveryMs?: number
}

/** Remembers session tickets that were checked, so that a signature is verified once and not for each stream. */
export interface TicketCache {
  /** @throws MeshError `bad-ticket` */
  check(ticket: string, from: EndpointIdentity, service: ServiceName, now: Ms): KnownTicket
}

interface CheckedTicket extends KnownTicket {
  readonly ticket: string
  readonly dialler: string
  readonly service: ServiceName
}

/** @param checkFully  verifies signature, dialler, service and time; gives the end of the ticket */
export function createTicketCache(
  checkFully: (ticket: string, dialler: string, service: ServiceName) => KnownTicket,
): TicketCache {
  const known = new Map<string, CheckedTicket>()
  // To look a ticket up its 3 KB are hashed, for each stream anew: they come as another string each time.
  const latest = new WeakMap<EndpointIdentity, CheckedTicket>()
  return {
    check(ticket, from, service, now) {
      const last = latest.get(from)
      if (last?.ticket === ticket && last.service === service && last.expiresAtMs > now) return last
      const dialler = formatSpiffeId(from)
      const seen = known.get(ticket)
      if (seen !== undefined && seen.expiresAtMs > now) {
        if (seen.dialler === dialler && seen.service === service) {
          latest.set(from, seen)
          return seen
        }
        throw new MeshError(
          'bad-ticket',
          `Cannot open stream to "${service}": the session ticket is for another`,
        )
      }
      const checked = { ...checkFully(ticket, dialler, service), ticket, dialler, service }
      if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value as string)
      known.set(ticket, checked)
      latest.set(from, checked)
      return checked
    },
  }
}

/** Tickets remembered; each is about 3 KB. */
const MAX_KNOWN = 2_000
