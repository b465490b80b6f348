import { isIpAddress, parseAddress } from '../model/address.ts'

/** What is known of two endpoints that are to be introduced. */
export interface OfferFacts {
  /** IP addresses from which the offering endpoint was seen to come: it can receive there. */
  readonly seen: readonly string[]
  /** The same of the one that is told. */
  readonly seenOther: readonly string[]
}

/**
 * Which of the addresses that an endpoint offers (`IP:port`) another may be told. Nobody can aim our agents at a third
 * party: an address must be a private one, which leads no further than the network of whoever tries it, or one from which
 * the hub has seen the endpoint come. Loopback is for two on the hub's own computer.
 */
export function usableOffers(offers: readonly string[], { seen, seenOther }: OfferFacts): string[] {
  const isNeighbour = seen.some(isLoopback) && seenOther.some(isLoopback)
  return offers.filter(text => {
    const host = hostOf(text)
    if (host === undefined) return false
    if (isLoopback(host)) return isNeighbour
    return isPrivate(host) || seen.includes(host)
  })
}

function hostOf(text: string): string | undefined {
  try {
    const { host, port } = parseAddress(text, '')
    return port > 0 && isIpAddress(host) ? host.toLowerCase() : undefined
  } catch {
    return undefined
  }
}

function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.')
}

/** RFC 1918, RFC 6598 (shared by carriers), RFC 4193 (unique local IPv6). */
function isPrivate(host: string): boolean {
  const [, first, second] = IPV4.exec(host) ?? []
  if (first === undefined || second === undefined) return /^f[cd][0-9a-f]{2}:/.test(host)
  const [a, b] = [Number(first), Number(second)]
  return (
    a === 10 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 100 && b >= 64 && b < 128)
  )
}

const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(?:\d{1,3})\.(?:\d{1,3})$/
