/** What tunnels may cost. Each has its row, with its reason, in docs/limits.md, "Tunnel app". */
export interface TunnelLimits {
  /** Inbounds of one endpoint in one mesh, and outbounds. */
  readonly maxEnds: number
  /** TCP connections of one inbound, and of one outbound. */
  readonly maxConnections: number
  /** One target must have accepted a connection within this time. */
  readonly connectTimeoutMs: number
  /** All targets of one attempt together; shorter than a dial may take, so that its error arrives. */
  readonly attemptTimeoutMs: number
  /** Waits between tries to open a port, host a service, or reach a target that is down: doubled each time. */
  readonly firstRetryMs: number
  readonly longestRetryMs: number
  /** A target that nobody used for this long is tried by connecting. */
  readonly probeIntervalMs: number
  /** With more targets than this none is probed. */
  readonly maxProbedTargets: number
  /** One line of log a reason and tunnel in this time; the others are counted. */
  readonly logIntervalMs: number
  /** UDP flows of one inbound, and of one outbound. */
  readonly maxFlows: number
  /** A flow is not put out for a new one before it has been idle this long. */
  readonly minFlowIdleMs: number
  /** A flow that is no conversation ends after this long without a datagram. */
  readonly flowIdleMs: number
  /** A flow with datagrams both ways, two or more from the client, ends after this long without one. */
  readonly conversationIdleMs: number
  /** After a failed dial, datagrams of that client are dropped for this long before the next dial. */
  readonly flowRetryMs: number
  /** Datagrams of one flow that wait for its stream. */
  readonly maxQueuedBytes: number
  readonly maxQueuedCount: number
  /** Waiting datagrams of all flows of one inbound or outbound. */
  readonly maxQueuedBytesTogether: number
  /** Requests of one outbound of HTTP that are remembered. */
  readonly maxKeptRequests: number
  /** The head of a request must have come within this time, and the next within that. */
  readonly requestHeadMs: number
  readonly requestIdleMs: number
  /** Connections at once to one target of HTTP; requests over that wait. */
  readonly maxConnectionsPerTarget: number
}

/** The limits an agent starts with. */
export const TUNNEL_LIMITS: TunnelLimits = {
  maxEnds: 1_000,
  maxConnections: 10_000,
  connectTimeoutMs: 5_000,
  attemptTimeoutMs: 15_000,
  firstRetryMs: 1_000,
  longestRetryMs: 30_000,
  probeIntervalMs: 30_000,
  maxProbedTargets: 64,
  logIntervalMs: 10_000,
  maxFlows: 5_000,
  minFlowIdleMs: 1_000,
  flowIdleMs: 60_000,
  conversationIdleMs: 300_000,
  flowRetryMs: 1_000,
  maxQueuedBytes: 262_144,
  maxQueuedCount: 512,
  maxQueuedBytesTogether: 67_108_864,
  maxKeptRequests: 500,
  requestHeadMs: 15_000,
  requestIdleMs: 120_000,
  maxConnectionsPerTarget: 256,
}
