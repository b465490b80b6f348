/**
 * How many columns of a terminal a text takes: wide characters (Chinese, Japanese, Korean, most emoji) take two,
 * combining ones none.
 *
 * @see Unicode Standard Annex 11, East Asian Width: W and F
 */
export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  let width = 0
  for (const { segment } of SEGMENTER().segment(text)) width += clusterWidth(segment)
  return width
}

/** A text with blanks after it, up to a width; longer ones stay as they are. */
export function padTo(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)))
}

/**
 * A text from elsewhere, safe to print on one line: what would move the cursor, change colours, reorder or hide text
 * is written as `\u{…}`.
 */
export function visible(text: string): string {
  return text.replace(UNPRINTABLE, character => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

/** A cluster is drawn as one: its first character decides, or a mark that makes an emoji of it. */
function clusterWidth(cluster: string): number {
  if (/^[\p{M}\p{Cc}\p{Cf}]+$/u.test(cluster)) return 0
  if (/\p{Emoji_Presentation}|\ufe0f/u.test(cluster)) return 2
  const code = cluster.codePointAt(0) ?? 0
  return WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1
}

// Made when first needed: most tables are ASCII.
const SEGMENTER = () => new Intl.Segmenter('en', { granularity: 'grapheme' })

// Control, format (direction marks, joiners), surrogate, private, unassigned; line and paragraph separators.
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu

const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f], // Hangul Jamo
  [0x2e80, 0x303e], // CJK radicals and punctuation
  [0x3041, 0x33ff], // Hiragana to CJK compatibility
  [0x3400, 0x4dbf], // CJK extension A
  [0x4e00, 0x9fff], // CJK
  [0xa000, 0xa4cf], // Yi
  [0xa960, 0xa97f], // Hangul Jamo extended A
  [0xac00, 0xd7a3], // Hangul syllables
  [0xf900, 0xfaff], // CJK compatibility ideographs
  [0xfe30, 0xfe6f], // CJK compatibility forms
  [0xff00, 0xff60], // full-width forms
  [0xffe0, 0xffe6], // full-width signs
  [0x1b000, 0x1b2ff], // Kana supplement
  [0x20000, 0x3fffd], // CJK extensions B and on
]
