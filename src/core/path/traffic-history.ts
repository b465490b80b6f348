/** What one session has carried so far. */
export interface TrafficReading {
  /** What it counts for: an endpoint and a path to it. */
  readonly series: string
  /** The session: counters of another one begin anew. */
  readonly source: string
  /** Bytes since the session opened. */
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly roundTripMs?: number | undefined
}

/** What was carried in each step of the time that is kept, oldest first; null where nothing is known. */
export interface TrafficSeries {
  readonly sentBytes: (number | null)[]
  readonly receivedBytes: (number | null)[]
  readonly roundTripMs: (number | null)[]
}

/** An hour of traffic and latency, by series and in total. Pure: time is `now`, ms since the epoch, from the caller's clock. */
export interface TrafficHistory {
  /** Note what every open session has carried by now. Called about once a step. */
  sample(readings: readonly TrafficReading[], now: number): void
  /** Everything together: the total of what was carried, the latency of none. */
  total(now: number): TrafficSeries
  /** @returns undefined for a series that nothing is known of */
  read(series: string, now: number): TrafficSeries | undefined
  readonly series: Iterable<string>
}

/** Make an empty history; its memory is `maxSeries` times 24 bytes a step, at the most. */
export function createTrafficHistory({
  stepMs,
  stepCount,
  maxSeries,
}: typeof TRAFFIC_LIMITS = TRAFFIC_LIMITS): TrafficHistory {
  const rings = new Map<string, Ring>()
  const totals = createRing(stepCount)
  const counted = new Map<string, { readonly sentBytes: number; readonly receivedBytes: number }>()
  let last = Number.NaN

  /** Steps that passed without a sample are not known; neither is anything after the clock was set back. */
  function moveTo(step: number): void {
    if (step < last) {
      rings.clear()
      totals.clear()
    } else {
      const from = Math.max(Number.isNaN(last) ? step : last + 1, step - stepCount + 1)
      for (let one = from; one <= step; one += 1)
        for (const ring of [totals, ...rings.values()]) ring.forget(one)
    }
    last = step
    for (const [series, ring] of rings) if (ring.heardAt <= step - stepCount) rings.delete(series)
  }

  function ringOf(series: string): Ring {
    // Those that were heard of last are at the end.
    const ring = rings.get(series) ?? createRing(stepCount)
    rings.delete(series)
    rings.set(series, ring)
    return ring
  }

  return {
    sample(readings, now) {
      const step = Math.floor(now / stepMs)
      if (step !== last) moveTo(step)
      const before = new Map(counted)
      counted.clear()
      totals.add(step, 0, 0, undefined)
      for (const { series, source, sentBytes, receivedBytes, roundTripMs } of readings) {
        const key = `${series} ${source}`
        const known = before.get(key)
        counted.set(key, { sentBytes, receivedBytes })
        const sent = Math.max(0, sentBytes - (known?.sentBytes ?? 0))
        const received = Math.max(0, receivedBytes - (known?.receivedBytes ?? 0))
        ringOf(series).add(step, sent, received, roundTripMs)
        totals.add(step, sent, received, undefined)
      }
      for (const series of rings.keys()) {
        if (rings.size <= maxSeries) break
        rings.delete(series)
      }
    },
    total: now => totals.read(Math.floor(now / stepMs)),
    read: (series, now) => rings.get(series)?.read(Math.floor(now / stepMs)),
    get series() {
      return rings.keys()
    },
  }
}

interface Ring {
  heardAt: number
  forget(step: number): void
  clear(): void
  add(step: number, sent: number, received: number, roundTripMs: number | undefined): void
  /** @param step  the last one that is wanted */
  read(step: number): TrafficSeries
}

function createRing(stepCount: number): Ring {
  const columns = [0, 1, 2].map(() => new Float64Array(stepCount).fill(Number.NaN))
  const [sent, received, roundTrips] = columns as [Float64Array, Float64Array, Float64Array]
  const ring: Ring = {
    heardAt: 0,
    forget(step) {
      for (const column of columns) column[step % stepCount] = Number.NaN
    },
    clear() {
      for (const column of columns) column.fill(Number.NaN)
    },
    add(step, sentBytes, receivedBytes, roundTripMs) {
      const at = step % stepCount
      ring.heardAt = step
      sent[at] = (sent[at] || 0) + sentBytes
      received[at] = (received[at] || 0) + receivedBytes
      if (roundTripMs !== undefined) roundTrips[at] = roundTripMs
    },
    read(step) {
      const steps = Array.from({ length: stepCount }, (_, index) => step - stepCount + 1 + index)
      const pick = (column: Float64Array) =>
        steps.map(one => {
          const value = one < 0 || one > ring.heardAt ? undefined : column[one % stepCount]
          return value === undefined || Number.isNaN(value) ? null : value
        })
      return { sentBytes: pick(sent), receivedBytes: pick(received), roundTripMs: pick(roundTrips) }
    },
  }
  return ring
}

/** An hour in steps of five seconds; the series that were not heard of for longest go. */
export const TRAFFIC_LIMITS = { stepMs: 5_000, stepCount: 720, maxSeries: 200 }
