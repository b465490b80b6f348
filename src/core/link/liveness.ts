import { type Ms, ms } from '../model/time.ts'

/** How soon a connection is believed to be dead. All in ms. */
export interface LivenessTimes {
  /** From one ping to the next where nothing else asks for one. */
  readonly intervalMs: number
  /** No answer to such a ping within this time: the connection is dead. */
  readonly timeoutMs: number
  /** Something was under way and nothing came for this long: it is pinged. */
  readonly quietMs: number
  /** Nothing came for this long after such a ping: the connection is dead, unless its round trips are long. */
  readonly patienceMs: number
}

/** What the edge counted at a connection so far. */
export interface LivenessCounts {
  /** Bytes that came and went, pings and their answers not counted. */
  readonly receivedBytes: number
  readonly sentBytes: number
}

/** What must now be done: `ping` it; `doubt`: ping it because it is suspicious; end it as it is `dead`. */
export type LivenessVerdict = 'ping' | 'doubt' | 'dead' | undefined

/**
 * The mind of whoever watches a connection: whether it is still alive. Pure: the edge looks at it every `LOOK_MS`, sends the pings and
 * measures.
 *
 * An idle connection is pinged now and then. One that was busy and fell silent is pinged soon, once for each time that it does, as is
 * one of which something else says that it may be dead (`doubt`). Whatever comes shows that it lives. Time in which nobody looked does
 * not count: this process did not run, and could not have heard an answer.
 */
export interface Liveness {
  /** Look at it. @param now  of a clock that never goes back */
  look(counts: LivenessCounts, now: Ms): LivenessVerdict
  /** It answered a ping. */
  answered(roundTripMs: number): void
  /** It may be dead: the network changed, or the computer was asleep. @returns whether to ping it */
  doubt(): boolean
}

/** Make one for a connection that was just opened. */
export function createLiveness(times: LivenessTimes, now: Ms): Liveness {
  let awakeMs = 0
  let lookedAt = now
  let received = 0
  let sent = 0
  /** When something last came, or was first sent after that. */
  let quietSinceMs = 0
  /** Something was under way when it was last looked at: if it is quiet now, that says something. */
  let isBusy = false
  let isAnswered = false
  let slowestMs: number | undefined
  /** Of a ping that is not answered: when it is too late. */
  let deadlineMs: number | undefined
  let pingAtMs = 0

  function ping(patienceMs: number): boolean {
    const isNew = deadlineMs === undefined
    deadlineMs = Math.min(deadlineMs ?? Number.POSITIVE_INFINITY, awakeMs + patienceMs)
    pingAtMs = awakeMs + times.intervalMs
    return isNew
  }

  /** Before the first answer nothing is known of how long the way is. */
  function patience(leastMs: number): number {
    if (slowestMs === undefined) return Math.max(leastMs, times.timeoutMs)
    return Math.max(leastMs, slowestMs * ROUND_TRIPS)
  }

  function note({ receivedBytes, sentBytes }: LivenessCounts): void {
    const hasCome = receivedBytes > received
    const hasGone = sentBytes > sent
    if (hasCome || isAnswered) deadlineMs = undefined
    if (hasCome || isAnswered || !isBusy) quietSinceMs = awakeMs
    isBusy = isBusy || hasCome || hasGone
    isAnswered = false
    received = Math.max(received, receivedBytes)
    sent = Math.max(sent, sentBytes)
  }

  return {
    look(counts, at) {
      awakeMs += Math.min(Math.max(at - lookedAt, 0), 2 * LOOK_MS)
      lookedAt = ms(at)
      note(counts)
      if (deadlineMs !== undefined && awakeMs >= deadlineMs) return 'dead'
      if (isBusy && awakeMs - quietSinceMs >= times.quietMs) {
        isBusy = false
        return ping(patience(times.patienceMs)) ? 'doubt' : undefined
      }
      const isDue = deadlineMs === undefined && awakeMs >= pingAtMs
      return isDue && ping(patience(times.timeoutMs)) ? 'ping' : undefined
    },
    answered(roundTripMs) {
      isAnswered = true
      // A way that was slow a moment ago may be so again.
      slowestMs = Math.max(roundTripMs, (slowestMs ?? 0) * FADING)
    },
    doubt: () => ping(patience(DOUBT_PATIENCE_MS)),
  }
}

/** How often a connection is looked at. */
export const LOOK_MS = 500
/** No answer within this time to a ping that was sent because something happened: the connection is dead. */
export const DOUBT_PATIENCE_MS = 1_500
/** As many times its longest round trip of late is waited for an answer, where that is longer. */
const ROUND_TRIPS = 3
const FADING = 0.75
