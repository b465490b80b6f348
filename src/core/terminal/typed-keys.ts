import { letterWidth } from './letter-width.ts'

/** A key that was typed: what of it may be foreseen, and `other` for all else. */
export type TypedKey =
  | { readonly is: 'letter'; readonly text: string }
  | { readonly is: 'backspace' | 'left' | 'right' | 'other' }

/**
 * Tell apart what was typed at once. What begins like an order and is none that is known is `other` as a whole: the rest of it is no
 * typed letter.
 */
export function readTypedKeys(text: string): TypedKey[] {
  const keys: TypedKey[] = []
  let rest = text
  while (rest !== '') {
    const arrow = /^\x1b[[O]([CD])/.exec(rest)
    const letter = String.fromCodePoint(rest.codePointAt(0) ?? 0)
    if (arrow !== null) keys.push({ is: arrow[1] === 'C' ? 'right' : 'left' })
    else if (letter === '\x1b') return [...keys, { is: 'other' }]
    else if (letter === '\x7f' || letter === '\b') keys.push({ is: 'backspace' })
    else if (letterWidth(letter.codePointAt(0) ?? 0) === 1 && letter >= ' ') {
      keys.push({ is: 'letter', text: letter })
    } else keys.push({ is: 'other' })
    rest = rest.slice((arrow?.[0] ?? letter).length)
  }
  return keys
}
