import { blankRow, type KnownRow, unknownRow } from './known-row.ts'
import { letterWidth } from './letter-width.ts'
import { createOutputReader, type OutputEvents } from './output-reader.ts'
import { createScreenModes, type ScreenModes } from './screen-modes.ts'
import { erasesPlain, textStyleAfter } from './text-style.ts'

/** How large a terminal is. */
export interface ScreenSize {
  readonly columns: number
  readonly rows: number
}

/** Where the cursor is, and what is around it. */
export interface ScreenPlace {
  /** The same object while it is the same row. */
  readonly row: KnownRow
  /** Below the number of columns. */
  readonly column: number
  /** How what is written now looks. */
  readonly style: string
  /** The character that was written last, just before the cursor: some orders are about it. */
  readonly after: { readonly text: string; readonly width: number } | 'unsure' | 'nothing'
}

/**
 * What can be known for sure of a screen by reading what is written to it, whatever terminal it is and whatever it showed before. What
 * is not followed, or is different from terminal to terminal, makes unknown what it may have changed.
 *
 * Rows are kept from the first that is known to the last, at most a screenful: if there are so many, they are the screen. With fewer, nobody
 * knows which row of the screen they are on, and a line feed may scroll or not; below is either nothing or a new row.
 */
export class KnownScreen implements OutputEvents {
  readonly #reader = createOutputReader(this)
  readonly #modes: ScreenModes = createScreenModes()
  #size: ScreenSize
  #rows: KnownRow[] = [unknownRow()]
  #at = 0
  /** The number of columns where the next character wraps; undefined where it is not known. */
  #column: number | undefined
  #isBelowBlank = false
  #style: string | undefined
  #isLinked = false
  #after: ScreenPlace['after'] = 'nothing'

  /** @param isFresh  nothing was written yet, and the cursor is where a screen begins */
  constructor(size: ScreenSize, isFresh: boolean) {
    this.#size = size
    if (isFresh) this.#reset()
  }

  /** What was read ends with the end of a character and of an order. */
  get isWhole(): boolean {
    return this.#reader.isWhole
  }

  get columns(): number {
    return this.#size.columns
  }

