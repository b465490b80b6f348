/**
 * How many columns a character takes: as all terminals have it, or `unsure` where they differ by their age and settings.
 *
 * @param code  a code point that is no control character
 * @see Unicode Standard Annex 11
 */
export function letterWidth(code: number): 1 | 2 | 'none' | 'unsure' {
  if (code < 0x7f) return 1
  for (const [first, last, width] of WIDTHS) if (code >= first && code <= last) return width
  return 'unsure'
}

const WIDTHS: readonly (readonly [number, number, 1 | 2 | 'none'])[] = [
  [0xa0, 0xac, 1],
  [0xae, 0x24f, 1], // Latin
  [0x300, 0x36f, 'none'], // Combining marks
  [0x391, 0x3a1, 1], // Greek
  [0x3a3, 0x3c9, 1],
  [0x401, 0x45f, 1], // Cyrillic
  [0x3041, 0x3096, 2], // Hiragana
  [0x30a1, 0x30fa, 2], // Katakana
  [0x4e00, 0x9fa5, 2], // Chinese
  [0xac00, 0xd7a3, 2], // Hangul
  [0xff01, 0xff5e, 2], // Full-width forms
]
