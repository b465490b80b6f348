/** What the terminals of one mesh may hold at an endpoint; see docs/limits.md. */
export interface TerminalLimits {
  /** Programs that run at one time, those without a client included. */
  readonly maxSessions: number
  readonly maxSessionsPerUser: number
  /** Output that is kept for a client that comes back. */
  readonly keptBytes: number
  /** A client must have said what it wants within this time. */
  readonly helloTimeoutMs: number
  /** A session that nobody is attached to ends. */
  readonly detachedMs: number
  readonly logIntervalMs: number
}

/** The limits an agent starts with. */
export const TERMINAL_LIMITS: TerminalLimits = {
  maxSessions: 256,
  maxSessionsPerUser: 64,
  keptBytes: 262_144,
  helloTimeoutMs: 10_000,
  detachedMs: 86_400_000,
  logIntervalMs: 10_000,
}
