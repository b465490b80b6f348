/**
 * The word of a list that somebody most likely meant.
 *
 * @returns undefined where none is near: more than a third of its letters would have to change, or more than two
 */
export function nearestWord(typed: string, words: readonly string[]): string | undefined {
  if (typed.length > MAX_LENGTH) return undefined
  let best: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const word of words) {
    const distance = distanceOf(typed.toLowerCase(), word)
    if (distance < least && distance <= Math.min(2, Math.floor(word.length / 3))) {
      best = word
      least = distance
    }
  }
  return best
}

/** How many letters must be changed, put in, left out or swapped with the next: Damerau's distance, neighbours only. */
function distanceOf(from: string, to: string): number {
  let before: number[] = []
  let row = Array.from({ length: to.length + 1 }, (_, at) => at)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const isSame = from[i - 1] === to[j - 1]
      let least = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (isSame ? 0 : 1))
      const isSwapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      if (isSwapped) least = Math.min(least, (before[j - 2] ?? 0) + 1)
      next.push(least)
    }
    before = row
    row = next
  }
  return row[to.length] ?? 0
}

// No word of ours is as long.
const MAX_LENGTH = 64
