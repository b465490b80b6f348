/** What one mesh's proxy may hold; see docs/limits.md. */
export interface ProxyLimits {
  /** Connections of clients at one time. */
  readonly maxConnections: number
  /** Connections that others make through this exit at one time. */
  readonly maxExitConnections: number
  readonly maxExitConnectionsPerUser: number
  /** A client must have said what it wants within this time. */
  readonly helloTimeoutMs: number
  /** An exit must have connected within this time. */
  readonly connectTimeoutMs: number
  /** Addresses that one UDP association may talk to at one time; the one that was quiet longest makes room. */
  readonly maxFlowsPerAssociation: number
  /** Sockets of all associations of an exit together; what would need another is lost. */
  readonly maxExitFlows: number
  /** A UDP flow without a datagram ends. */
  readonly flowIdleMs: number
  /** One kind of failure is logged at most once in this time. */
  readonly logIntervalMs: number
}

/** The limits an agent starts with. */
export const PROXY_LIMITS: ProxyLimits = {
  maxConnections: 4_096,
  maxExitConnections: 4_096,
  maxExitConnectionsPerUser: 1_024,
  helloTimeoutMs: 10_000,
  connectTimeoutMs: 15_000,
  maxFlowsPerAssociation: 256,
  maxExitFlows: 2_048,
  flowIdleMs: 120_000,
  logIntervalMs: 10_000,
}
