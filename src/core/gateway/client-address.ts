import { MeshError } from '../model/errors.ts'
import { formatIp, mapIp, parseIp } from '../model/ip-address.ts'

/**
 * Tells who asks, as text: the client, then the trusted proxies between it and the gateway.
 *
 * @param remote  the address at the other end of the connection
 */
export type ClientFinder = (remote: string, forwardedFor: string | undefined) => [string, ...string[]]

/**
 * Believe `X-Forwarded-For` of some proxies. It is read from its end: up to the first address that is no trusted
 * proxy, for what stands before that the client wrote itself.
 *
 * @param trusted  addresses, or ranges like `10.0.0.0/8`
 * @throws MeshError `bad-input`
 */
export function createClientFinder(trusted: readonly string[]): ClientFinder {
  const ranges = trusted.map(parseRange)
  if (ranges.length === 0) return remote => [remote.replace(/^::ffff:(?=\d+\.)/i, '')]
  const isTrusted = (address: string) => {
    const bytes = parseIp(address)
    return bytes !== undefined && ranges.some(range => isWithin(mapIp(bytes), range))
  }
  return (remote, forwardedFor) => {
    const bytes = parseIp(remote)
    const peer = bytes === undefined ? remote : formatIp(bytes)
    const chain: [string, ...string[]] = [peer]
    if (forwardedFor === undefined || !isTrusted(peer)) return chain
    for (const text of forwardedFor.split(',').slice(-MAX_PROXIES).reverse()) {
      const address = parseIp(text.trim())
      if (address === undefined) break
      chain.unshift(formatIp(address))
      if (!isTrusted(chain[0])) break
    }
    return chain
  }
}

interface Range {
  readonly bytes: Uint8Array
  readonly bits: number
}

function parseRange(text: string): Range {
  const [address = '', bits, ...more] = text.split('/')
  const bytes = parseIp(address)
  const whole = bytes?.length === 4 ? 32 : 128
  const count = bits === undefined ? whole : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN
  if (bytes === undefined || more.length > 0 || !(count >= 0 && count <= whole)) {
    throw new MeshError(
      'bad-input',
      `Cannot trust proxy "${text}": write an IP address or a range like 10.0.0.0/8`,
    )
  }
  return { bytes: mapIp(bytes), bits: count + 128 - whole }
}

function isWithin(bytes: Uint8Array, range: Range): boolean {
  for (let bit = 0; bit < range.bits; bit += 8) {
    const mask = range.bits - bit >= 8 ? 0xff : (0xff00 >> (range.bits - bit)) & 0xff
    if ((((bytes[bit / 8] ?? 0) ^ (range.bytes[bit / 8] ?? 0)) & mask) !== 0) return false
  }
  return true
}

/** Proxies in a row that are believed. */
const MAX_PROXIES = 16

/**
 * What counts as one client: an IPv4 address, or the 64 bits of an IPv6 address that one household or computer has all
 * of (RFC 6177). An IPv4 address as IPv6 writes it is the IPv4 address.
 */
export function clientGroup(address: string): string {
  if (!address.includes(':')) return address
  const bytes = parseIp(address)
  if (bytes === undefined || bytes.length === 4) return address.replace(/^::ffff:/i, '')
  return `${formatIp(Uint8Array.from(bytes, (byte, i) => (i < 8 ? byte : 0)))}/64`
}
