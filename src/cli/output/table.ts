import { type Paint, plain, type Tone } from './colors.ts'
import { padTo, textWidth, visible } from './text-width.ts'

/** One column of a listing. */
export interface Column<T> {
  /** In capitals: `LAST SEEN`. */
  readonly title: string
  /** The cell's text; nothing is shown as a dash. */
  readonly cell: (item: T) => string | number | undefined
  /** How the cell is meant, for colours. */
  readonly tone?: (item: T) => Tone | undefined
}

/**
 * A table for people: a line of titles and one line an item, columns aligned by display width, never wrapped. Cells
 * may come from strangers and cannot leave their line or colour it.
 */
export function formatTable<T>(
  items: readonly T[],
  columns: readonly Column<T>[],
  paint: Paint = plain,
): string {
  const titles = columns.map(({ title }) => ({ text: title, tone: undefined }))
  const rows = items.map(item =>
    columns.map(({ cell, tone }) => ({ text: cellText(cell(item)), tone: tone?.(item) })),
  )
  const lines = [titles, ...rows]
  const widths = columns.map((_, column) =>
    Math.max(...lines.map(line => textWidth(line[column]?.text ?? ''))),
  )
  return lines
    .map(line => {
      const cells = line.map(({ text, tone }, column) => {
        // Nothing follows the last cell, so it needs no blanks.
        const padded = column === line.length - 1 ? text : padTo(text, widths[column] ?? 0)
        return tone === undefined ? padded : paint(tone, padded)
      })
      return `${cells.join(GAP)}\n`
    })
    .join('')
}

/** One line of a description: a label and one value, or several below each other. */
export type Field = readonly [label: string, value: string | number | undefined | readonly string[]]

/** `Label: value` lines for people, values aligned; absent values are left out. */
export function formatFields(fields: readonly Field[]): string {
  const shown = fields.filter(([, value]) => value !== undefined)
  const width = Math.max(0, ...shown.map(([label]) => label.length)) + 1
  const lines = shown.flatMap(([label, value]) => {
    const values = typeof value === 'object' ? (value.length === 0 ? ['-'] : value) : [String(value)]
    return values.map((text, i) => `${padTo(i === 0 ? `${label}:` : '', width)} ${visible(text)}`)
  })
  return lines.map(line => `${line}\n`).join('')
}

function cellText(value: string | number | undefined): string {
  return value === undefined || value === '' ? '-' : visible(String(value))
}

const GAP = '  '
