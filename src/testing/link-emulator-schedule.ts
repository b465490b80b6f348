import type { SeededRandom } from './seeded-random.ts'

/** What one direction of a link does to packets. */
export interface LinkConditions {
  /** How long every packet is under way, one way; default 0. */
  readonly delayMs?: number
  /** Up to this much longer, evenly spread; order is kept. */
  readonly jitterMs?: number
  /** Of a hundred packets, how many are lost; 100 is a cut link. */
  readonly lossPercent?: number
  /** How many are lost in a row on average; default 1: each by itself. */
  readonly lossRunCount?: number
  /** Of a hundred packets, how many overtake those that are under way: they have no delay. */
  readonly reorderPercent?: number
  /** How fast packets leave, in Mbit/s with all headers; unlimited if absent. */
  readonly rateMbps?: number
  /** What may wait to leave, KiB; default: what the rate carries in 100 ms, at least 64. More is lost. */
  readonly queueKib?: number
}

/** One packet as it is sent, or several of the same size and with the same headers in a row. */
export interface PacketTrain {
  readonly packetCount: number
  /** Bytes of each with all headers; the last one may be shorter. */
  readonly packetBytes: number
  readonly lastPacketBytes: number
}

/** Packets of a train that arrive together. */
export interface Arrival {
  readonly first: number
  readonly count: number
  readonly dueMs: number
}

/** What happened to packets so far. */
export interface LinkCounts {
  sentCount: number
  /** By chance. */
  lostCount: number
  /** For want of room in the queue. */
  droppedCount: number
}

/**
 * One direction of a link, as a schedule: a queue of limited length that empties at a rate, then a delay. Pure: time
 * is `nowMs`, chance is `random`.
 */
export interface LinkSchedule {
  readonly counts: Readonly<LinkCounts>
  conditions: LinkConditions
  /** @returns what arrives and when; what is missing is lost */
  send(train: PacketTrain, nowMs: number): readonly Arrival[]
}

/** Make the schedule of an idle link. */
export function createLinkSchedule(conditions: LinkConditions, random: SeededRandom): LinkSchedule {
  const counts: LinkCounts = { sentCount: 0, lostCount: 0, droppedCount: 0 }
  let [freeAtMs, lastDueMs, isLosing] = [0, 0, false]

  /** Gilbert's model: runs of losses whose mean length and whose share of all packets are as wanted. */
  function isLost({ lossPercent = 0, lossRunCount = 1 }: LinkConditions): boolean {
    const share = lossPercent / 100
    if (share >= 1) return true
    const begins = share / (lossRunCount * (1 - share))
    isLosing = random() < (lossRunCount === 1 ? share : isLosing ? 1 - 1 / lossRunCount : begins)
    return isLosing
  }

  /** @returns when the last bit of it has left, or undefined when the queue is full */
  function leave(bytes: number, nowMs: number, { rateMbps, queueKib }: LinkConditions): number | undefined {
    if (rateMbps === undefined) return nowMs
    const bytesPerMs = (rateMbps * 1e6) / 8 / 1_000
    const roomBytes = queueKib === undefined ? Math.max(65_536, bytesPerMs * 100) : queueKib * 1_024
    const waitingMs = Math.max(0, freeAtMs - nowMs)
    if (waitingMs * bytesPerMs + bytes > roomBytes) return undefined
    freeAtMs = nowMs + waitingMs + bytes / bytesPerMs
    return freeAtMs
  }

  const schedule: LinkSchedule = {
    counts,
    conditions,
    send(train, nowMs) {
      const now = schedule.conditions
      const arrivals: { first: number; count: number; dueMs: number }[] = []
      const isAhead = random() * 100 < (now.reorderPercent ?? 0)
      const extraMs = isAhead ? 0 : (now.delayMs ?? 0) + random() * (now.jitterMs ?? 0)
      for (let index = 0; index < train.packetCount; index += 1) {
        counts.sentCount += 1
        const isLast = index === train.packetCount - 1
        const leftAtMs = leave(isLast ? train.lastPacketBytes : train.packetBytes, nowMs, now)
        if (leftAtMs === undefined) counts.droppedCount += 1
        else if (isLost(now)) counts.lostCount += 1
        else {
          const dueMs = isAhead ? leftAtMs : Math.max(lastDueMs, leftAtMs + extraMs)
          if (!isAhead) lastDueMs = dueMs
          const run = arrivals.at(-1)
          if (run !== undefined && run.first + run.count === index)
            Object.assign(run, { count: run.count + 1, dueMs })
          else arrivals.push({ first: index, count: 1, dueMs })
        }
      }
      return arrivals
    },
  }
  return schedule
}
