import type { Http2Session } from 'node:http2'
import { createLiveness, type LivenessCounts, type LivenessTimes, LOOK_MS } from '../core/link/liveness.ts'
import { createSilence, SILENCE_LOOK_MS, type SilenceTimes } from '../core/link/silence.ts'
import { ms } from '../core/model/time.ts'

/** The times of a session between agents; one that is idle and dead is noticed within 15 s, one in use within 3 s. */
export const KEEP_ALIVE: LivenessTimes = {
  intervalMs: 10_000,
  timeoutMs: 5_000,
  quietMs: 1_000,
  patienceMs: 1_500,
}

/** Of a link: a hub that has so much to do that it answers late must not lose all its agents at once. */
export const LINK_KEEP_ALIVE: LivenessTimes = { ...KEEP_ALIVE, patienceMs: 5_000 }

/** Of a session at the accepting side, which is pinged by the other: only when it falls silent. */
export const ACCEPTED_KEEP_ALIVE: LivenessTimes = { ...KEEP_ALIVE, intervalMs: Number.POSITIVE_INFINITY }

/** The accepting side hears a ping at least this often, or the dialling side is gone. */
export const SILENCE_MS = 40_000

/** Of a session by a hub that another one could stand in for. */
export const SILENCE_TIMES: SilenceTimes = { quietMs: 400, intervalMs: 1_600, patienceMs: 400 }

/** What is to be kept alive, and who hears of it. */
export interface KeepAliveOptions {
  readonly times: LivenessTimes
  /** Counts the bytes in the session, before they are encrypted. */
  readonly socket: { readonly bytesRead: number; readonly bytesWritten: number }
  /** Each measured round trip, ms. */
  readonly onRoundTrip?: (roundTripMs: number) => void
  /** It was in use and fell silent: others by the same way may be dead, too. */
  readonly onDoubt?: () => void
  /** It fell silent, which is told sooner than that it is dead. Costs a look and perhaps a ping more; absent: nobody asks. */
  readonly onSilent?: () => void
}

/** A session that is watched until it closes. */
export interface KeepAlive {
  /** Something happened after which it may be dead: see soon whether it is. */
  doubt(): void
  /** Nothing has come since `onSilent`. */
  readonly isSilent: boolean
  /** Resolves when something comes again, or the session has closed; at once for one that is not silent. */
  whenHeard(): Promise<void>
}

/** Ping a session until it closes; break it when nothing comes back. */
export function keepAlive(session: Http2Session, options: KeepAliveOptions): KeepAlive {
  const { times, socket, onRoundTrip, onDoubt, onSilent } = options
  const liveness = createLiveness(times, ms(performance.now()))
  const silence = onSilent && createSilence(SILENCE_TIMES, ms(performance.now()))
  // Pings and their answers are no sign of use.
  let sentPings = 0
  let receivedPings = 0
  const waiters = new Set<() => void>()

  function tellHeard(): void {
    for (const waiter of waiters) waiter()
    waiters.clear()
  }

  function ping(): void {
    const isSent = session.ping((error, roundTripMs) => {
      if (error !== null) return
      receivedPings += 1
      liveness.answered(roundTripMs)
      silence?.answered(roundTripMs)
      onRoundTrip?.(roundTripMs)
    })
    if (isSent) sentPings += 1
  }

  function counts(): LivenessCounts {
    return {
      receivedBytes: socket.bytesRead - receivedPings * PING_BYTES,
      sentBytes: socket.bytesWritten - sentPings * PING_BYTES,
    }
  }

  function look(): void {
    if (session.destroyed) return
    const verdict = liveness.look(counts(), ms(performance.now()))
    if (verdict === 'dead') session.destroy()
    else if (verdict !== undefined) ping()
    if (verdict === 'doubt') onDoubt?.()
  }

  session.on('ping', () => {
    receivedPings += 1
    sentPings += 1
  })
  function listen(): void {
    if (session.destroyed) return
    const verdict = silence?.look(counts(), ms(performance.now()))
    if (verdict === 'ping') ping()
    else if (verdict === 'silent') onSilent?.()
    if (waiters.size > 0 && silence?.isSilent !== true) tellHeard()
  }

  const timers = [
    setInterval(look, LOOK_MS),
    ...(silence === undefined ? [] : [setInterval(listen, SILENCE_LOOK_MS)]),
  ]
  session.once('close', () => {
    for (const timer of timers) clearInterval(timer)
    tellHeard()
  })
  look()
  return {
    get isSilent() {
      return silence?.isSilent === true
    },
    async whenHeard() {
      if (silence?.isSilent === true && !session.destroyed)
        await new Promise<void>(resolve => waiters.add(resolve))
    },
    doubt() {
      if (!session.destroyed && liveness.doubt()) ping()
    },
  }
}

/** Of a PING frame and of its answer: RFC 9113, section 6.7. */
const PING_BYTES = 17
