import { parseAddress } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'

/** Counts what was refused by where it came from, so that tokens cannot be tried out. */
export interface Attempts {
  /** @throws MeshError `too-many` if this address was refused too often in the last minute */
  check(address: string, now: number): void
  failed(address: string, now: number): void
}

/**
 * Make a counter of refused calls per address; IPv6 addresses count by their /64, which one computer has to itself.
 *
 * @param options.maxFailures   in a minute, for one address
 * @param options.maxAddresses  counted at a time: beyond it the one that began longest ago is forgotten
 */
export function createAttempts(options: { maxFailures: number; maxAddresses: number }): Attempts {
  // In order of the minutes' starts, as a map keeps the order of insertion.
  const minutes = new Map<string, { readonly startedAtMs: number; readonly failureCount: number }>()

  return {
    check(address, now) {
      const minute = minutes.get(sourceOf(address))
      if (minute === undefined || minute.failureCount < options.maxFailures) return
      if (!isWithin(minute.startedAtMs, now)) return
      const remainingMs = minute.startedAtMs + MINUTE_MS - now
      throw new MeshError(
        'too-many',
        `Cannot enrol: ${minute.failureCount} refused calls from this address: try again in ${Math.ceil(remainingMs / 1000)} s`,
      )
    },
    failed(address, now) {
      const source = sourceOf(address)
      const minute = minutes.get(source)
      if (minute !== undefined && isWithin(minute.startedAtMs, now)) {
        minutes.set(source, { ...minute, failureCount: minute.failureCount + 1 })
        return
      }
      minutes.delete(source)
      const [oldest] = minutes.keys()
      if (oldest !== undefined && minutes.size >= options.maxAddresses) minutes.delete(oldest)
      minutes.set(source, { startedAtMs: now, failureCount: 1 })
    },
  }
}

/** A clock that was set back begins a new minute, and does not lock anybody out until it is there again. */
function isWithin(startedAtMs: number, now: number): boolean {
  return now >= startedAtMs && now < startedAtMs + MINUTE_MS
}

/** The part of an address that one party cannot choose freely. */
function sourceOf(address: string): string {
  let host = address
  try {
    host = parseAddress(address).host
  } catch {
    // Not host:port: counted as it stands.
  }
  if (!host.includes(':') || host.includes('.')) return host
  const [head = '', tail] = host.split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length)
  return [...front, ...Array<string>(gap).fill('0'), ...back].slice(0, 4).join(':')
}

const MINUTE_MS = 60_000
