/** A command line taken apart as a shell does, the last word maybe unfinished. */
export interface ShellLine {
  readonly words: readonly string[]
  /** The quote that is still open in the last word. */
  readonly openQuote: '"' | "'" | undefined
}

/** Split a line at blanks, minding quotes and backslashes; the last word is empty after a blank. */
export function splitLine(line: string): ShellLine {
  const words: string[] = []
  // Undefined between words: quotes without anything in them are a word too.
  let word: string | undefined
  let openQuote: '"' | "'" | undefined
  for (let i = 0; i < line.length; i += 1) {
    const character = line.charAt(i)
    if (openQuote !== undefined) {
      if (character === openQuote) openQuote = undefined
      else if (character === '\\' && openQuote === '"' && /["\\$`]/.test(line.charAt(i + 1)))
        word += line.charAt(++i)
      else word += character
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else {
      word ??= ''
      if (character === '"' || character === "'") openQuote = character
      else word += character === '\\' ? line.charAt(++i) : character
    }
  }
  return { words: [...words, word ?? ''], openQuote }
}

/** A word as it must be typed outside quotes. */
export function escapeWord(word: string): string {
  return word.replace(/[^\p{L}\p{N}_./:=@%+,-]/gu, character => `\\${character}`)
}
