/** Makes what a stranger's program writes safe for a terminal, piece by piece. */
export type OrderFilter = (bytes: Uint8Array) => Uint8Array

/**
 * Keep what a program of somebody else writes from ordering our terminal about: lines, tabs and colours pass, as UTF-8. Every other
 * order (one that moves about, sets the title or the clipboard, or asks the terminal to type an answer) is shown as `\u{1b}`,
 * and so is what turns text round.
 *
 * @returns a function for the bytes of one stream, in order; the beginning of a colour waits for the rest of it
 * @see ECMA-48, sections 5.4 and 8.3.117 (SGR)
 */
export function createOrderFilter(): OrderFilter {
  const decoder = new TextDecoder()
  let rest = ''
  return bytes => {
    const text = rest + decoder.decode(bytes, { stream: true })
    const begun = BEGUN_COLOUR.exec(text)
    rest = begun?.[0] ?? ''
    return Buffer.from(withoutOrders(text.slice(0, text.length - rest.length)))
  }
}

function withoutOrders(text: string): string {
  return text.replace(COLOUR_OR_ORDER, (found, colour: string | undefined) =>
    colour === undefined ? `\\u{${found.codePointAt(0)?.toString(16)}}` : colour,
  )
}

// A carriage return is the first half of a line's end, or begins the line anew: what it hides is the program's own.
const COLOUR_OR_ORDER =
  /(\x1b\[[0-9;:]{0,32}m)|[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
const BEGUN_COLOUR = /\x1b(?:\[[0-9;:]{0,32})?$/
