/** Which counters of datagrams came already. */
export interface ReplayWindow {
  /** Not seen before, and not too old to say. @param counter  0 to 2^53 - 1, else it is not new */
  isNew(counter: number): boolean
  /** It came, and is who it says. */
  add(counter: number): void
}

/**
 * Remember the newest counter and which of the 1,024 up to it came. What is older than that counts as seen, so it costs
 * 128 bytes whatever comes.
 *
 * @see RFC 6479
 */
export function createReplayWindow(): ReplayWindow {
  const words = new Uint32Array(REPLAY_WINDOW_COUNT / 32)
  let newest = -1
  const wordOf = (counter: number) => Math.floor(counter / 32) % words.length
  const bitOf = (counter: number) => 2 ** (counter % 32)
  return {
    isNew(counter) {
      if (!Number.isSafeInteger(counter) || counter < 0) return false
      if (counter > newest) return true
      // A word is given to newer counters as a whole.
      const oldestWord = Math.floor(newest / 32) - words.length + 1
      if (Math.floor(counter / 32) < oldestWord) return false
      return ((words[wordOf(counter)] ?? 0) & bitOf(counter)) === 0
    },
    add(counter) {
      const [from, to] = [Math.floor(newest / 32), Math.floor(counter / 32)]
      const skipped = Math.min(Math.max(0, to - from), words.length)
      for (let i = 0; i < skipped; i++) words[(to - i) % words.length] = 0
      words[wordOf(counter)] = (words[wordOf(counter)] ?? 0) | bitOf(counter)
      newest = Math.max(newest, counter)
    },
  }
}

/** Counters that are remembered: datagrams that overtake each other by more are dropped. */
const REPLAY_WINDOW_COUNT = 1_024
