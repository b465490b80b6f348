import type { Address } from './address.ts'

/** One introduction of two agents: 16 hex digits that both derive from its ticket. */
export type IntroductionId = string & { readonly __id: 'introduction' }

/** Which of the two an agent is: the one that wants a session, or the one that is wanted. */
export type ProbeSide = 'dial' | 'accept'

/**
 * A datagram by which two agents that were introduced find a way through their NATs.
 *
 * A `ping` asks whether the other hears us, a `pong` says so and from where it was heard. `nominate` is the dialling
 * side's ping that settles the pair of addresses; a pong to it agrees.
 */
export type Probe = {
  /** Of the sender, so that nobody can send an agent its own probes. */
  readonly side: ProbeSide
  readonly introduction: IntroductionId
  /** 0 to 4,294,967,295; counted by whoever pings and never used twice; that of the ping in a pong. */
  readonly transaction: number
} & (
  | { readonly kind: 'ping' | 'nominate' }
  /** `seen` is the address from which the ping came. */
  | { readonly kind: 'pong'; readonly seen: Address }
)
