import type { ScreenPlace } from './known-screen.ts'
import { textStyleAfter } from './text-style.ts'

/** What stands on the screen and is not of the far end. */
export interface PaintedPrediction {
  /** The cells that were written on, from left to right. */
  readonly columns: readonly number[]
  /** Where the cursor was left. */
  readonly cursor: number
  /** Underlined: the echo is late. */
  readonly isMarked: boolean
}

/**
 * Write cells of a row, and leave the cursor in it.
 *
 * @param place  where the cursor is; what is written there is known
 * @returns nothing painted where it could not be taken back to the last bit
 */
export function paintPrediction(
  place: ScreenPlace,
  { cells, column }: { readonly cells: ReadonlyMap<number, string>; readonly column: number },
  isMarked: boolean,
): { readonly text: string; readonly painted: PaintedPrediction | undefined } {
  const nothing = { text: '', painted: undefined }
  if (place.after === 'unsure') return nothing
  const columns: number[] = []
  const pen = createPen(place.column, place.style)
  for (const [at, letter] of [...cells].sort(([one], [other]) => one - other)) {
    const cell = place.row.cell(at)
    if (cell === undefined) return nothing
    if ((cell.text || ' ') === letter) continue
    columns.push(at)
    pen.write(at, letter, isMarked ? (textStyleAfter(place.style, '4') ?? place.style) : place.style)
  }
  const text = pen.leave(column, place.style)
  return text === '' ? nothing : { text, painted: { columns, cursor: column, isMarked } }
}

/** Write those cells as the far end left them, and go where it left the cursor. */
export function hidePrediction(place: ScreenPlace, { columns, cursor }: PaintedPrediction): string {
  const pen = createPen(cursor, place.style)
  for (const at of columns) {
    const cell = place.row.cell(at)
    if (cell?.text) pen.write(at, cell.text, cell.style)
    else pen.erase(at)
  }
  const { after, column } = place
  // "Repeat it" and marks are about the character that was written last.
  if (typeof after === 'object') pen.write(column - after.width, after.text, place.style, after.width)
  return pen.leave(column, place.style)
}

/** Writes in one row, with orders that never leave it. */
function createPen(from: number, fromStyle: string) {
  let text = ''
  let column = from
  let style = fromStyle
  function goTo(to: number): void {
    if (to < column) text += `\x1b[${column - to}D`
    if (to > column) text += `\x1b[${to - column}C`
    column = to
  }
  function use(wanted: string): void {
    if (wanted !== style) text += wanted === '' ? '\x1b[m' : `\x1b[0;${wanted}m`
    style = wanted
  }
  return {
    write(at: number, letter: string, how: string, width = 1): void {
      goTo(at)
      use(how)
      text += letter
      column += width
    },
    erase(at: number): void {
      goTo(at)
      use('')
      text += '\x1b[X'
    },
    leave(at: number, how: string): string {
      goTo(at)
      use(how)
      return text
    },
  }
}
