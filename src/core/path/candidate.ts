import { type Address, formatAddress, parseAddress } from '../model/address.ts'
import { formatIp, ipRange, parseIp } from '../model/ip-address.ts'

/** A UDP address at which a peer may be reached. */
export interface Candidate {
  /** An IP address, written in the one way `formatIp` writes it. */
  readonly address: Address
  /** `host`: of its own network, no NAT between. `public`: its own, or that of the NAT in front of it. */
  readonly kind: 'host' | 'public'
}

/** Which addresses are taken. */
export interface CandidateOptions {
  /** Also addresses of this computer: for peers on one machine, as in tests. Default false. */
  readonly loopback?: boolean
}

/**
 * Read the addresses of a peer (`IP:port`) as the hub gave them, best first.
 *
 * The hub has left out what could be a third party (`usableOffers`). Here no more goes than what may be sent to at all:
 * no names, no port 0, nothing that reaches many at once, no link-local IPv6, as its zone is known to its owner alone.
 *
 * @param texts  anything; only the first 32 are looked at
 * @returns at most `MAX_PEER_CANDIDATES`, none twice
 */
export function readCandidates(texts: unknown, { loopback = false }: CandidateOptions = {}): Candidate[] {
  if (!Array.isArray(texts)) return []
  const found = new Map<string, Candidate>()
  for (const text of texts.slice(0, MAX_OFFERS_READ)) {
    const candidate = readCandidate(text, loopback)
    if (candidate !== undefined) found.set(formatAddress(candidate.address), candidate)
    if (found.size === MAX_PEER_CANDIDATES) break
  }
  return [...found.values()]
}

/** A socket address in the one way it is written; undefined if the host is no IP address. */
export function plainAddress({ host, port }: Address): Address | undefined {
  const ip = parseIp(host)
  return ip && { host: formatIp(ip), port }
}

/** Whether an address is of IPv6; IPv4 in IPv6 clothes is not. */
export function isIpv6Address({ host }: Address): boolean {
  return parseIp(host)?.length === 16
}

function readCandidate(text: unknown, loopback: boolean): Candidate | undefined {
  const address = typeof text === 'string' ? readAddress(text) : undefined
  const ip = address && parseIp(address.host)
  if (address === undefined || ip === undefined || address.port === 0) return undefined
  const range = ipRange(ip)
  const kind = range === 'public' ? 'public' : 'host'
  const isUsable =
    range === 'public' ||
    range === 'private' ||
    (range === 'link-local' && ip.length === 4) ||
    (range === 'loopback' && loopback)
  return isUsable ? { address: { host: formatIp(ip), port: address.port }, kind } : undefined
}

function readAddress(text: string): Address | undefined {
  if (text.length > MAX_OFFER_CHARACTERS) return undefined
  try {
    return parseAddress(text, '')
  } catch {
    return undefined
  }
}

/** Addresses of one peer that are tried. */
export const MAX_PEER_CANDIDATES = 8

const MAX_OFFERS_READ = 32
// The longest IPv6 address with brackets and port.
const MAX_OFFER_CHARACTERS = 64
