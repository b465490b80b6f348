import { MeshError } from './errors.ts'
import { quote } from './quote.ts'

/** A host name or IP address (IPv6 without brackets) and a port. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** What a tunnel's outbound connects to: an address, or a unix socket on the hosting computer. */
export type Target =
  | ({ readonly kind: 'address' } & Address)
  | { readonly kind: 'unix'; readonly path: string }

/** `host:port`, with brackets around an IPv6 address. */
export function formatAddress(address: Address): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

/**
 * Read `host:port`, `[v6]:port`, `:port` or `port`. A host is a name, an IPv4 address, an IPv6 address in brackets
 * (with a zone, `%eth0`, if need be), or `*` for all addresses of this computer.
 *
 * @param defaultHost  used where the text has none
 * @throws MeshError `bad-input` if there is no port in 0-65535, or the host is not one
 */
export function parseAddress(text: string, defaultHost = '127.0.0.1'): Address {
  const match = /^(?:\[([^[\]]+)\]:|([^:[\]]*):)?(\d{1,5})$/.exec(text)
  const [, v6, name, digits] = match ?? []
  const port = Number(digits)
  const isHost = v6 === undefined ? !name || isHostName(name) : isIpv6(v6)
  if (match === null || port > 65_535 || !isHost) {
    throw new MeshError(
      'bad-input',
      `Cannot read address ${quote(text)}: write HOST:PORT, [IPV6]:PORT or PORT (0 to 65535)`,
    )
  }
  return { host: v6 ?? (name || defaultHost), port }
}

/**
 * Read one word of `--listen` or `--targets`, which may be a range of ports: `8000-8010`, `host:8000-8010`.
 *
 * @returns one address a port, at most `MAX_RANGE_PORTS`
 * @throws MeshError `bad-input` if it is no address, or the range is empty or too long
 */
export function parseAddressRange(text: string, defaultHost?: string): Address[] {
  const range = /^(.*:)?(\d{1,5})-(\d{1,5})$/.exec(text)
  if (range === null) return [parseAddress(text, defaultHost)]
  const first = parseAddress(`${range[1] ?? ''}${range[2]}`, defaultHost)
  const last = Number(range[3])
  if (last < first.port || last > 65_535 || last - first.port >= MAX_RANGE_PORTS) {
    throw new MeshError(
      'bad-input',
      `Cannot read range ${quote(text)}: 1 to ${MAX_RANGE_PORTS} ports, first to last, up to 65535`,
    )
  }
  return Array.from({ length: last - first.port + 1 }, (_, i) => ({ host: first.host, port: first.port + i }))
}

/**
 * Read one word of `--targets`: an address, a range of ports, or `unix:/path`.
 *
 * @throws MeshError `bad-input` if it is none of them
 */
export function parseTargets(text: string): Target[] {
  if (!text.startsWith('unix:'))
    return parseAddressRange(text).map(address => ({ kind: 'address', ...address }))
  const path = text.slice(5)
  const isPath = path.startsWith('/') && !/[\p{Cc}\p{Cs}]/u.test(path)
  if (
    !isPath ||
    path.length > MAX_SOCKET_PATH_BYTES ||
    new TextEncoder().encode(path).length > MAX_SOCKET_PATH_BYTES
  ) {
    throw new MeshError(
      'bad-input',
      `Cannot use target ${quote(text)}: unix:/absolute/path of at most ${MAX_SOCKET_PATH_BYTES} bytes`,
    )
  }
  return [{ kind: 'unix', path }]
}

/** A target as its owner wrote it. */
export function formatTarget(target: Target): string {
  return target.kind === 'unix' ? `unix:${target.path}` : formatAddress(target)
}

/** A DNS name, an IPv4 address or `*`. What ends in a number is an address or nothing, as in a browser. */
function isHostName(text: string): boolean {
  if (text === '*') return true
  if (text.length > MAX_HOST_LENGTH) return false
  const labels = text.split('.')
  if (labels.length > 1 && labels.at(-1) === '') labels.pop()
  if (!labels.every(label => /^\w(?:[\w-]{0,61}\w)?$/.test(label))) return false
  // Else `8080:80` and `1.2.3:80` would be names, and a resolver makes of those whatever it likes.
  return /^(?:\d+|0x[0-9a-f]*)$/i.test(labels.at(-1) ?? '') ? isIpv4(text) : true
}

function isIpv4(text: string): boolean {
  const parts = text.split('.')
  return parts.length === 4 && parts.every(part => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
}

/** Whether it is an IP address, not a name. */
export function isIpAddress(host: string): boolean {
  return isIpv4(host) || isIpv6(host)
}

/** RFC 4291, section 2.2, with the zone of RFC 4007. */
function isIpv6(text: string): boolean {
  // Its longest form, with an IPv4 address and a zone; the next line would take long for a long one.
  if (text.length > 45 + 33) return false
  const [, groups, v4, zone] = /^([0-9A-Fa-f:]*?)(\d+\.[\d.]+)?(%.*)?$/.exec(text) ?? []
  if (groups === undefined || (zone !== undefined && !/^%[\w.-]{1,32}$/.test(zone))) return false
  if (v4 !== undefined && !(groups.endsWith(':') && isIpv4(v4))) return false
  // An IPv4 address at the end stands for two groups.
  const halves = (v4 === undefined ? groups : `${groups}0:0`).split('::')
  const parts = halves.flatMap(half => (half === '' ? [] : half.split(':')))
  if (halves.length > 2 || !parts.every(part => /^[0-9A-Fa-f]{1,4}$/.test(part))) return false
  return halves.length === 2 ? parts.length <= 7 : parts.length === 8
}

/** The most ports one range may span. */
export const MAX_RANGE_PORTS = 1_000

/** RFC 1035, section 2.3.4, without the length bytes. */
const MAX_HOST_LENGTH = 253
/** What `sun_path` of unix(7) holds, less its end. */
const MAX_SOCKET_PATH_BYTES = 107
