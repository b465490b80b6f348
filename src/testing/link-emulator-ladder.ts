import type { LinkConditions } from './link-emulator-schedule.ts'

/** A kind of connection to the internet as people have them, worse and worse. */
export interface Rung {
  readonly name: string
  /** Of each direction: half of the round trip. Losses come in runs. */
  readonly conditions: LinkConditions
}

/** Nine rungs from good to absurd; the last two are what one cannot expect to work. */
export const DEGRADATION_LADDER: readonly Rung[] = [
  rung('good wifi', 100, 16, 0.1),
  rung('congested wifi', 25, 40, 1),
  rung('weak 4G', 8, 90, 2),
  rung('slow 3G', 3, 200, 3),
  rung('congested cellular', 1.5, 300, 5),
  rung('very bad cellular', 0.8, 450, 8),
  rung('satellite', 25, 600, 1.5),
  rung('barely usable', 0.5, 450, 12),
  rung('absurd', 0.256, 800, 25),
]

/** @param lossPercent  of a round trip, so half of it each way */
function rung(name: string, rateMbps: number, roundTripMs: number, lossPercent: number): Rung {
  const delayMs = roundTripMs / 2
  const conditions = {
    rateMbps,
    delayMs,
    jitterMs: delayMs / 5,
    lossPercent: lossPercent / 2,
    lossRunCount: 2,
  }
  return { name, conditions }
}