  /** Where the cursor is, if that is known, and what is written there goes there and nowhere else. */
  get place(): ScreenPlace | undefined {
    const row = this.#rows[this.#at]
    if (row === undefined || this.#column === undefined || this.#column >= this.#size.columns)
      return undefined
    if (this.#style === undefined || this.#isLinked || !this.#modes.isUsual) return undefined
    return { row, column: this.#column, style: this.#style, after: this.#after }
  }

  read(bytes: Uint8Array): void {
    this.#reader.read(bytes)
  }

  /** Terminals differ in what they do with rows that became too long. */
  resize(size: ScreenSize): void {
    this.#size = size
    this.#lose()
    this.#modes.resize()
  }

  letter(code: number): void {
    if (!this.#modes.isUsual) return
    const width = letterWidth(code)
    const text = String.fromCodePoint(code)
    this.#after = width === 'none' || width === 'unsure' ? 'unsure' : { text, width }
    if (width === 'none') {
      this.#mark()
      return
    }
    const advance = width === 2 ? 2 : 1
    if (this.#column !== undefined && this.#column + advance > this.#size.columns) this.#wrap()
    const row = this.#rows[this.#at]
    if (this.#column === undefined || row === undefined) {
      this.#losePosition()
      return
    }
    const end = this.#column + advance
    if (end > this.#size.columns || (row.doubt > 0 && end + row.doubt > this.#size.columns)) {
      this.#losePosition()
      return
    }
    const isKnown = width === 1 && this.#style !== undefined && !this.#isLinked
    row.put(this.#column, isKnown ? { text, style: this.#style ?? '' } : undefined)
    if (advance === 2) row.put(this.#column + 1, undefined)
    if (width === 'unsure') row.doubt += 1
    this.#column = end
  }

  control(code: number): void {
    this.#after = 'nothing'
    if (code >= 0x80) this.#modes.meetUnusual('c1')
    else if (code === SHIFT_OUT) this.#modes.meetUnusual('letters')
    if (!this.#modes.isUsual) {
      this.#loseIfUnusual()
      return
    }
    if (code === RETURN) this.#goTo(0)
    else if (code >= 0x0a && code <= 0x0c) this.#lineFeed()
    else if (code === BACKSPACE) this.#moveBy(-1)
    else if (code === TAB) this.#tab()
    else if (!SILENT.has(code)) this.#lose()
  }

  escape(marks: string, final: string): void {
    this.#after = 'nothing'
    const sequence = marks + final
    if (sequence === 'c') {
      this.#reset()
      return
    }
    const meaning = this.#modes.escape(sequence)
    if (meaning === 'mode') {
      this.#loseIfUnusual()
      return
    }
    if (!this.#modes.isUsual || meaning === 'nothing') return
    if (sequence === 'D' || sequence === 'E') {
      this.#lineFeed()
      if (sequence === 'E') this.#goTo(0)
    } else if (sequence === 'M' && this.#at > 0) this.#at -= 1
    else {
      if (sequence === '8') this.#style = undefined
      this.#lose()
    }
  }

  order(parameters: string, marks: string, final: string): void {
    this.#after = 'nothing'
    if (marks === '' && final === 'm' && !/^[<=>?]/.test(parameters)) {
      this.#style = textStyleAfter(this.#style, parameters)
      return
    }
    const meaning = this.#modes.order(parameters, marks, final, this.#size.rows)
    if (meaning === 'enter') this.#modes.keptStyle = this.#style
    else if (meaning === 'leave') {
      this.#style = this.#modes.keptStyle
      this.#loseIfUnusual()
    } else if (meaning === 'restore') {
      this.#style = undefined
      this.#loseShown()
    } else if (meaning === 'mode') this.#loseIfUnusual()
    else if (meaning === 'home') this.#goToRow(0, 0)
    else if (meaning === undefined && this.#modes.isUsual) this.#follow(parameters, marks + final)
  }

  string(kind: string, beginning: string): void {
    this.#after = 'nothing'
    if (kind === ']' && beginning.startsWith('8;')) this.#isLinked = !/^8;[^;]*;$/.test(beginning)
    else if (!(kind === ']' && SILENT_TITLES.test(beginning)) && !(kind === 'P' && ASKING.test(beginning))) {
      this.#loseShown()
    }
  }

  #follow(parameters: string, final: string): void {
    if (!/^[\d;]*$/.test(parameters)) {
      this.#lose()
      return
    }
    const [first = 0, second = 0] = parameters.split(';').map(Number)
    const count = Math.max(1, first)
    const row = this.#rows[this.#at]
    if (final === 'H' || final === 'f') {
      this.#goToRow(first - 1, second - 1)
      return
    }
    if (final === 'd') {
      this.#goToRow(first - 1, this.#column)
      return
    }
    if (final === 'G' || final === '`') {
      this.#goTo(first - 1)
      return
    }
    if (final === 'C' || final === 'a') {
      this.#moveBy(count)
      return
    }
    if (final === 'D') {
      this.#moveBy(-count)
      return
    }
    if (final === 'A' || final === 'F') this.#moveRows(-count)
    else if (final === 'B' || final === 'E' || final === 'e') this.#moveRows(count)
    else if (final === 'J') this.#eraseRows(first)
    else if (final === 'K' && row) this.#eraseIn(row, first)
    else if ((final === 'X' || final === 'P' || final === '@') && row) this.#shift(row, final, count)
    else this.#lose()
    if (final === 'E' || final === 'F') this.#goTo(0)
  }

  #reset(): void {
    this.#modes.reset()
    this.#rows = Array.from({ length: this.#size.rows }, blankRow)
    this.#at = 0
    this.#column = 0
    this.#isBelowBlank = true
    this.#style = ''
    this.#isLinked = false
  }

  #lose(): void {
    this.#rows = [unknownRow()]
    this.#at = 0
    this.#column = undefined
    this.#isBelowBlank = false
  }

  /** Below the last row that was reached nothing changes by what is written now. */
  #losePosition(): void {
    const isBelowBlank = this.#isBelowBlank && this.#at === this.#rows.length - 1
    this.#lose()
    this.#isBelowBlank = isBelowBlank
  }

  /** Something happens to the screen that is shown. */
  #loseShown(): void {
    if (!this.#modes.isOnOtherScreen) this.#lose()
  }

  #loseIfUnusual(): void {
    if (!this.#modes.isUsual && !this.#modes.isOnOtherScreen) this.#lose()
  }

  /** A mark that is shown with the character before it. */
  #mark(): void {
    const row = this.#rows[this.#at]
    if (row === undefined || this.#column === undefined || this.#column === 0) {
      this.#lose()
      return
    }
    row.put(this.#column - 1, undefined)
    row.doubt += 1
  }

  #wrap(): void {
    const row = this.#rows[this.#at]
    if (row === undefined || row.doubt > 0) {
      this.#losePosition()
      return
    }
    // A wide one leaves the last cell as it likes.
    if (this.#column === this.#size.columns - 1) row.put(this.#column, undefined)
    this.#column = 0
    this.#lineFeed()
  }

  #lineFeed(): void {
    if (this.#column === this.#size.columns) this.#column = undefined
    if (this.#at < this.#rows.length - 1) {
      this.#at += 1
      return
    }
    const isScreen = this.#rows.length === this.#size.rows
    const isBlank = (isScreen || this.#isBelowBlank) && erasesPlain(this.#style)
    this.#rows.push(isBlank ? blankRow() : unknownRow())
    if (isScreen) this.#rows.shift()
    else this.#at += 1
  }

  /** To a column of this row; the number of a column, not a distance. */
  #goTo(column: number): void {
    this.#rows[this.#at]?.blur()
    this.#column = Math.min(Math.max(0, column), this.#size.columns - 1)
  }

  #goToRow(row: number, column: number | undefined): void {
    if (this.#rows.length !== this.#size.rows) {
      this.#rows = Array.from({ length: this.#size.rows }, unknownRow)
      this.#isBelowBlank = false
    }
    this.#rows[this.#at]?.blur()
    this.#at = Math.min(Math.max(0, row), this.#size.rows - 1)
    if (column === undefined || column === this.#size.columns) this.#column = undefined
    else this.#goTo(column)
  }

  #moveBy(count: number): void {
    const row = this.#rows[this.#at]
    if (this.#column === undefined || row === undefined) return
    // Where the next character would wrap, terminals differ.
    const to = this.#column + count
    const isUnsure = this.#column === this.#size.columns
    const isAtEdge = row.doubt > 0 && (to < row.doubt || to + row.doubt >= this.#size.columns)
    if (isUnsure || isAtEdge) {
      this.#losePosition()
      return
    }
    const passed = Array.from(
      { length: Math.min(Math.abs(count), row.doubt && this.#size.columns) },
      (_, at) => row.cell(Math.min(to, this.#column ?? 0) + at),
    )
    if (passed.includes(undefined)) row.blur()
    this.#column = Math.min(Math.max(0, to), this.#size.columns - 1)
  }

  #moveRows(count: number): void {
    const to = this.#at + count
    const isScreen = this.#rows.length === this.#size.rows
    if (!isScreen && (to < 0 || to >= this.#rows.length)) {
      this.#lose()
      return
    }
    this.#rows[this.#at]?.blur()
    this.#at = Math.min(Math.max(0, to), this.#rows.length - 1)
    if (this.#column === this.#size.columns) this.#column = undefined
  }

  #tab(): void {
    const row = this.#rows[this.#at]
    if (this.#column === undefined || this.#column === this.#size.columns || (row?.doubt ?? 1) > 0) {
      this.#losePosition()
      return
    }
    this.#column = Math.min(
      (Math.floor(this.#column / TAB_COLUMNS) + 1) * TAB_COLUMNS,
      this.#size.columns - 1,
    )
  }

  #eraseRows(which: number): void {
    const row = this.#rows[this.#at]
    const isPlain = erasesPlain(this.#style)
    const others = this.#rows.filter(
      (_, at) => which === 2 || (which === 0 && at > this.#at) || (which === 1 && at < this.#at),
    )
    if (which === 3 || row === undefined) return
    if (which > 3) {
      this.#lose()
      return
    }
    for (const one of others) one.fill(isPlain ? 'blank' : 'unknown')
    if (which !== 1) this.#isBelowBlank = isPlain
    this.#eraseIn(row, which)
  }

  #eraseIn(row: KnownRow, which: number): void {
    const fill = erasesPlain(this.#style) ? 'blank' : 'unknown'
    if (which === 2) row.fill(fill)
    else if (which > 2 || this.#column === undefined || this.#column === this.#size.columns)
      row.fill('unknown')
    else if (which === 0) row.fillFrom(this.#column, fill)
    else row.fillTo(this.#column, fill)
  }

  #shift(row: KnownRow, final: string, count: number): void {
    const isSure = this.#column !== undefined && this.#column < this.#size.columns && row.doubt === 0
    if (!isSure || this.#column === undefined || !erasesPlain(this.#style)) {
      row.fill('unknown')
      return
    }
    row.shift(this.#column, final, Math.min(count, this.#size.columns), this.#size.columns)
  }
}

const [BACKSPACE, TAB, RETURN, SHIFT_OUT] = [0x08, 0x09, 0x0d, 0x0e]
const SILENT: ReadonlySet<number> = new Set([0x00, 0x05, 0x07, 0x0f])
const TAB_COLUMNS = 8
/** Titles, colours of the whole terminal, the clipboard, where in the shell one is: nothing that a cell shows. */
const SILENT_TITLES = /^(?:[0-2]|4|5|7|9|1\d|22|52|104|105|11\d|133|633|777)(?:;|$)/
/** What asks the terminal, and shows nothing. */
const ASKING = /^(?:\$q|\+q|\+p|=[12]s)/
