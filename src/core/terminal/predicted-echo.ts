import { type Ms, ms } from '../model/time.ts'
import type { KnownRow } from './known-row.ts'
import { KnownScreen, type ScreenPlace, type ScreenSize } from './known-screen.ts'
import { hidePrediction, type PaintedPrediction, paintPrediction } from './painted-prediction.ts'
import { createRoundTrip } from './round-trip.ts'
import { readTypedKeys, type TypedKey } from './typed-keys.ts'

/** When keys are shown before their echo: where echoes are slow, wherever they echo, not at all. */
export const PREDICT_MODES = ['auto', 'always', 'never'] as const
/** When keys are shown before their echo. */
export type PredictMode = (typeof PREDICT_MODES)[number]

/** Shows keys before the far end has echoed them. What it gives is to be written on the screen, in order, and nothing else between. */
export interface PredictedEcho {
  /** Keys go to the far end now. */
  type(text: string, now: Ms): string
  /** The far end wrote: what to write on the screen before these bytes, and after them. */
  receive(bytes: Uint8Array, now: Ms): { readonly before: string; readonly after: string }
  /** The time of `wakeAt` has come. */
  tick(now: Ms): string
  /** Something else is about to be written on the screen, or to change its size: it is as the far end wrote it, then. */
  takeBack(): string
  /** Before the next output the screen was changed by others than the far end: nothing of it is known any more. */
  forget(size: ScreenSize): void
  /** May be changed; `tick` shows it. */
  mode: PredictMode
  /** When to call `tick`, if nothing else happens. */
  readonly wakeAt: Ms | undefined
}

/** A key whose echo has not come: what its row looks like when it has. */
interface Prediction {
  readonly typedAt: Ms
  /** Between two keys whose effect nobody can foresee. */
  readonly epoch: number
  /** Where the cursor is then. */
  readonly column: number
  /** What is in those cells then. */
  readonly cells: ReadonlyMap<number, string>
}

/**
 * Foresee the echo of keys, in the manner of mosh: letters at the end of what was typed, and backspace, left and right within it.
 *
 * After a key whose effect nobody can foresee (Enter, Tab, Escape …) an epoch begins. In it nothing is shown before one key's echo was seen to be what
 * was foreseen; a password is never echoed, and so never shown. When the far end writes something else, all that was shown is taken back, and an
 * epoch begins. What is foreseen is written on the screen and rewritten as it was before anything of the far end is written: no order of the far
 * end ever sees it. Where it is not known what is in a cell, nothing is shown in it.
 *
 * @param isFresh  the screen is empty, with the cursor where it begins
 */
export function createPredictedEcho(
  size: ScreenSize,
  { mode, isFresh }: { readonly mode: PredictMode; readonly isFresh: boolean },
): PredictedEcho {
  return new Predictor(size, mode, isFresh)
}

class Predictor implements PredictedEcho {
  mode: PredictMode
  readonly #screen: KnownScreen
  readonly #trip = createRoundTrip()
  #pending: Prediction[] = []
  #epoch = 0
  /** In this epoch, and those before, the far end echoes what is typed. */
  #echoingEpoch = -1
  /** The row of what is pending, and where the cursor is before it. */
  #base: { readonly row: KnownRow; column: number } | undefined
  /** What was typed on this row in this epoch: it can be moved about in. */
  #line: { readonly row: KnownRow; readonly epoch: number; readonly start: number; end: number } | undefined
  /** When a key was typed whose echo cannot be told from others. */
  #unforeseenAt: Ms | undefined
  #typedAt: Ms = ms(0)
  #painted: PaintedPrediction | undefined

  constructor(size: ScreenSize, mode: PredictMode, isFresh: boolean) {
    this.mode = mode
    this.#screen = new KnownScreen(size, isFresh)
  }

