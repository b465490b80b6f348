import { MeshError } from '../core/model/errors.ts'

/** Ends what takes too long: one time limit after another, each for one phase, and one over all. */
export interface Watchdog {
  /** From now on this limit holds instead of the one before. @param limitMs  0 is none */
  guard(limitMs: number, what: string): void
  /** Something moved: the present limit begins anew. */
  touch(): void
  stop(): void
}

/** Make one. @param totalMs  0 is none */
export function createWatchdog(totalMs: number, onLate: (error: MeshError) => void): Watchdog {
  const late = (limitMs: number, what: string) => () =>
    onLate(new MeshError('timed-out', `Request given up: ${what} took over ${limitMs} ms`))
  const total = totalMs === 0 ? undefined : setTimeout(late(totalMs, 'all of it'), totalMs)
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  return {
    guard(limitMs, what) {
      clearTimeout(timer)
      timer = limitMs === 0 || isStopped ? undefined : setTimeout(late(limitMs, what), limitMs)
    },
    touch() {
      timer?.refresh()
    },
    stop() {
      isStopped = true
      clearTimeout(timer)
      clearTimeout(total)
    },
  }
}
