import type { ServerOptions } from 'node:http'

/** Times and sizes of the servers that speak HTTP/1.1 to this computer; see docs/limits.md, "Local API". */
export const HTTP1_OPTIONS = {
  maxHeaderSize: 16_384,
  /** The headers must have come within this time of the connection, or of the last answer. */
  headersTimeout: 10_000,
  /** The whole request must have come within this time; how long the answer takes is not limited. */
  requestTimeout: 30_000,
  /** An idle connection is kept for another request this long. */
  keepAliveTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
} as const satisfies ServerOptions

/** Connections such a server has at once; further ones are closed. */
export const MAX_HTTP1_CONNECTIONS = 256
