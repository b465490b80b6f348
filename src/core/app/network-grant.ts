import { finalRange, parseIp } from '../model/ip-address.ts'
import { parseNetworkPattern } from './capabilities.ts'

/** What a program may reach outside the mesh. */
export interface NetworkGrant {
  /** Whether it may ask for a host at all: by its name, or by what that may turn out to be. */
  mayAsk(host: string, port: number): boolean
  /** Whether an address that a host turned out to have may be connected to. */
  mayUse(host: string, port: number, ip: string): boolean
}

/**
 * Make the lines of a grant ready to be asked.
 *
 * A name opens public addresses alone: whose name it is decides where it leads, and could lead it to a router or to
 * this very computer. What is private is reached where the grant names the address or a range around it; this computer
 * also by `localhost`.
 *
 * @param lines  `example.com:443`, `*.example.com:80,443`, `10.0.0.0/8:*`
 * @throws MeshError `bad-input`
 */
export function compileNetworkGrant(lines: readonly string[]): NetworkGrant {
  const patterns = lines.map(text => ({
    fits: parseNetworkPattern(text),
    host: text.slice(0, text.lastIndexOf(':')),
  }))
  const names = (host: string, port: number) => patterns.some(({ fits }) => fits(host, port))
  const namesAddress = (ip: string, port: number) =>
    patterns.some(({ fits, host }) => host !== '*' && parseIp(ip) !== undefined && fits(ip, port))
  return {
    mayAsk: (host, port) =>
      names(host, port) ||
      (parseIp(host) === undefined && patterns.some(({ host: range }) => isRange(range))),
    mayUse(host, port, ip) {
      if (namesAddress(ip, port)) return true
      const bytes = parseIp(ip)
      if (bytes === undefined || !names(host, port)) return false
      const range = finalRange(bytes)
      return range === 'public' || (range === 'loopback' && host === 'localhost' && isNamed(patterns, port))
    },
  }
}

function isRange(host: string): boolean {
  return parseIp(host.replace(/^\[|\]$|\/\d+$/g, '')) !== undefined
}

function isNamed(
  patterns: readonly { fits: (host: string, port: number) => boolean; host: string }[],
  port: number,
): boolean {
  return patterns.some(({ fits, host }) => host === 'localhost' && fits('localhost', port))
}
