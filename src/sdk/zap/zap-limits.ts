/** What an item of a stream costs beside its bytes: so that empty ones are counted too. */
export const ITEM_COST_BYTES = 64

/** Limits of calls on one connection. docs/limits.md, "ZAP", has the reasons. */
export const ZAP_CALL_LIMITS = {
  /** Calls of one connection under way; at the server also those that were cancelled and have not noticed. */
  maxCalls: 1_024,
  /** At a server: params of calls under way, bytes. A connection holds no more; further calls are refused. */
  maxParamsBytes: 134_217_728,
  /** At a client: what a stream's items may cost before the program took them. */
  windowBytes: 262_144,
  /** At a client: what the items of all streams may cost before the program took them. */
  maxWaitingBytes: 67_108_864,
}

/** The same, as given by a program. */
export type ZapCallLimits = typeof ZAP_CALL_LIMITS
