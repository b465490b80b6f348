/** What the terminals of one mesh may hold at an endpoint; see docs/limits.md. */
export interface TerminalLimits {
  /** Programs that run at one time, those without a client included. */
  readonly maxSessions: number
  readonly maxSessionsPerUser: number
  /** Clients that look at one session. */
  readonly maxViewers: number
  /** Invitations at one time. */
  readonly maxShares: number
  /** TCP connections from here for one user. */
  readonly maxForwardsPerUser: number
  /** Output that is kept for a client that comes back. */
  readonly keptBytes: number
  /** A client must have said what it wants within this time. */
  readonly helloTimeoutMs: number
  /** A session that nobody is attached to ends. */
  readonly detachedMs: number
  /** One that ended while nobody looked tells how, to who comes within this time. */
  readonly endedMs: number
  readonly connectTimeoutMs: number
  /** Sessions that are remembered. */
  readonly maxHistory: number
  /** One recording; the session ends with it. */
  readonly maxRecordingBytes: number
  /** All of them; the oldest go. */
  readonly maxRecordedBytes: number
  readonly maxRecordings: number
  readonly logIntervalMs: number
}

/** The limits an agent starts with. */
export const TERMINAL_LIMITS: TerminalLimits = {
  maxSessions: 256,
  maxSessionsPerUser: 64,
  maxViewers: 32,
  maxShares: 256,
  maxForwardsPerUser: 256,
  keptBytes: 262_144,
  helloTimeoutMs: 10_000,
  detachedMs: 86_400_000,
  endedMs: 600_000,
  connectTimeoutMs: 10_000,
  maxHistory: 500,
  maxRecordingBytes: 268_435_456,
  maxRecordedBytes: 4_294_967_296,
  maxRecordings: 1_000,
  logIntervalMs: 10_000,
}
