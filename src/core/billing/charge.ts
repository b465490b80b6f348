import type { Count } from './meter.ts'
import { chargeable, minus, NO_COUNT } from './reconcile.ts'

/** Which end of a stream counted. */
export type End = 'dialler' | 'host'

/** What one end counted, and whether the stream has ended for it. */
export interface EndCount extends Count {
  readonly isFinal: boolean
}

/** A part of a stream that is to be charged, or was. */
export interface UsagePart extends Count {
  readonly sequence: number
}

/** What is known of the usage of one stream, and what of it was charged. */
export interface Charging {
  readonly counts: { readonly dialler?: EndCount | undefined; readonly host?: EndCount | undefined }
  /** When the first report came; times are the controller's, in ms since the epoch. */
  readonly openedAtMs: number
  /** When the last report came. */
  readonly heardAtMs: number
  /** When the first end said that it is over. */
  readonly endedAtMs?: number | undefined
  /** When the last part was made. */
  readonly partAtMs?: number | undefined
  /** All parts together, charged or on their way. */
  readonly charged: Count
  readonly nextSequence: number
  /** Parts that Commerce has not got yet. */
  readonly outbox: readonly UsagePart[]
}

/** How long things are waited for. */
export interface ChargeTimes {
  /** When one end has said that a stream is over, so long for the other. */
  readonly settleMs: number
  /** A stream of which nobody has said anything for so long is over. */
  readonly staleMs: number
  /** What a long stream uses is charged so often. */
  readonly partEveryMs: number
}

/** A stream that was not heard of before. */
export function newCharging(nowMs: number): Charging {
  return {
    counts: {},
    openedAtMs: nowMs,
    heardAtMs: nowMs,
    charged: NO_COUNT,
    nextSequence: 0,
    outbox: [],
  }
}

/** Take a report in. Of each count the highest holds, so reports may come late, in any order and again. */
export function noteReport(charging: Charging, end: End, report: EndCount, nowMs: number): Charging {
  const before = charging.counts[end]
  const count: EndCount = {
    ...chargeable({ dialler: before, host: report }),
    isFinal: report.isFinal || before?.isFinal === true,
  }
  return {
    ...charging,
    counts: { ...charging.counts, [end]: count },
    heardAtMs: Math.max(charging.heardAtMs, nowMs),
    endedAtMs: charging.endedAtMs ?? (count.isFinal ? nowMs : undefined),
  }
}

/**
 * Make the next part if it is time for one: when the stream is over, or has lasted long since the last part. A stream that
 * carried nothing is charged too, once: it was dialled. What is reported after its end is charged as one more part.
 */
export function makePart(charging: Charging, nowMs: number, times: ChargeTimes): Charging {
  const { counts, charged, nextSequence, outbox, openedAtMs, partAtMs = openedAtMs } = charging
  const total = chargeable(counts)
  const part = minus(total, charged)
  const byteCount = part.bytesSent + part.bytesReceived
  const isOver = isSettled(charging, nowMs, times)
  const isDue = isOver
    ? nextSequence === 0 || byteCount > 0 || part.durationMs >= WORTH_MS
    : byteCount > 0 && nowMs - partAtMs >= times.partEveryMs
  if (!isDue || outbox.length >= MAX_OUTBOX) return charging
  return {
    ...charging,
    charged: {
      bytesSent: charged.bytesSent + part.bytesSent,
      bytesReceived: charged.bytesReceived + part.bytesReceived,
      durationMs: charged.durationMs + part.durationMs,
    },
    nextSequence: nextSequence + 1,
    partAtMs: nowMs,
    outbox: [...outbox, { sequence: nextSequence, ...part }],
  }
}

/** Whether no more reports of the stream are waited for. */
export function isSettled(
  { counts, endedAtMs, heardAtMs }: Charging,
  nowMs: number,
  { settleMs, staleMs }: ChargeTimes,
): boolean {
  if (counts.dialler?.isFinal && counts.host?.isFinal) return true
  if (endedAtMs !== undefined && nowMs - endedAtMs >= settleMs) return true
  return nowMs - heardAtMs >= staleMs
}

/** Whether all is charged, and Commerce has it. */
export function isDone(charging: Charging, nowMs: number, times: ChargeTimes): boolean {
  const isCharged = makePart(charging, nowMs, times) === charging
  return isCharged && charging.outbox.length === 0 && isSettled(charging, nowMs, times)
}

/** A duration alone is charged from here on: what two ends measure of one stream differs by less. */
const WORTH_MS = 5_000
/** Parts of one stream that wait for Commerce; what is used meanwhile goes into the next one. */
const MAX_OUTBOX = 4
