import dns from 'node:dns/promises'
import { isIP } from 'node:net'

/**
 * IP addresses of a host for datagrams: the first of IPv4 and the first of IPv6 that the system names.
 *
 * @returns none if it cannot be looked up
 */
export async function lookupIps(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host]
  const all = await dns.lookup(host, { all: true }).catch(() => [])
  return [4, 6].flatMap(family => all.find(one => one.family === family)?.address ?? [])
}
