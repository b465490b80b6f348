import { formatAddress, parseAddressRange, parseTargets } from '../../core/model/address.ts'
import { parseName } from '../../core/model/names.ts'

/** A port that listens at an endpoint, as it offers it. */
export interface OfferedPort {
  readonly ip: string
  readonly port: number
  readonly process?: string | undefined
}

/** What a port is, as a person says it: the program that listens, else what is usual at that number. */
export function portName({ port, process }: OfferedPort): string | undefined {
  return process ?? KNOWN_PORTS[port]
}

/** Where an outbound connects to for a port that is offered: by loopback, if it listens at every address. */
export function targetOf({ ip, port }: OfferedPort): string {
  const isEverywhere = ip === '0.0.0.0' || ip === '::' || ip === '127.0.0.1'
  return isEverywhere ? String(port) : formatAddress({ host: ip, port })
}

/**
 * A local port for a port elsewhere: the same, where everybody may open it, else one that looks like it (`8022` for 22).
 *
 * @param taken  ports that are in use here
 */
export function suggestPort(port: number, taken: ReadonlySet<number>): number {
  const first = port < 1_024 ? port + 8_000 : port
  for (let tried = first; tried <= 65_535; tried += 1) if (!taken.has(tried)) return tried
  return 0
}

/**
 * A name for a tunnel: what it leads to at which endpoint, `office-ssh`, with a number if that is taken.
 *
 * @param taken  names that tunnels of the same protocol have
 */
export function suggestName(endpoint: string, port: OfferedPort, taken: ReadonlySet<string>): string {
  const what = portName(port) ?? String(port.port)
  const base = [...`${plain(endpoint)}-${plain(what)}`].slice(0, 28).join('')
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? base : `${base}-${number}`
    if (!taken.has(name)) return parseName(name)
  }
}

/** Letters and digits of any script, and dashes between them. */
function plain(text: string): string {
  const seen = text.normalize('NFC').replace(/\p{Default_Ignorable_Code_Point}/gu, '')
  return seen.replace(/[^\p{L}\p{M}\p{N}]+/gu, '-').replace(/^-|-$/g, '') || 'x'
}

/** Where an inbound listens, as it was typed: `8080`, `0.0.0.0:8080`, `8000-8010`. @throws MeshError `bad-input` */
export function readListens(words: readonly string[]): { ip: string; port: number }[] {
  return words.flatMap(word => parseAddressRange(word).map(({ host, port }) => ({ ip: host, port })))
}

/** Targets as they were typed: `22`, `db.lan:5432`, `unix:/run/x.sock`. @throws MeshError `bad-input` */
export function readTargets(words: readonly string[]): ({ host: string; port: number } | { unix: string })[] {
  return words.flatMap(word =>
    parseTargets(word).map(target =>
      target.kind === 'unix' ? { unix: target.path } : { host: target.host, port: target.port },
    ),
  )
}

/** A target, as it is typed. */
export function formatTarget(
  target: { readonly host: string; readonly port: number } | { readonly unix: string },
): string {
  return 'unix' in target ? `unix:${target.unix}` : formatAddress(target)
}

/** What is usual at a port, where the program cannot be seen. @see IANA, Service Name and Transport Protocol Port Number Registry */
const KNOWN_PORTS: Readonly<Record<number, string>> = {
  21: 'ftp',
  22: 'ssh',
  25: 'smtp',
  53: 'dns',
  80: 'http',
  139: 'smb',
  143: 'imap',
  389: 'ldap',
  443: 'https',
  445: 'smb',
  631: 'ipp',
  1433: 'mssql',
  1883: 'mqtt',
  2049: 'nfs',
  3306: 'mysql',
  3389: 'rdp',
  5432: 'postgresql',
  5672: 'amqp',
  5900: 'vnc',
  6379: 'redis',
  7777: 'ztm',
  8888: 'ztm-hub',
  9090: 'prometheus',
  9200: 'elasticsearch',
  27017: 'mongodb',
}
