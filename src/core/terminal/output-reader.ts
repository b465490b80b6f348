/** What is found in the output of a program for a terminal, piece by piece. */
export interface OutputEvents {
  /** A character to show. @param code  its code point */
  letter(code: number): void
  /** A control character, below U+0020, U+007F, or U+0080 to U+009F. */
  control(code: number): void
  /** `ESC` and what follows. @param marks  0x20 to 0x2f, before its last character */
  escape(marks: string, final: string): void
  /** `ESC [`. @param parameters  0x30 to 0x3f; what no order has, if there are more than `MAX_PARAMETERS` */
  order(parameters: string, marks: string, final: string): void
  /** `ESC ]`, `ESC P` and such, whole. @param beginning  at most `MAX_BEGINNING` characters of it */
  string(kind: string, beginning: string): void
}

/** Reads output for a terminal. */
export interface OutputReader {
  read(bytes: Uint8Array): void
  /** What was read ends with the end of a character and of an order: something may be written after it. */
  readonly isWhole: boolean
}

/**
 * Read the output of a program as a terminal does: UTF-8, control characters, orders. It keeps no more than the beginning of an order.
 *
 * @see ECMA-48, sections 5.3 to 5.6
 */
export function createOutputReader(events: OutputEvents): OutputReader {
  let state: State = 'ground'
  let kind = ''
  let parameters = ''
  let marks = ''
  let missing = 0
  let code = 0

  function begin(next: State): void {
    state = next
    parameters = ''
    marks = ''
  }

  /** @returns whether it was one that counts everywhere but in strings */
  function takeControl(at: number): boolean {
    if (at === ESC) begin('escape')
    else if (at === CAN || at === SUB) {
      begin('ground')
      events.control(at)
    } else if (at < 0x20 || (at >= 0x7f && at < 0xa0)) events.control(at)
    else return false
    return true
  }

  function takeEscape(at: number): void {
    const letter = String.fromCodePoint(at)
    if (at < 0x30) {
      marks = (marks + letter).slice(0, MAX_PARAMETERS)
      return
    }
    if (marks === '' && letter === '[') {
      begin('order')
      return
    }
    if (marks === '' && STRINGS.includes(letter)) {
      kind = letter
      begin('string')
      return
    }
    state = 'ground'
    events.escape(marks, letter)
  }

  function takeOrder(at: number): void {
    const letter = String.fromCodePoint(at)
    if (at < 0x30) marks = (marks + letter).slice(0, MAX_PARAMETERS)
    else if (at < 0x40) parameters = parameters.length < MAX_PARAMETERS ? parameters + letter : TOO_LONG
    else {
      state = 'ground'
      events.order(parameters, marks, letter)
    }
  }

  function takeString(at: number): void {
    const isOver = at === ESC || at === CAN || at === SUB || (at === BEL && kind === ']')
    if (!isOver) {
      if (parameters.length < MAX_BEGINNING) parameters += String.fromCodePoint(at)
      if (at >= 0x80 && at < 0xa0) events.control(at)
      return
    }
    const beginning = parameters
    begin(at === ESC ? 'escape' : 'ground')
    events.string(kind, beginning)
  }

  function take(at: number): void {
    if (state === 'string') takeString(at)
    else if (takeControl(at)) return
    else if (state === 'ground') events.letter(at)
    else if (state === 'escape') takeEscape(at)
    else takeOrder(at)
  }

  return {
    get isWhole() {
      return state === 'ground' && missing === 0
    },
    read(bytes) {
      for (const byte of bytes) {
        if (missing > 0 && byte >= 0x80 && byte < 0xc0) {
          code = (code << 6) | (byte & 0x3f)
          missing -= 1
          if (missing === 0) take(code > MAX_CODE ? REPLACEMENT : code)
          continue
        }
        // A character that was cut is shown as one that is none.
        if (missing > 0) take(REPLACEMENT)
        missing = 0
        if (byte < 0x80) take(byte)
        else if (byte >= 0xc2 && byte < 0xf5) {
          missing = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3
          code = byte & (0x3f >> missing)
        } else take(REPLACEMENT)
      }
    },
  }
}

type State = 'ground' | 'escape' | 'order' | 'string'

/** Characters of an order that are kept; a longer one is none that is followed. */
const MAX_PARAMETERS = 64
/** Characters of a title, a picture and such that are kept. */
const MAX_BEGINNING = 16

const [BEL, CAN, SUB, ESC] = [0x07, 0x18, 0x1a, 0x1b]
const TOO_LONG = '!'.repeat(MAX_PARAMETERS)
const STRINGS = ']P_^X'
const REPLACEMENT = 0xfffd
const MAX_CODE = 0x10ffff
