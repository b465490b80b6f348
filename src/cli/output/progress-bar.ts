import type { Cli } from '../context.ts'
import { bytes, plural } from './words.ts'

/** How far something is. */
export interface Progress {
  readonly doneBytes: number
  readonly totalBytes: number
  readonly doneFiles: number
  readonly totalFiles: number
}

/** Shows how far something is: a bar with speed and time left on a terminal, else lines of JSON, on standard error. */
export interface ProgressBar {
  show(progress: Progress): void
  /** Take the bar away; what comes next has the line for itself. */
  clear(): void
}

/** @param about  what JSON lines say besides */
export function createProgressBar(cli: Cli, about: Readonly<Record<string, unknown>>): ProgressBar {
  const { stderr, clock } = cli.world
  if (cli.options.quiet) return { show() {}, clear() {} }
  const marks: { atMs: number; bytes: number }[] = []
  let lastMs = Number.NEGATIVE_INFINITY
  let isThere = false
  return {
    show({ doneBytes, totalBytes, doneFiles, totalFiles }) {
      const progress = { doneBytes, totalBytes, doneFiles, totalFiles }
      const now = clock.now()
      marks.push({ atMs: now, bytes: progress.doneBytes })
      while (marks.length > 2 && now - (marks[0]?.atMs ?? now) > SPEED_SPAN_MS) marks.shift()
      const perSecond = speedOf(marks)
      const isWhole = progress.totalBytes > 0 && progress.doneBytes === progress.totalBytes
      if (!stderr.isTerminal) {
        if (now - lastMs < JSON_INTERVAL_MS && !isWhole) return
        lastMs = now
        const leftMs =
          perSecond && Math.round(((progress.totalBytes - progress.doneBytes) / perSecond) * 1_000)
        stderr.write(
          `${JSON.stringify({ ...about, ...progress, ...(perSecond && { bytesPerSecond: Math.round(perSecond) }), ...(leftMs !== undefined && { leftMs }) })}\n`,
        )
        return
      }
      stderr.write(`\r\u001b[K${formatBar(progress, perSecond)}`)
      isThere = true
    },
    clear() {
      if (isThere) stderr.write('\r\u001b[K')
      isThere = false
    },
  }
}

/** `[#####...............]  26 %  2.6 MB of 10.0 MB  3 of 7 files  1.3 MB/s  0:06 left` @param perSecond  bytes, if known */
export function formatBar(progress: Progress, perSecond: number | undefined): string {
  const { doneBytes, totalBytes, doneFiles, totalFiles } = progress
  const share = totalBytes > 0 ? Math.min(1, doneBytes / totalBytes) : 0
  const filled = Math.round(share * BAR_WIDTH)
  return [
    `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}] ${String(Math.floor(share * 100)).padStart(3)} %`,
    `${bytes(doneBytes)} of ${bytes(totalBytes)}`,
    ...(totalFiles > 1 && doneFiles > 0 ? [`${doneFiles} of ${plural(totalFiles, 'file')}`] : []),
    ...(perSecond === undefined ? [] : [`${bytes(Math.round(perSecond))}/s`]),
    ...(perSecond ? [`${formatLeft(Math.max(0, totalBytes - doneBytes) / perSecond)} left`] : []),
  ].join('  ')
}

function formatLeft(seconds: number): string {
  const whole = Math.ceil(Math.min(seconds, MAX_LEFT_SECONDS))
  const two = (value: number) => String(value).padStart(2, '0')
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

function speedOf(marks: readonly { atMs: number; bytes: number }[]): number | undefined {
  const [first, last] = [marks[0], marks.at(-1)]
  if (first === undefined || last === undefined || last.atMs - first.atMs < MIN_SPAN_MS) return undefined
  return ((last.bytes - first.bytes) * 1_000) / (last.atMs - first.atMs)
}

const BAR_WIDTH = 20
/** The speed shown is that of so long, at least and at most. */
const SPEED_SPAN_MS = 5_000
const MIN_SPAN_MS = 400
const JSON_INTERVAL_MS = 1_000
const MAX_LEFT_SECONDS = 359_999
