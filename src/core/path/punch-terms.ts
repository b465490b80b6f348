import type { Address } from '../model/address.ts'
import { type Candidate, isIpv6Address } from './candidate.ts'
import type { NatKind } from './nat-kind.ts'
import { PUNCH_LIMITS } from './punch-limits.ts'

/** What the hub tells of the two when it introduces them. */
export interface PunchTerms {
  /** Where the peer may be reached: `readCandidates`. */
  readonly candidates: readonly Candidate[]
  /** NATs of IPv4, ours and the peer's. */
  readonly ownNat: NatKind
  readonly peerNat: NatKind
}

/** Why no hole could be punched. */
export type PunchFailure = 'no-candidates' | 'udp-blocked' | 'both-symmetric' | 'no-answer'

/** What an attempt can do under some terms. */
export interface PunchPlan {
  /** Candidates that may work: public IPv4 does not where a NAT hides the port or lets nothing pass. */
  readonly useful: readonly Candidate[]
  /** The peer's outer address, where one of the two NATs, but not both, hides its port. */
  readonly searchTarget: Address | undefined
  /** It is ours that hides it. */
  readonly isOwnHidden: boolean
  readonly lengthMs: number
  /** What to say when nothing came of it. */
  readonly failure: PunchFailure
}

/** Work out what can be tried. */
export function planPunch({ candidates, ownNat, peerNat }: PunchTerms): PunchPlan {
  const isBlocked = ownNat === 'blocked' || peerNat === 'blocked'
  const areBothSymmetric = ownNat === 'symmetric' && peerNat === 'symmetric'
  const isOneSymmetric = (ownNat === 'symmetric') !== (peerNat === 'symmetric')
  const isOuter = ({ kind, address }: Candidate) => kind === 'public' && !isIpv6Address(address)
  const useful = candidates.filter(one => !(isBlocked || areBothSymmetric) || !isOuter(one))
  const searchTarget = isOneSymmetric ? useful.find(isOuter)?.address : undefined
  return {
    useful,
    searchTarget,
    isOwnHidden: ownNat === 'symmetric',
    lengthMs: lengthOf(useful, searchTarget),
    failure: failure(),
  }

  function failure(): PunchFailure {
    if (isBlocked) return 'udp-blocked'
    if (areBothSymmetric) return 'both-symmetric'
    return candidates.length === 0 ? 'no-candidates' : 'no-answer'
  }
}

function lengthOf(useful: readonly Candidate[], searchTarget: Address | undefined): number {
  if (searchTarget !== undefined) return PUNCH_LIMITS.searchAttemptMs
  const isLocal = useful.every(({ kind }) => kind === 'host')
  return isLocal ? PUNCH_LIMITS.localAttemptMs : PUNCH_LIMITS.attemptMs
}
