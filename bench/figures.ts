/** The middle of the values; of an even count the mean of the middle two. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const high = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const low = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
  return (low + high) / 2
}

/**
 * The smallest value that at least `share` of the values do not exceed (nearest rank). NaN of none.
 *
 * @param share  0 to 1; 0.99 for p99
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const rank = Math.max(1, Math.ceil(share * sorted.length))
  return sorted[rank - 1] ?? Number.NaN
}

/**
 * How evenly something is shared (Jain's index): 1 where all have the same, 1/n where one of n has it all. NaN of none, and where
 * nobody has anything.
 */
export function jainIndex(shares: readonly number[]): number {
  const sum = shares.reduce((total, each) => total + each, 0)
  const squares = shares.reduce((total, each) => total + each ** 2, 0)
  return sum ** 2 / (shares.length * squares)
}

/** One figure, taken in one round. */
export interface Sample {
  readonly contestant: string
  /** From 1. */
  readonly round: number
  /** Key of `MEASURES` or of `ROLE_MEASURES`. */
  readonly measure: string
  /** Which process of the contestant, if the figure is of one. */
  readonly role?: string
  readonly value: number
}

/** Of the samples, the values in the order of rounds. */
export function valuesOf(samples: readonly Sample[], wanted: Omit<Sample, 'round' | 'value'>): number[] {
  return samples
    .filter(
      sample =>
        sample.contestant === wanted.contestant &&
        sample.measure === wanted.measure &&
        sample.role === wanted.role,
    )
    .toSorted((a, b) => a.round - b.round)
    .map(({ value }) => value)
}

/**
 * The median of `one / other`, taken round by round: what disturbed a whole round drops out of it.
 * Rounds that only one of them has are left out; NaN if there is none.
 */
export function pairedRatio(
  samples: readonly Sample[],
  measure: string,
  pair: { readonly one: string; readonly other: string },
): number {
  const ratios = samples
    .filter(sample => sample.contestant === pair.one && sample.measure === measure)
    .flatMap(({ round, value }) => {
      const rival = samples.find(
        sample => sample.contestant === pair.other && sample.measure === measure && sample.round === round,
      )
      return rival === undefined || rival.value === 0 ? [] : [value / rival.value]
    })
  return median(ratios)
}
