/** What is in a cell: a character of one column, or nothing, and how it looks. */
export interface Cell {
  /** '' where nothing was written since it was erased. */
  readonly text: string
  /** As `textStyleAfter` spells it. */
  readonly style: string
}

/** What is known of a row of a screen. */
export class KnownRow {
  /** How many columns what follows may be off: characters were written that take more in some terminals. */
  doubt = 0
  #cells: (Cell | undefined)[] = []
  #rest: Cell | undefined

  constructor(rest: Cell | undefined) {
    this.#rest = rest
  }

  /** @returns undefined if it is not known */
  cell(column: number): Cell | undefined {
    return column < this.#cells.length ? this.#cells[column] : this.#rest
  }

  /** @param cell  undefined if nobody knows what it holds now */
  put(column: number, cell: Cell | undefined): void {
    this.#reach(column + 1)
    this.#cells[column] = cell
  }

  /** All of it holds nothing, or what nobody knows. */
  fill(what: 'blank' | 'unknown'): void {
    this.#cells = []
    this.#rest = what === 'blank' ? BLANK : undefined
    if (what === 'blank') this.doubt = 0
  }

  /** The same from a column on. */
  fillFrom(column: number, what: 'blank' | 'unknown'): void {
    this.#reach(column)
    this.#cells.length = column
    // The first of them may have been half of a wide character.
    if (column > 0 && this.doubt > 0) this.put(column - 1, undefined)
    this.#rest = what === 'blank' ? BLANK : undefined
  }

  /** The same up to a column, with it. */
  fillTo(column: number, what: 'blank' | 'unknown'): void {
    this.#reach(column + 1)
    this.#cells.fill(what === 'blank' && this.doubt === 0 ? BLANK : undefined, 0, column + 1)
  }

  /** Take cells away (`P`), put some in (`@`), or erase them where they are (`X`). */
  shift(column: number, how: string, count: number, columns: number): void {
    this.#reach(columns)
    const blanks = Array.from({ length: Math.min(count, columns - column) }, () => BLANK)
    if (how === 'X') this.#cells.splice(column, blanks.length, ...blanks)
    else if (how === '@') this.#cells.splice(column, 0, ...blanks)
    else {
      this.#cells.splice(column, blanks.length)
      this.#cells.splice(columns - blanks.length, 0, ...blanks)
    }
    this.#cells.length = columns
  }

  /** Somebody goes to a column by its number: if characters may be off, what is where is no more known. */
  blur(): void {
    if (this.doubt === 0) return
    const rest = this.#cells.length + this.doubt
    this.#cells = Array.from({ length: rest }, () => undefined)
  }

  #reach(length: number): void {
    while (this.#cells.length < length) this.#cells.push(this.#rest)
  }
}

/** A row that nothing was written on. */
export function blankRow(): KnownRow {
  return new KnownRow(BLANK)
}

/** A row that may hold anything. */
export function unknownRow(): KnownRow {
  return new KnownRow(undefined)
}

const BLANK: Cell = { text: '', style: '' }
