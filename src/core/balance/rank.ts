/** What is said of a member before any connection to it. */
export interface RankedMember {
  /** 0 to 65,535: the lower, the more of the connections. */
  readonly cost: number
  /** `required` before all others, `failed` where there is no other. */
  readonly precedence: 'required' | 'default' | 'failed'
}

/** How to choose among members of equal precedence. */
export type RankStrategy = 'smartrouting' | 'weighted' | 'random' | 'sticky'

/** What the ranks of one choice are made from. */
export interface RankOptions<M extends string> {
  /** As `smartrouting` if absent. */
  readonly strategy?: RankStrategy | undefined
  readonly memberOf: (name: M) => RankedMember
  /** The one that was taken before; first with `sticky`, unless it is a last resort. */
  readonly last?: M | undefined
  /** At least 0, below 1. */
  readonly random: () => number
}

/**
 * Numbers by which a balancer orders the members of one choice, the lowest first: precedence decides, then the strategy.
 * Members of the same number are equal: the balancer goes round them.
 *
 * @returns the number of a member, the same each time for one choice
 */
export function createRanks<M extends string>(options: RankOptions<M>): (name: M) => number {
  const { strategy = 'smartrouting', memberOf, last, random } = options
  const drawn = new Map<M, number>()
  return name => {
    const known = drawn.get(name)
    if (known !== undefined) return known
    const { cost, precedence } = memberOf(name)
    const isKept = strategy === 'sticky' && name === last && precedence !== 'failed'
    const rank = isKept ? -1 : PRECEDENCES[precedence] + within(strategy, cost, random)
    drawn.set(name, rank)
    return rank
  }
}

/** From 0 to below 1. */
function within(strategy: RankStrategy, cost: number, random: () => number): number {
  switch (strategy) {
    case 'smartrouting':
    case 'sticky':
      return cost / 65_536
    case 'random':
      return random()
    case 'weighted': {
      // Efraimidis and Spirakis, 2006: the smallest of -ln(u)/w is each member's with a probability in proportion to w.
      const key = -Math.log(1 - random()) * (cost + 1)
      return key / (1 + key)
    }
  }
}

const PRECEDENCES = { required: 0, default: 1, failed: 2 } as const
