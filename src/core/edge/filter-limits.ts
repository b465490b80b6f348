/** What one filter of a caller may cost. Reaching one is INVALID_FILTER. */
export const FILTER_LIMITS = {
  /** UTF-16 units of its text. */
  maxLength: 16_384,
  /** Parentheses, `not` and sub-queries inside each other. */
  maxDepth: 32,
  /** Comparisons, constants and values of lists, together. */
  maxTerms: 1_000,
  /** Fields to sort by. */
  maxSortFields: 8,
  /** Comparisons made in the life of one query, items of sets included: some 0.2 s of one core. */
  maxSteps: 5_000_000,
} as const

/** Entities on a page when nobody says how many. */
export const DEFAULT_PAGE_COUNT = 10

/** Entities on a page at most; also what `limit none` means. */
export const MAX_PAGE_COUNT = 500
