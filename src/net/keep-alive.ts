import type { ClientHttp2Session } from 'node:http2'

/** How a connection is known to be alive. */
export interface KeepAliveTimes {
  readonly intervalMs: number
  /** No answer to a ping within this time: the connection is dead. */
  readonly timeoutMs: number
}

/** The times between our own parts; a dead peer is noticed within 15 s. */
export const KEEP_ALIVE: KeepAliveTimes = { intervalMs: 10_000, timeoutMs: 5_000 }

/** The accepting side hears a ping at least this often, or the dialling side is gone. */
export const SILENCE_MS = 40_000

/**
 * Ping a session until it closes; break it when an answer stays away.
 *
 * @param onRoundTrip  each measured round trip, ms
 */
export function keepAlive(
  session: ClientHttp2Session,
  onRoundTrip: (roundTripMs: number) => void,
  times: KeepAliveTimes = KEEP_ALIVE,
): void {
  const ping = () => {
    if (session.closed || session.destroyed) return
    const late = setTimeout(() => session.destroy(), times.timeoutMs)
    const isSent = session.ping((error, roundTripMs) => {
      clearTimeout(late)
      if (error === null) onRoundTrip(roundTripMs)
    })
    if (!isSent) clearTimeout(late)
  }
  const interval = setInterval(ping, times.intervalMs)
  session.once('close', () => clearInterval(interval))
  ping()
}
