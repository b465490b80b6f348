import type { Candidates } from '../core/api/shapes.ts'
import type { EndpointId } from '../core/model/ids.ts'
import { usableOffers } from '../core/path/offer-rule.ts'

/** Where endpoints may be reached without a hub, while their links are open. */
export interface CandidateBook {
  offer(endpoint: EndpointId, candidates: Candidates): void
  /** What `to` may be told of `of`: nothing that would aim it at a third party. */
  show(of: EndpointId, to: EndpointId): Candidates
  forget(endpoint: EndpointId): void
}

/**
 * Make an empty book.
 *
 * @param seen  the IP addresses from which an endpoint was seen to come
 */
export function createCandidateBook(seen: (endpoint: EndpointId) => readonly string[]): CandidateBook {
  const offers = new Map<EndpointId, Candidates>()
  return {
    offer: (endpoint, candidates) => {
      offers.set(endpoint, candidates)
    },
    show(of, to) {
      const offer = offers.get(of) ?? NOTHING
      const facts = { seen: seen(of), seenOther: seen(to) }
      const usable = (texts: readonly string[]) => usableOffers(texts, facts)
      return { ...offer, tcp: usable(offer.tcp), udp: usable(offer.udp) }
    },
    forget: endpoint => {
      offers.delete(endpoint)
    },
  }
}

const NOTHING: Candidates = { tcp: [], udp: [], nat: 'unknown' }
