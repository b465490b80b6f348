import { createRequire } from 'node:module'

/** The screen of a terminal, without a window: xterm.js, as the web page has it. */
export interface TerminalScreen {
  write(data: string | Uint8Array): void
  resize(columns: number, rows: number): void
  /** Each row from the first, without blanks at its end. */
  rows(): string[]
  /** Everything it holds: each cell with its looks, what was scrolled away, and where the cursor is. */
  everything(): string[]
  /** The row of the cursor, without blanks at its end. */
  line(): string
  /** The cursor's column, from 0. */
  readonly column: number
}

/** Make a screen. */
export function createTerminalScreen(columns: number, rows: number): TerminalScreen {
  const terminal = new Terminal({ cols: columns, rows, scrollback: 200, logLevel: 'off' })
  const lines = () => {
    const buffer = terminal.buffer.active
    return Array.from({ length: buffer.length }, (_, at) => buffer.getLine(at)).filter(
      line => line !== undefined,
    )
  }
  return {
    // What is written the usual way is shown later: a test of thousands of pieces would wait for each.
    write: data => terminal._core.writeSync(data),
    resize: (to, high) => terminal.resize(to, high),
    rows: () => lines().map(line => line.translateToString(true)),
    everything() {
      const { type, cursorX, cursorY, baseY } = terminal.buffer.active
      const shown = lines().map(line => {
        const cells = Array.from({ length: line.length }, (_, at) => describe(line.getCell(at)))
        return `${line.isWrapped ? '↪' : ''}${cells.join('')}`
      })
      return [`${type} ${cursorX},${cursorY} of ${baseY}`, ...shown]
    },
    line() {
      const { baseY, cursorY } = terminal.buffer.active
      return (lines()[baseY + cursorY]?.translateToString(true) ?? '').trimEnd()
    },
    get column() {
      return terminal.buffer.active.cursorX
    },
  }
}

/** Plain and erased cells are short: a difference is to be read by people. */
function describe(cell: XtermCell | undefined): string {
  if (cell === undefined) return '?'
  const looks = LOOKS.map(look => Number(cell[look]())).join(',')
  const text = cell.getWidth() === 0 ? '' : cell.getChars() || '·'
  return looks === PLAIN ? text : `${text}{${looks}}`
}

const LOOKS = [
  'getFgColorMode',
  'getFgColor',
  'getBgColorMode',
  'getBgColor',
  'isBold',
  'isItalic',
  'isDim',
  'isUnderline',
  'isBlink',
  'isInverse',
  'isInvisible',
  'isStrikethrough',
  'isOverline',
] as const
const PLAIN = '0,-1,0,-1,0,0,0,0,0,0,0,0,0'

type XtermCell = { getChars(): string; getWidth(): number } & Record<(typeof LOOKS)[number], () => number>

interface Xterm {
  readonly buffer: {
    readonly active: {
      readonly type: string
      readonly length: number
      readonly cursorX: number
      readonly cursorY: number
      readonly baseY: number
      getLine(at: number):
        | {
            readonly length: number
            readonly isWrapped: boolean
            translateToString(trims: boolean): string
            getCell(at: number): XtermCell | undefined
          }
        | undefined
    }
  }
  readonly _core: { writeSync(data: string | Uint8Array): void }
  resize(columns: number, rows: number): void
}

// Its types bring those of a browser with them.
const { Terminal } = createRequire(import.meta.url)('@xterm/xterm') as {
  readonly Terminal: new (options: object) => Xterm
}
