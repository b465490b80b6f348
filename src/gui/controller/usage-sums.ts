import type { UsageInfo, UsageList } from '../../core/api/billing-api.ts'

/** Bytes that went in one hour. */
export interface HourOfUsage {
  readonly startMs: number
  readonly bytes: number
}

/**
 * What streams carried, hour by hour. Of a stream only its sum is known, so it is spread evenly over the time that it was heard of.
 *
 * @param hourCount  how many hours, the last of which is the one that is now
 * @returns oldest first
 */
export function sumByHour(usage: readonly UsageInfo[], nowMs: number, hourCount: number): HourOfUsage[] {
  const endMs = (Math.floor(nowMs / HOUR_MS) + 1) * HOUR_MS
  const startMs = endMs - hourCount * HOUR_MS
  const bytes = Array<number>(hourCount).fill(0)
  for (const stream of usage) {
    const total = bytesOf(stream)
    const until = Math.min(Math.max(stream.heardAtMs, stream.openedAtMs), endMs - 1)
    const span = until - stream.openedAtMs
    const from = Math.max(stream.openedAtMs, startMs)
    if (until < startMs) continue
    for (let hour = Math.floor((from - startMs) / HOUR_MS); hour < hourCount; hour += 1) {
      const [begin, end] = [startMs + hour * HOUR_MS, startMs + (hour + 1) * HOUR_MS]
      if (begin > until) break
      const share = span <= 0 ? 1 : (Math.min(end, until) - Math.max(begin, from)) / span
      bytes[hour] = (bytes[hour] ?? 0) + total * share
    }
  }
  return bytes.map((sum, hour) => ({ startMs: startMs + hour * HOUR_MS, bytes: Math.round(sum) }))
}

/** What streams carried, by service, the largest first. */
export function sumByService(usage: readonly UsageInfo[]): { service: string; bytes: number }[] {
  const sums = new Map<string, number>()
  for (const stream of usage) sums.set(stream.service, (sums.get(stream.service) ?? 0) + bytesOf(stream))
  return [...sums]
    .map(([service, bytes]) => ({ service, bytes }))
    .sort((a, b) => b.bytes - a.bytes || (a.service < b.service ? -1 : 1))
}

/** Everybody whom a list of usage names, once each. */
export function idsIn(list: UsageList | undefined): string[] {
  const ids = new Set<string>()
  for (const { dialler, host } of list?.usage ?? []) {
    ids.add(dialler.user)
    if (host !== undefined) ids.add(host.user)
  }
  for (const { user } of list?.balances ?? []) ids.add(user)
  for (const { dialler, host } of list?.pairs ?? []) ids.add(dialler).add(host)
  return [...ids]
}

/** Bytes both ways, as who dialled counted them; as the host did, where only that is known. */
export function bytesOf({ counts }: UsageInfo): number {
  const end = counts.dialler ?? counts.host
  return end === undefined ? 0 : end.bytesSent + end.bytesReceived
}

const HOUR_MS = 3_600_000
