import type { Ms } from '../model/time.ts'
import type { LivenessCounts } from './liveness.ts'

/** How soon a connection counts as silent. All in ms. */
export interface SilenceTimes {
  /** Something was under way and nothing came for this long: it is pinged. */
  readonly quietMs: number
  /** One over which nothing is under way is pinged this often. */
  readonly intervalMs: number
  /** No answer within this time, or three round trips: it is silent. */
  readonly patienceMs: number
}

/**
 * Tells of a connection that it is silent: sooner than it can be said that it is dead, for whoever can do something that is worth doing
 * also in vain, as opening another one beside it. Pure: the edge looks every `SILENCE_LOOK_MS`, sends the pings and measures. Time in
 * which nobody looked does not count.
 */
export interface Silence {
  /** Look. @returns to send a ping, or that it is silent, which is said once until something comes */
  look(counts: LivenessCounts, now: Ms): 'ping' | 'silent' | undefined
  answered(roundTripMs: number): void
  /** Nothing has come since it was said. */
  readonly isSilent: boolean
}

/** Make one for a connection that was just opened. */
export function createSilence(times: SilenceTimes, now: Ms): Silence {
  let lookedAt = now
  let awakeMs = 0
  let heardMs = 0
  let pingedMs: number | undefined
  let lastPingMs = 0
  let [received, sent] = [0, 0]
  let isBusy = false
  let isSilent = false
  let slowestMs: number | undefined

  function heard(): void {
    heardMs = awakeMs
    pingedMs = undefined
    isSilent = false
  }

  function patienceMs(): number {
    // Before the first answer nothing is known of how long the way is.
    return Math.max(times.patienceMs, (slowestMs ?? times.patienceMs) * ROUND_TRIPS)
  }

  return {
    get isSilent() {
      return isSilent
    },
    look({ receivedBytes, sentBytes }, at) {
      awakeMs += Math.min(Math.max(at - lookedAt, 0), 2 * SILENCE_LOOK_MS)
      lookedAt = at
      if (receivedBytes > received || sentBytes > sent) {
        // From the first byte on, not from the last that came before it.
        if (!isBusy) heardMs = Math.max(heardMs, awakeMs - SILENCE_LOOK_MS)
        isBusy = true
      }
      if (receivedBytes > received) heard()
      received = Math.max(received, receivedBytes)
      sent = Math.max(sent, sentBytes)
      if (pingedMs !== undefined) {
        if (isSilent || awakeMs - pingedMs < patienceMs()) return undefined
        isSilent = true
        return 'silent'
      }
      const isQuiet = isBusy && awakeMs - heardMs >= times.quietMs
      if (!isQuiet && awakeMs - lastPingMs < times.intervalMs) return undefined
      if (isQuiet) isBusy = false
      pingedMs = awakeMs
      lastPingMs = awakeMs
      return 'ping'
    },
    answered(roundTripMs) {
      slowestMs = Math.max(roundTripMs, (slowestMs ?? 0) * FADING)
      heard()
    },
  }
}

/** How often a connection is looked at that may have to be replaced. */
export const SILENCE_LOOK_MS = 200
const ROUND_TRIPS = 3
const FADING = 0.75
