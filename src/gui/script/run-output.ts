/** What a script wrote to one of its two streams, in one go. */
export interface OutputPiece {
  readonly kind: 'output' | 'errors'
  readonly text: string
}

/** What is kept of what a script wrote. */
export interface RunOutput {
  readonly pieces: readonly OutputPiece[]
  /** UTF-16 units that came before and are not kept. */
  readonly cutUnits: number
}

/** Gathers what a script writes, as text that does nothing to who shows it. */
export interface OutputKeeper {
  push(kind: OutputPiece['kind'], bytes: Uint8Array): void
  read(): RunOutput
}

/**
 * Keep the end of what a script writes. Colours and other orders to a terminal are taken out, and letters that are not seen but turn
 * round what stands beside them are shown as boxes.
 *
 * @param maxUnits  UTF-16 units kept, at least; up to half as much again may be
 */
export function createOutputKeeper(maxUnits = MAX_KEPT_UNITS): OutputKeeper {
  const readers = { output: createReader(), errors: createReader() }
  let pieces: OutputPiece[] = []
  let keptUnits = 0
  let cutUnits = 0
  const cut = () => {
    let spare = keptUnits - maxUnits
    while (spare > 0 && pieces[0] !== undefined) {
      const [first] = pieces
      const gone = Math.min(spare, first.text.length)
      if (gone === first.text.length) pieces.shift()
      else pieces[0] = { kind: first.kind, text: first.text.slice(gone) }
      spare -= gone
      keptUnits -= gone
      cutUnits += gone
    }
  }
  return {
    push(kind, bytes) {
      const text = readers[kind](bytes)
      if (text === '') return
      const last = pieces.at(-1)
      const isSame = last?.kind === kind && last.text.length < PIECE_UNITS
      if (isSame) pieces[pieces.length - 1] = { kind, text: last.text + text }
      else pieces.push({ kind, text })
      keptUnits += text.length
      if (keptUnits > maxUnits * 1.5) cut()
    },
    read() {
      const shown = { pieces, cutUnits }
      // What was given away is not changed any more.
      pieces = [...pieces]
      return shown
    },
  }
}

/** Bytes to harmless text; what may be the beginning of an order waits for the rest of it. */
function createReader(): (bytes: Uint8Array) => string {
  const decoder = new TextDecoder()
  let rest = ''
  return bytes => {
    const text = rest + decoder.decode(bytes, { stream: true })
    const begun = BEGUN_ORDER.exec(text)
    rest = begun !== null && begun[0].length <= MAX_ORDER_UNITS ? begun[0] : ''
    return plainText(rest === '' ? text : text.slice(0, -rest.length))
  }
}

/** A text without orders to a terminal, and with a box for each letter that cannot be seen but does something. */
export function plainText(text: string): string {
  return text.replace(ORDER, '').replace(/\r\n?/g, '\n').replace(UNSEEN, '␣')
}

/** ECMA-48, section 5.4: control sequences; and the strings of section 8.3 that set titles and links. */
const ORDER = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,2048}(?:\x07|\x1b\\)|[ -/]*[0-Z\\-~])/g
const BEGUN_ORDER = /(?:\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[ -/]*)|\r)$/
/** Control characters but tab and newline, and those that set the direction of text. */
const UNSEEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
const MAX_ORDER_UNITS = 2_100
const PIECE_UNITS = 16_384
/** Of the output of one script, UTF-16 units. */
export const MAX_KEPT_UNITS = 262_144