  type(text: string, now: Ms): string {
    const keys = readTypedKeys(text)
    if (keys.length > MAX_BURST) this.#beginEpoch(now)
    else for (const key of keys) if (!this.#foresee(key, now)) this.#beginEpoch(now)
    this.#typedAt = now
    return this.#repaint(now)
  }

  receive(bytes: Uint8Array, now: Ms): { before: string; after: string } {
    const before = this.takeBack()
    this.#screen.read(bytes)
    if (this.#screen.isWhole) this.#compare(now)
    return { before, after: this.#paint(now) }
  }

  tick(now: Ms): string {
    const [oldest] = this.#pending
    if (oldest !== undefined && now >= this.#endOf(oldest)) this.#giveUp()
    return this.#repaint(now)
  }

  takeBack(): string {
    const place = this.#screen.place
    const painted = this.#painted
    this.#painted = undefined
    return painted === undefined || place === undefined ? '' : hidePrediction(place, painted)
  }

  forget(size: ScreenSize): void {
    this.#painted = undefined
    this.#giveUp()
    this.#screen.resize(size)
  }

  get wakeAt(): Ms | undefined {
    const [oldest] = this.#pending
    if (oldest === undefined) return undefined
    const isMarkNext = this.#painted !== undefined && !this.#painted.isMarked
    return isMarkNext ? ms(oldest.typedAt + this.#lateMs()) : this.#endOf(oldest)
  }

  /** @returns whether it is one whose effect is foreseen now */
  #foresee(key: TypedKey, now: Ms): boolean {
    if (key.is === 'other') return false
    // What was typed before may yet be echoed, and would be taken for the echo of this.
    if (this.#unforeseenAt !== undefined && now < this.#unforeseenAt + this.#settleMs()) return false
    const place = this.#screen.isWhole ? this.#screen.place : undefined
    const last = this.#pending.at(-1)
    if (place === undefined || this.#pending.length >= MAX_PENDING) return false
    if (last !== undefined && (last.epoch !== this.#epoch || place.row !== this.#base?.row)) return false
    this.#unforeseenAt = undefined
    if (last === undefined) this.#base = { row: place.row, column: place.column }
    const before = last ?? { column: place.column, cells: new Map<number, string>() }
    const line = this.#lineAt(place.row, before.column)
    const next = this.#effectOf(key, before, line, place.row)
    if (next === undefined) return false
    this.#pending.push({ typedAt: now, epoch: this.#epoch, ...next })
    return true
  }

  #lineAt(row: KnownRow, column: number) {
    const line = this.#line
    const isHere = line?.row === row && line.epoch === this.#epoch
    if (isHere && column >= line.start && column <= line.end) return line
    this.#line = { row, epoch: this.#epoch, start: column, end: column }
    return this.#line
  }

  #effectOf(
    key: TypedKey,
    { column, cells }: Pick<Prediction, 'column' | 'cells'>,
    line: { readonly start: number; end: number },
    row: KnownRow,
  ): Pick<Prediction, 'column' | 'cells'> | undefined {
    if (key.is === 'left') return column > line.start ? { column: column - 1, cells } : undefined
    if (key.is === 'right') return column < line.end ? { column: column + 1, cells } : undefined
    if (column !== line.end) return undefined
    if (key.is === 'backspace') {
      if (column === line.start || row.cell(column - 1) === undefined) return undefined
      line.end = column - 1
      return { column: line.end, cells: new Map(cells).set(line.end, ' ') }
    }
    // In the last column a terminal waits with the next row until it must.
    if (key.is !== 'letter' || column + 1 + row.doubt >= this.#screen.columns) return undefined
    const gap = Array.from(
      { length: Math.min(GAP + row.doubt, this.#screen.columns - column) },
      (_, at) => column + at,
    )
    if (!gap.every(at => isBlank(cells.get(at) ?? row.cell(at)?.text))) return undefined
    line.end = column + 1
    return { column: line.end, cells: new Map(cells).set(column, key.text) }
  }

  /** Whether the screen is as one of the keys that wait was to make it. */
  #compare(now: Ms): void {
    if (this.#pending.length === 0) return
    const place = this.#screen.place
    const base = this.#base
    if (place === undefined || base === undefined || place.row !== base.row) {
      this.#giveUp()
      return
    }
    if (place.column === base.column) return
    const index = this.#pending.findIndex(({ column, cells }) => {
      if (place.column !== column) return false
      return [...cells].every(([at, text]) => (place.row.cell(at)?.text || ' ') === text)
    })
    const seen = this.#pending[index]
    if (seen === undefined) {
      this.#giveUp()
      return
    }
    this.#trip.sample(now - seen.typedAt)
    this.#echoingEpoch = Math.max(this.#echoingEpoch, seen.epoch)
    this.#pending.splice(0, index + 1)
    base.column = place.column
  }

  /** What was typed may be anything. */
  #beginEpoch(now: Ms): void {
    this.#epoch += 1
    this.#unforeseenAt = now
  }

  #giveUp(): void {
    this.#pending = []
    this.#epoch += 1
    this.#unforeseenAt = this.#typedAt
  }

  #repaint(now: Ms): string {
    return this.takeBack() + this.#paint(now)
  }

  #paint(now: Ms): string {
    const [oldest] = this.#pending
    const shown = this.#pending.findLast(({ epoch }) => epoch <= this.#echoingEpoch)
    const place = this.#screen.isWhole ? this.#screen.place : undefined
    const isShown = this.mode === 'always' || (this.mode === 'auto' && this.#trip.isSlow)
    if (!isShown || oldest === undefined) return ''
    if (shown === undefined || place === undefined || !this.#isAtBase(place)) return ''
    const isMarked = now >= oldest.typedAt + this.#lateMs()
    const { text, painted } = paintPrediction(place, shown, isMarked)
    this.#painted = painted
    return text
  }

  #isAtBase({ row, column }: ScreenPlace): boolean {
    return row === this.#base?.row && column === this.#base.column
  }

  #isShown({ epoch }: Prediction): boolean {
    return epoch <= this.#echoingEpoch
  }

  #endOf(one: Prediction): Ms {
    const trip = this.#trip.smoothedMs
    if (trip === undefined || !this.#isShown(one)) return ms(one.typedAt + UNSEEN_MS)
    return ms(one.typedAt + Math.max(SHOWN_MS, 4 * trip))
  }

  #lateMs(): number {
    return Math.max(LATE_MS, 2 * (this.#trip.smoothedMs ?? 0))
  }

  #settleMs(): number {
    const trip = this.#trip.smoothedMs
    return trip === undefined ? UNKNOWN_TRIP_MS : SETTLED_MS + 1.5 * trip
  }
}

function isBlank(text: string | undefined): boolean {
  return text === '' || text === ' '
}

/** Keys that come at once: more were pasted. */
const MAX_BURST = 8
/** Keys whose echo is waited for: more than a line is for none to look at. */
const MAX_PENDING = 100
/** Empty cells behind what is typed: with fewer it is in the middle of something. */
const GAP = 4
/** So long an echo is not late. */
const LATE_MS = 200
/** So long what is shown waits for its echo at least: a program may have ceased to echo. */
const SHOWN_MS = 5_000
/** So long what is not shown waits for it. */
const UNSEEN_MS = 10_000
/** After a key that nobody can foresee, until all that it did was seen; more than a trip. */
const SETTLED_MS = 20
const UNKNOWN_TRIP_MS = 250
