import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'
import { ms } from '../../core/model/time.ts'
import { createPredictedEcho, PREDICT_MODES, type PredictMode } from '../../core/terminal/predicted-echo.ts'
import { nonceStyles } from './nonce-styles.ts'

/** A terminal in an element, as large as that, on which keys are shown before their echo. */
export interface PredictedTerminal extends Disposable {
  readonly size: { readonly columns: number; readonly rows: number }
  /** When keys are shown before their echo. */
  mode: PredictMode
  /** What the far end wrote. */
  write(bytes: Uint8Array): void
  /** Begin with an empty screen. */
  clear(): void
  /** There is no far end for now. */
  pause(): void
}

/** What a person does at a terminal. */
export interface TerminalEvents {
  /** @returns whether it goes to a far end that may echo it */
  readonly onType: (bytes: Uint8Array) => boolean
  readonly onResize: (columns: number, rows: number) => void
}

/** Show an empty terminal, and take up what is typed. */
export function openPredictedTerminal(
  element: HTMLElement,
  mode: PredictMode,
  { onType, onResize }: TerminalEvents,
): PredictedTerminal {
  nonceStyles(document)
  const terminal = new Terminal({ cursorBlink: false, scrollback: 5_000, screenReaderMode: true })
  const fit = new FitAddon()
  terminal.loadAddon(fit)
  terminal.open(element)
  fit.fit()
  terminal.focus()
  const size = () => ({ columns: terminal.cols, rows: terminal.rows })
  const echo = createPredictedEcho(size(), { mode, isFresh: true })
  const now = () => ms(performance.now())
  let wake: ReturnType<typeof setTimeout> | undefined

  function show(...texts: (string | Uint8Array)[]): void {
    for (const text of texts) if (text.length > 0) terminal.write(text)
    clearTimeout(wake)
    const { wakeAt } = echo
    if (wakeAt !== undefined)
      wake = setTimeout(() => show(echo.tick(now())), Math.max(1, Math.ceil(wakeAt - now())))
  }
  function write(bytes: Uint8Array): void {
    const { before, after } = echo.receive(bytes, now())
    show(before, bytes, after)
  }
  function pause(): void {
    show(echo.takeBack())
    echo.forget(size())
    show()
  }

  terminal.onData(text => {
    if (onType(ENCODER.encode(text))) show(echo.type(text, now()))
  })
  terminal.onBinary(text => onType(Uint8Array.from(text, letter => letter.charCodeAt(0))))
  terminal.onResize(({ cols, rows }) => {
    echo.forget(size())
    onResize(cols, rows)
  })
  const sizes = new ResizeObserver(() => {
    const wanted = fit.proposeDimensions()
    if (wanted === undefined || (wanted.cols === terminal.cols && wanted.rows === terminal.rows)) return
    pause()
    // After all that was written: rows are rearranged as they are then.
    terminal.write('', () => fit.fit())
  })
  sizes.observe(element)
  return {
    get size() {
      return size()
    },
    get mode() {
      return echo.mode
    },
    set mode(next) {
      echo.mode = next
      show(echo.tick(now()))
    },
    write,
    clear: () => write(ENCODER.encode('\x1bc')),
    pause,
    [Symbol.dispose]() {
      clearTimeout(wake)
      sizes.disconnect()
      terminal.dispose()
    },
  }
}

/** What was chosen in this browser before. */
export function chosenPredictMode(): PredictMode {
  const kept = localStorage.getItem(KEY)
  return PREDICT_MODES.find(mode => mode === kept) ?? 'auto'
}

/** Remember what was chosen. */
export function rememberPredictMode(mode: PredictMode): void {
  localStorage.setItem(KEY, mode)
}

const ENCODER = new TextEncoder()
const KEY = 'ztm-predict'
