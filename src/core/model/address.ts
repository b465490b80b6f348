import { MeshError } from './errors.ts'

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
 * Read `host:port`, `[v6]:port`, `:port` or `port`.
 *
 * @param defaultHost  used where the text has none
 * @throws MeshError `bad-input` if there is no port in 0-65535, or the host is not one
 */
export function parseAddress(text: string, defaultHost = '127.0.0.1'): Address {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]:|([^:[\]]*):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  const host = match?.[1] ?? (match?.[2] || defaultHost)
  const isHost =
    match?.[1] !== undefined
      ? host.includes(':')
      : /^[A-Za-z0-9._*-]{1,253}$/.test(host) || host.includes(':')
  if (match === null || port > 65_535 || !isHost) {
    throw new MeshError(
      'bad-input',
      `Cannot read address ${JSON.stringify(text)}: write HOST:PORT, [IPV6]:PORT or PORT (0 to 65535)`,
    )
  }
  return { host, port }
}

/**
 * Read one word of `--listen` or `--targets`, which may be a range of ports: `8000-8010`, `host:8000-8010`.
 *
 * @returns one address a port, at most `MAX_RANGE_PORTS`
 * @throws MeshError `bad-input` if it is no address, or the range is empty or too long
 */
export function parseAddressRange(text: string, defaultHost?: string): Address[] {
  const range = /^(.*?)(\d{1,5})-(\d{1,5})$/.exec(text)
  if (range === null || /[A-Za-z._]-?$/.test(range[1] ?? '')) return [parseAddress(text, defaultHost)]
  const first = parseAddress(`${range[1]}${range[2]}`, defaultHost)
  const last = Number(range[3])
  if (last < first.port || last > 65_535 || last - first.port >= MAX_RANGE_PORTS) {
    throw new MeshError(
      'bad-input',
      `Cannot read range ${JSON.stringify(text)}: 1 to ${MAX_RANGE_PORTS} ports, first to last`,
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
  if (!path.startsWith('/') || path.length > 107 || path.includes('\0')) {
    throw new MeshError(
      'bad-input',
      `Cannot use target ${JSON.stringify(text)}: unix:/absolute/path of at most 107 bytes`,
    )
  }
  return [{ kind: 'unix', path }]
}

/** A target as its owner wrote it. */
export function formatTarget(target: Target): string {
  return target.kind === 'unix' ? `unix:${target.path}` : formatAddress(target)
}

/** The most ports one range may span. */
export const MAX_RANGE_PORTS = 1_000
