import type { Settings } from 'node:http2'

/**
 * Bytes a stream may have in flight or unread. It bounds what a target that never reads costs the receiving agent,
 * and the speed of one stream: 3 MiB fill 240 Mbit/s at 100 ms.
 */
export const STREAM_WINDOW_BYTES = 3 * 1_048_576

/**
 * Bytes all streams of a connection may have in flight. Node gives connection credit back as bytes arrive, whether
 * or not a stream is read, so a slow reader stalls only itself.
 */
export const CONNECTION_WINDOW_BYTES = 64 * 1_048_576

/** Streams a peer may have open at once on one connection. */
export const MAX_STREAMS = 10_000

/** What each side announces. Large frames: fewer headers and fewer calls per byte. */
export const HTTP2_SETTINGS: Settings = {
  initialWindowSize: STREAM_WINDOW_BYTES,
  maxFrameSize: 65_536,
  maxConcurrentStreams: MAX_STREAMS,
  maxHeaderListSize: 16_384,
  enablePush: false,
}

/** What a server announces to whoever has not proved to be a member, a permit's key included: enough to join. */
export const STRANGER_SETTINGS: Settings = {
  ...HTTP2_SETTINGS,
  initialWindowSize: 65_535,
  maxFrameSize: 16_384,
  maxConcurrentStreams: 8,
}

/** Streams a stranger may open one after another; then its session ends. */
export const MAX_STRANGER_STREAMS = 64

/** Options of both servers and clients; memory in MB, see docs/limits.md. */
export const HTTP2_LIMITS = {
  maxSessionMemory: 256,
  maxOutstandingPings: 4,
  maxOutstandingSettings: 4,
  maxSendHeaderBlockLength: 32_768,
  maxSettings: 16,
  maxHeaderListPairs: 64,
  // A stream over `maxConcurrentStreams` counts here: a client that has not yet read our settings may open 100.
  maxSessionInvalidFrames: 128,
  maxSessionRejectedStreams: 100,
} as const

/** How many streams a member may have and reset. */
export interface StreamLimits {
  /** Open at once. */
  readonly maxStreams: number
  /** Resets that may come together; more end the session. */
  readonly resetBurst: number
  /** How fast the right to reset comes back. */
  readonly resetsPerSecond: number
}

/**
 * Of a session between agents. Breaking off is usual there: each connection through a tunnel that is reset resets its
 * stream, and all streams of a session may go at once.
 */
export const SESSION_STREAMS: StreamLimits = {
  maxStreams: MAX_STREAMS,
  resetBurst: MAX_STREAMS,
  resetsPerSecond: 1_000,
}

/** Of a link: requests, and relays for networks that let nothing else pass. */
export const LINK_STREAMS: StreamLimits = { maxStreams: 2_048, resetBurst: 1_000, resetsPerSecond: 100 }
