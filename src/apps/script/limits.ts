/** What the scripts of one mesh may take at an endpoint; see docs/limits.md. */
export interface ScriptLimits {
  /** Scripts that run at one time. */
  readonly maxRuns: number
  readonly maxRunsPerUser: number
  /** What a script may have where its owner says nothing. */
  readonly maxMemoryMb: number
  readonly maxTimeoutMs: number
  /** A client must have sent all of it within this time. */
  readonly helloTimeoutMs: number
  /** Runs that are remembered. */
  readonly maxHistory: number
  readonly logIntervalMs: number
}

/** The limits an agent starts with. */
export const SCRIPT_LIMITS: ScriptLimits = {
  maxRuns: 32,
  maxRunsPerUser: 8,
  maxMemoryMb: 1_024,
  maxTimeoutMs: 86_400_000,
  helloTimeoutMs: 30_000,
  maxHistory: 500,
  logIntervalMs: 10_000,
}
