import { ms } from '../../core/model/time.ts'
import { createPredictedEcho, type PredictMode } from '../../core/terminal/predicted-echo.ts'
import type { Console } from '../world.ts'

/** The screen of a person who types, on which keys are shown before their echo. */
export interface PredictedScreen {
  /** Keys that are sent now. */
  type(bytes: Uint8Array): void
  /** Output of the far end. @returns what to write on the screen for it: the same bytes, with what hides and shows what is foreseen */
  around(bytes: Uint8Array): Uint8Array
  /** Others are about to write on the screen, or its size changed: nothing that is foreseen is left on it. */
  forget(): void
}

/**
 * Show what is typed on a console before it is echoed. What is below the cursor is erased at the beginning: what is in those cells must be known
 * to be put back.
 *
 * @see core/terminal/predicted-echo.ts
 */
export function createPredictedScreen(console: Console, mode: PredictMode): PredictedScreen {
  if (mode === 'never') return { type() {}, around: bytes => bytes, forget() {} }
  const echo = createPredictedEcho(console.size(), { mode, isFresh: false })
  const decoder = new TextDecoder()
  let wake: NodeJS.Timeout | undefined
  const now = () => ms(performance.now())

  function write(text: string): void {
    if (text !== '' && !console.output.destroyed) console.output.write(text)
    clearTimeout(wake)
    const { wakeAt } = echo
    if (wakeAt === undefined) return
    // Not to be late by a part of a millisecond, and then called again at once.
    wake = setTimeout(() => write(echo.tick(now())), Math.max(1, Math.ceil(wakeAt - now()))).unref()
  }

  echo.receive(Buffer.from(ERASE_BELOW), now())
  write(ERASE_BELOW)
  return {
    type(bytes) {
      if (bytes.length > 0) write(echo.type(decoder.decode(bytes, { stream: true }), now()))
    },
    around(bytes) {
      const { before, after } = echo.receive(bytes, now())
      write('')
      return before === '' && after === ''
        ? bytes
        : Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)])
    },
    forget() {
      write(echo.takeBack())
      echo.forget(console.size())
      write('')
    },
  }
}

const ERASE_BELOW = '\x1b[m\x1b[J'
