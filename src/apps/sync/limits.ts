/** What copies and mirrors of one mesh may hold at an endpoint; see docs/limits.md. */
export interface SyncLimits {
  /** Trees that other endpoints have open here. */
  readonly maxTrees: number
  readonly maxTreesPerUser: number
  /** Copies of this computer's user that run. */
  readonly maxCopies: number
  /** Whoever opens a stream must have said what it wants within this time. */
  readonly helloTimeoutMs: number
  readonly logIntervalMs: number
}

/** The limits an agent starts with. */
export const SYNC_LIMITS: SyncLimits = {
  maxTrees: 64,
  maxTreesPerUser: 16,
  maxCopies: 16,
  helloTimeoutMs: 10_000,
  logIntervalMs: 10_000,
}
