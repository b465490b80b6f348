import type { Ms } from '../model/time.ts'

/** Spreads bytes over time. */
export interface Pacer {
  /** Take some. @returns ms to wait before they may go */
  take(byteCount: number, now: Ms): number
}

/** Let bytes go at a rate, a quarter of a second's worth at once after a while without. */
export function createPacer(bytesPerSecond: number): Pacer {
  let freeAtMs = Number.NEGATIVE_INFINITY
  return {
    take(byteCount, now) {
      const startMs = Math.max(freeAtMs, now - BURST_MS)
      freeAtMs = startMs + (byteCount * 1_000) / bytesPerSecond
      return Math.max(0, startMs - now)
    },
  }
}

const BURST_MS = 250
