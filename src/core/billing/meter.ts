/** What a stream carried so far, as seen from who dialled, and how long it took. */
export interface Count {
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly durationMs: number
}

/** Counts one stream. */
export interface Meter {
  sent(byteCount: number): void
  received(byteCount: number): void
  /** @param nowMs  as at the start */
  read(nowMs: number): Count
}

/** Start to count. @param startMs  by a clock that nobody sets: `performance.now()`, not the time of day */
export function createMeter(startMs: number): Meter {
  let bytesSent = 0
  let bytesReceived = 0
  return {
    sent(byteCount) {
      bytesSent += byteCount
    },
    received(byteCount) {
      bytesReceived += byteCount
    },
    read: nowMs => ({ bytesSent, bytesReceived, durationMs: Math.max(0, Math.round(nowMs - startMs)) }),
  }
}
