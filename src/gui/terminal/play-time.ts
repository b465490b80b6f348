import type { CastEvent } from '../../core/codec/read-asciicast.ts'

/** A recording as it is played: long waits are cut short, and every event has its moment in that. */
export interface PlayTime {
  /** How long it takes, at its own speed. */
  readonly durationMs: number
  /**
   * What happens after one moment up to another.
   *
   * @param from  ms; events at it are left out, but for those of the beginning if it is negative
   */
  between(from: number, to: number): readonly CastEvent[]
}

/**
 * Lay the events of a recording out on the time it takes to play.
 *
 * @param maxWaitMs  no wait between two events is longer
 */
export function layOut(events: readonly CastEvent[], maxWaitMs: number): PlayTime {
  let beforeMs = 0
  let clockMs = 0
  const moments = events.map(event => {
    clockMs += Math.min(Math.max(0, event.atMs - beforeMs), maxWaitMs)
    beforeMs = Math.max(beforeMs, event.atMs)
    return clockMs
  })
  return {
    durationMs: clockMs,
    between(from, to) {
      return events.slice(firstAfter(moments, from), firstAfter(moments, to))
    },
  }
}

/** The index of the first moment after a time. @param moments  in order */
function firstAfter(moments: readonly number[], time: number): number {
  let [low, high] = [0, moments.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((moments[middle] ?? 0) <= time) low = middle + 1
    else high = middle
  }
  return low
}

/** A place in a recording, as players show it: `1:05`, `1:00:05`. */
export function formatPlayTime(timeMs: number): string {
  const seconds = Math.floor(timeMs / 1_000)
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60]
  const tail = `${String(seconds % 60).padStart(2, '0')}`
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`
}
