import assert from 'node:assert/strict'
import { ms } from '../core/model/time.ts'
import { createPredictedEcho, type PredictMode } from '../core/terminal/predicted-echo.ts'
import { createTerminalScreen, type TerminalScreen } from './terminal-screen.ts'

/** A program at the far end: what it writes when that is typed. */
export type FarProgram = (typed: string) => string

/** A person at a terminal with prediction, beside one without. Time is virtual. */
export interface PredictedScreens {
  /** What the person sees. */
  readonly seen: TerminalScreen
  /** What is there without prediction. */
  readonly plain: TerminalScreen
  /** Type at once what is given; the program's answer comes a trip later. */
  type(text: string): void
  /** The program writes by itself; it arrives half a trip later. */
  write(text: string | Uint8Array): void
  /** Let time pass: what is due arrives. */
  wait(spanMs: number): void
  /** Wait until nothing is under way; then both screens must be the same. */
  settle(): void
  /** What is foreseen is taken back for now: both screens must be the same. */
  assertSame(): void
  resize(columns: number, rows: number): void
  tripMs: number
}

/** Open both. @param split  how what arrives is cut in pieces */
export function openPredictedScreens({
  program,
  tripMs = 200,
  mode = 'auto',
  columns = 40,
  rows = 8,
  isFresh = true,
  split = bytes => [bytes],
}: {
  readonly program: FarProgram
  readonly tripMs?: number
  readonly mode?: PredictMode
  readonly columns?: number
  readonly rows?: number
  readonly isFresh?: boolean
  readonly split?: (bytes: Uint8Array) => Uint8Array[]
}): PredictedScreens {
  const [seen, plain] = [createTerminalScreen(columns, rows), createTerminalScreen(columns, rows)]
  const echo = createPredictedEcho({ columns, rows }, { mode, isFresh })
  const arrivals: { readonly atMs: number; readonly bytes: Uint8Array }[] = []
  let nowMs = 1_000

  const arrive = (text: string | Uint8Array, afterMs: number) => {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text
    const atMs = Math.max(nowMs + afterMs, arrivals.at(-1)?.atMs ?? 0)
    for (const piece of split(bytes)) if (piece.length > 0) arrivals.push({ atMs, bytes: piece })
  }
  /** What was written last, for who has to find out why. */
  const trail: string[] = []
  const assertEqual = () => {
    const [seenRows, plainRows] = [seen.everything(), plain.everything()]
    assert.deepEqual(
      seenRows,
      plainRows,
      [...seenRows, '--', ...plainRows, '--', ...trail.slice(-60)].join('\n'),
    )
  }
  const take = (bytes: Uint8Array) => {
    const { before, after } = echo.receive(bytes, ms(nowMs))
    trail.push(
      ...[before, String.fromCharCode(...bytes), after].map(
        (text, at) => `${'-<+'[at]} ${JSON.stringify(text)}`,
      ),
    )
    seen.write(before)
    seen.write(bytes)
    seen.write(after)
    plain.write(bytes)
  }

  const screens: PredictedScreens = {
    seen,
    plain,
    tripMs,
    type(text) {
      const shown = echo.type(text, ms(nowMs))
      trail.push(`> ${JSON.stringify(text)} + ${JSON.stringify(shown)}`)
      seen.write(shown)
      arrive(program(text), screens.tripMs)
    },
    write: text => arrive(text, screens.tripMs / 2),
    wait(spanMs) {
      const untilMs = nowMs + spanMs
      for (;;) {
        const arrival = arrivals[0]?.atMs ?? Number.POSITIVE_INFINITY
        const wake = Math.max(nowMs, echo.wakeAt ?? Number.POSITIVE_INFINITY)
        if (Math.min(arrival, wake) > untilMs) break
        nowMs = Math.min(arrival, wake)
        if (wake < arrival) seen.write(echo.tick(ms(nowMs)))
        else take(arrivals.shift()?.bytes ?? new Uint8Array())
        assert.ok(!(echo.wakeAt !== undefined && echo.wakeAt <= nowMs - 60_000), 'it never rests')
      }
      nowMs = untilMs
    },
    settle() {
      screens.wait(screens.tripMs * 4 + 20_000)
      assertEqual()
    },
    assertSame() {
      seen.write(echo.takeBack())
      assertEqual()
    },
    resize(to, high) {
      seen.write(echo.takeBack())
      trail.push(`${to} columns`)
      seen.resize(to, high)
      plain.resize(to, high)
      echo.forget({ columns: to, rows: high })
    },
  }
  return screens
}
