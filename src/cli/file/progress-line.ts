import type { CopyEvent } from '../../core/files/copy-request.ts'
import type { Cli } from '../context.ts'
import { bytes as inBytes } from '../output/words.ts'

/** One line that tells how far a copy is, and is written over again. */
export interface ProgressLine {
  take(event: CopyEvent): void
  clear(): void
}

/** @param isShown  where it is not, nothing is ever written */
export function createProgressLine(cli: Cli, isShown: boolean): ProgressLine {
  const { stderr, clock } = cli.world
  let totalBytes = 0
  let totalCount = 0
  let doneCount = 0
  let isThere = false
  /** Some of the last seconds: when, and how much was done then. */
  let marks: { atMs: number; bytes: number }[] = []
  return {
    take(event) {
      if (event.event === 'planned') {
        totalBytes = event.bytes
        totalCount = event.fileCount
        marks = [{ atMs: clock.now(), bytes: 0 }]
      }
      if (event.event === 'done' && event.what === 'copied') doneCount += 1
      if (event.event !== 'progress' || !isShown) return
      const now = clock.now()
      marks.push({ atMs: now, bytes: event.doneBytes })
      while (marks.length > 2 && now - (marks[0]?.atMs ?? now) > SPEED_SPAN_MS) marks.shift()
      const text = formatProgress({
        doneBytes: event.doneBytes,
        totalBytes,
        doneCount,
        totalCount,
        perSecond: speedOf(marks),
      })
      stderr.write(`\r\u001b[K${text}`)
      isThere = true
    },
    clear() {
      if (isThere) stderr.write('\r\u001b[K')
      isThere = false
    },
  }
}

/** How far it is: `[#####.....]  52 %  5.2 of 10.0 MB  3 of 7 files  1.3 MB/s  0:04 left`. */
export function formatProgress(state: {
  readonly doneBytes: number
  readonly totalBytes: number
  readonly doneCount: number
  readonly totalCount: number
  /** Bytes; undefined while nobody can tell. */
  readonly perSecond: number | undefined
}): string {
  const { doneBytes, totalBytes, doneCount, totalCount, perSecond } = state
  const share = totalBytes > 0 ? Math.min(1, doneBytes / totalBytes) : 1
  const filled = Math.round(share * BAR_WIDTH)
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}]`
  const leftBytes = Math.max(0, totalBytes - doneBytes)
  return [
    `${bar} ${String(Math.floor(share * 100)).padStart(3)} %`,
    `${inBytes(doneBytes)} of ${inBytes(totalBytes)}`,
    `${doneCount} of ${totalCount} files`,
    ...(perSecond === undefined ? [] : [`${inBytes(Math.round(perSecond))}/s`]),
    ...(perSecond ? [`${formatLeft(leftBytes / perSecond)} left`] : []),
  ].join('  ')
}

function formatLeft(seconds: number): string {
  const whole = Math.ceil(Math.min(seconds, 359_999))
  const two = (value: number) => String(value).padStart(2, '0')
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

function speedOf(marks: readonly { atMs: number; bytes: number }[]): number | undefined {
  const [first, last] = [marks[0], marks.at(-1)]
  if (first === undefined || last === undefined || last.atMs - first.atMs < 500) return undefined
  return ((last.bytes - first.bytes) * 1_000) / (last.atMs - first.atMs)
}

const BAR_WIDTH = 20
/** The speed shown is that of so long. */
const SPEED_SPAN_MS = 5_000
