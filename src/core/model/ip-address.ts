/** Where an IP address leads: to this computer, this network, this site, the whole internet, many at once, or nowhere. */
export type IpRange =
  | 'unspecified'
  | 'loopback'
  | 'link-local'
  | 'private'
  | 'multicast'
  | 'broadcast'
  | 'public'

/**
 * The 4 or 16 bytes of an IP address. An IPv4 address written as IPv6 (`::ffff:1.2.3.4`) gives 4.
 *
 * @returns undefined for anything else, also for an address with a zone (`fe80::1%eth0`), which means something on one
 *   computer only
 */
export function parseIp(text: string): Uint8Array | undefined {
  if (text.length > MAX_IP_CHARACTERS) return undefined
  if (!text.includes(':')) return parseIpv4(text)
  const [, head = '', tail] = /^(.*:)(\d+\.[\d.]+)$/.exec(text) ?? []
  const v4 = tail === undefined ? undefined : parseIpv4(tail)
  if (tail !== undefined && v4 === undefined) return undefined
  // An IPv4 address at the end stands for two groups.
  const bytes = parseGroups(tail === undefined ? text : `${head}0:0`)
  if (bytes !== undefined && v4 !== undefined) bytes.set(v4, 12)
  return bytes && shorten(bytes)
}

/**
 * An IP address as text, always the same for the same address (RFC 5952).
 *
 * @param bytes  4 or 16; an IPv4-mapped address of 16 is written as IPv4
 */
export function formatIp(bytes: Uint8Array): string {
  const short = shorten(bytes)
  if (short.length === 4) return short.join('.')
  const groups = Array.from({ length: 8 }, (_, i) => groupAt(short, i).toString(16))
  const zeros = longestZeros(groups)
  if (zeros === undefined) return groups.join(':')
  return `${groups.slice(0, zeros.from).join(':')}::${groups.slice(zeros.to).join(':')}`
}

/** The 16 bytes in which both kinds of address fit: IPv4 as `::ffff:1.2.3.4` (RFC 4291, section 2.5.5.2). */
export function mapIp(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 16) return bytes
  const mapped = new Uint8Array(16)
  mapped.set(MAPPED_PREFIX)
  mapped.set(bytes, MAPPED_PREFIX.length)
  return mapped
}

/** Where an address leads. @param bytes  4 or 16, as `parseIp` gives them */
export function ipRange(bytes: Uint8Array): IpRange {
  const [a = 0, b = 0] = bytes
  if (bytes.length === 4) return ipv4Range(a, b)
  if (bytes.subarray(0, 15).every(byte => byte === 0)) {
    if (bytes[15] === 0) return 'unspecified'
    if (bytes[15] === 1) return 'loopback'
  }
  if (a === 0xff) return 'multicast'
  // RFC 4291, section 2.5.6.
  if (a === 0xfe && (b & 0xc0) === 0x80) return 'link-local'
  // RFC 4193.
  return (a & 0xfe) === 0xfc ? 'private' : 'public'
}

/** Where an address leads in the end: translators and tunnels carry IPv4 addresses in those of IPv6. */
export function finalRange(bytes: Uint8Array): IpRange {
  const range = ipRange(bytes)
  if (range !== 'public' || bytes.length === 4) return range
  // Where in these the IPv4 address is, each network says for itself; the other was for sites.
  if (hasPrefix(bytes, LOCAL_NAT64) || (bytes[0] === 0xfe && ((bytes[1] ?? 0) & 0xc0) === 0xc0))
    return 'private'
  const inner = innerIpv4(bytes)
  return inner === undefined ? range : ipRange(inner)
}

/**
 * The IPv4 address that an IPv6 address stands for, by a translator or a tunnel that its network may have: NAT64, 6to4, Teredo,
 * ISATAP, and the forms that were given up.
 *
 * @param bytes  4 or 16, as `parseIp` gives them
 */
export function innerIpv4(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length !== 16) return undefined
  const last = bytes.subarray(12)
  if (hasPrefix(bytes, SIX_TO_FOUR)) return bytes.subarray(2, 6)
  if (hasPrefix(bytes, TEREDO)) return last.map(byte => byte ^ 0xff)
  const isIsatap = ISATAP.every((byte, at) => ((bytes[8 + at] ?? 0) & (at === 0 ? 0xfd : 0xff)) === byte)
  const isCompatible = bytes.subarray(0, 12).every(byte => byte === 0) && ipRange(bytes) === 'public'
  return hasPrefix(bytes, NAT64) || hasPrefix(bytes, TRANSLATED) || isCompatible || isIsatap
    ? last
    : undefined
}

function hasPrefix(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return prefix.every((byte, at) => bytes[at] === byte)
}

/** RFC 6890. */
function ipv4Range(a: number, b: number): IpRange {
  if (a === 0) return 'unspecified'
  if (a === 127) return 'loopback'
  // 255.255.255.255, and what was reserved and belongs to nobody.
  if (a >= 240) return 'broadcast'
  if (a >= 224) return 'multicast'
  if (a === 169 && b === 254) return 'link-local'
  const isPrivate =
    a === 10 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    // RFC 6598: between a carrier's NAT and its customers.
    (a === 100 && b >= 64 && b < 128)
  return isPrivate ? 'private' : 'public'
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  const isIpv4 =
    parts.length === 4 && parts.every(part => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
  return isIpv4 ? Uint8Array.from(parts, Number) : undefined
}

/** Eight groups, or fewer with `::` between. */
function parseGroups(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [front = [], back = []] = halves.map(half => (half === '' ? [] : half.split(':')))
  const missing = 8 - front.length - back.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  const groups = [...front, ...Array.from({ length: missing }, () => '0'), ...back]
  if (!groups.every(group => /^[0-9A-Fa-f]{1,4}$/.test(group))) return undefined
  const values = groups.map(group => Number.parseInt(group, 16))
  return Uint8Array.from(values.flatMap(value => [value >> 8, value & 0xff]))
}

function shorten(bytes: Uint8Array): Uint8Array {
  const isMapped = bytes.length === 16 && MAPPED_PREFIX.every((byte, i) => bytes[i] === byte)
  return isMapped ? bytes.slice(MAPPED_PREFIX.length) : bytes
}

function groupAt(bytes: Uint8Array, index: number): number {
  return ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)
}

/** The longest run of zero groups, the first of equals; a single one is written out. */
function longestZeros(groups: readonly string[]): { from: number; to: number } | undefined {
  let best: { from: number; to: number } | undefined
  for (let from = 0; from < groups.length; from++) {
    let to = from
    while (groups[to] === '0') to++
    if (to - from > Math.max(1, best === undefined ? 0 : best.to - best.from)) best = { from, to }
  }
  return best
}

/** The longest text of an IPv6 address, with an IPv4 address at its end. */
const MAX_IP_CHARACTERS = 45
const MAPPED_PREFIX: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
/** RFC 6052, section 2.1. */
const NAT64 = [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]
/** RFC 8215. */
const LOCAL_NAT64 = [0x00, 0x64, 0xff, 0x9b, 0, 1]
/** RFC 3056, section 2. */
const SIX_TO_FOUR = [0x20, 0x02]
/** RFC 4380, section 4: the client's address, with each bit turned round. */
const TEREDO = [0x20, 0x01, 0, 0]
/** RFC 5214, section 6.1: as an interface's name behind any prefix. */
const ISATAP = [0x00, 0x00, 0x5e, 0xfe]
/** RFC 2765, section 2.1. */
const TRANSLATED = [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0]
