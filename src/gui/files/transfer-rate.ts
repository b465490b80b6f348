/** How fast things go, by what they have done at some moments. */
export interface RateMeter {
  /**
   * Tell how far something is.
   *
   * @param atMs  ms since any fixed point
   * @returns bytes a second over the last while; undefined while too little is known
   */
  tell(id: string, doneBytes: number, atMs: number): number | undefined
}

/** Make a meter; it remembers the last `WINDOW_MS` of each. */
export function createRateMeter(): RateMeter {
  const samples = new Map<string, { doneBytes: number; atMs: number }[]>()
  return {
    tell(id, doneBytes, atMs) {
      const known = samples.get(id) ?? []
      const last = known.at(-1)
      // What begins anew, is measured anew.
      const list = last !== undefined && doneBytes < last.doneBytes ? [] : known
      if (last === undefined || list.length === 0 || atMs - last.atMs >= SAMPLE_MS)
        list.push({ doneBytes, atMs })
      while (list.length > 2 && atMs - (list[0]?.atMs ?? atMs) > WINDOW_MS) list.shift()
      samples.set(id, list)
      const first = list[0]
      if (first === undefined || atMs - first.atMs < SAMPLE_MS) return undefined
      return ((doneBytes - first.doneBytes) * 1_000) / (atMs - first.atMs)
    },
  }
}

/** Seconds that are left; undefined if nobody knows. */
export function secondsLeft(leftBytes: number, bytesPerSecond: number | undefined): number | undefined {
  if (bytesPerSecond === undefined || bytesPerSecond <= 0) return undefined
  return Math.ceil(leftBytes / bytesPerSecond)
}

/** Seconds as people read them: `0:07`, `12:30`, `1:05:00`. */
export function formatSeconds(seconds: number): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const [hours, minutes, rest] = [
    Math.floor(seconds / 3_600),
    Math.floor(seconds / 60) % 60,
    Math.floor(seconds % 60),
  ]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`
}

/**
 * How large the next piece of an upload is: so that it takes some two seconds, is far within the time for a request, and shows how far it is.
 *
 * @param lastBytes  of the piece before; 0 if there was none
 * @param tookMs     how long that took
 */
export function nextPieceBytes(lastBytes: number, tookMs: number): number {
  if (lastBytes === 0) return MIN_PIECE_BYTES
  const wanted = (lastBytes * PIECE_MS) / Math.max(1, tookMs)
  // It doubles at most: one quick piece says little.
  const bounded = Math.min(wanted, lastBytes * 2, MAX_PIECE_BYTES)
  return Math.max(MIN_PIECE_BYTES, Math.floor(bounded / MIN_PIECE_BYTES) * MIN_PIECE_BYTES)
}

const SAMPLE_MS = 500
const WINDOW_MS = 8_000
const PIECE_MS = 2_000
const MIN_PIECE_BYTES = 1_048_576
const MAX_PIECE_BYTES = 16_777_216
