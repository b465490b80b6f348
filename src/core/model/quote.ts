/**
 * A value that came from outside, for the message of an error: safe to print and short.
 *
 * Text is quoted, cut to `maxLength`, and what could move the cursor, hide or reorder text on a screen is written as
 * `\u{…}`. Of other values only the kind is told, as they may be anything: huge, circular, with a `toJSON` of its own.
 *
 * @param maxLength  UTF-16 units of the text that are shown
 */
export function quote(value: unknown, maxLength = 80): string {
  switch (typeof value) {
    case 'string': {
      const shown = value.length <= maxLength ? value : value.slice(0, maxLength).toWellFormed()
      const quoted = JSON.stringify(shown).replace(UNPRINTABLE, escapeCharacter)
      return value.length <= maxLength ? quoted : `${quoted.slice(0, -1)}…"`
    }
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'a list' : 'an object'
    case 'function':
    case 'symbol':
      return `a ${typeof value}`
    default:
      return String(value)
  }
}

/**
 * Text of a peer's for a screen or a log: what could move the cursor, hide or reorder text becomes U+FFFD.
 *
 * @param maxLength  UTF-16 units that are kept
 */
export function printable(text: string, maxLength: number): string {
  return text.slice(0, maxLength).toWellFormed().replace(UNPRINTABLE, '\ufffd')
}

function escapeCharacter(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16)}}`
}

// Control (C0 and C1, where terminals take their commands), format, private use, unassigned; line and paragraph ends.
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu
