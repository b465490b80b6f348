import { MeshError } from './errors.ts'
import { mapIp, parseIp } from './ip-address.ts'
import { quote } from './quote.ts'

/**
 * A set of hosts, written as people do: `*` (any), `example.com` (that name), `*.example.com` (names below it), `.example.com` (both),
 * `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`. Names are compared without case, and without a dot at the end.
 */
export interface TargetPattern {
  readonly text: string
  /** @param host  a name, or an IP address without brackets. A name never fits a range of addresses */
  fits(host: string): boolean
  /** Whether it names something: `*` does not. */
  readonly isExplicit: boolean
}

/** Read a pattern. @throws MeshError `bad-input` */
export function parseTargetPattern(text: string): TargetPattern {
  if (text === '*') return { text, isExplicit: false, fits: () => true }
  const range = parseRange(text)
  if (range !== undefined) return { text, isExplicit: true, fits: host => range(parseIp(host)) }
  const [, below = '', name = ''] = /^(\*\.|\.)?(.+)$/.exec(foldHost(text)) ?? []
  if (!isHostName(name)) {
    throw new MeshError(
      'bad-input',
      `Cannot use target ${quote(text)}: write NAME, *.NAME, .NAME, an IP address, a CIDR range, or *`,
    )
  }
  const suffix = `.${name}`
  const isBelow = below !== ''
  const isItself = below !== '*.'
  return {
    text,
    isExplicit: true,
    fits(host) {
      const folded = foldHost(host)
      return (isItself && folded === name) || (isBelow && folded.endsWith(suffix))
    },
  }
}

/** Ports as people write them: `443`, `8000-8010`, `80,443`; anything where it is empty. */
export interface PortSet {
  readonly text: string
  has(port: number): boolean
}

/** Read ports. @throws MeshError `bad-input` */
export function parsePortSet(text: string): PortSet {
  if (text === '' || text === '*') return { text: '*', has: () => true }
  const spans = text.split(',').map(part => {
    const [, first, last] = /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(part) ?? []
    const [from, to] = [Number(first), Number(last ?? first)]
    if (first === undefined || from < 1 || to > 65_535 || from > to) {
      throw new MeshError('bad-input', `Cannot use ports ${quote(text)}: write 443, 8000-8010 or 80,443`)
    }
    return [from, to] as const
  })
  return { text, has: port => spans.some(([from, to]) => from <= port && port <= to) }
}

function foldHost(host: string): string {
  const folded = host.normalize('NFC').toLowerCase()
  return folded.endsWith('.') ? folded.slice(0, -1) : folded
}

function isHostName(name: string): boolean {
  return name.length <= 253 && /^[\p{L}\p{M}\p{N}_-]+(?:\.[\p{L}\p{M}\p{N}_-]+)*$/u.test(name)
}

/** An address or range; undefined where the text is neither. @throws MeshError `bad-input` for bits that cannot be */
function parseRange(text: string): ((ip: Uint8Array | undefined) => boolean) | undefined {
  const [, address = '', digits] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const base = parseIp(address)
  if (base === undefined) return undefined
  const width = base.length * 8
  const bits = digits === undefined ? width : Number(digits)
  if (bits > width) throw new MeshError('bad-input', `Cannot use target ${quote(text)}: at most /${width}`)
  return ip => ip !== undefined && ip.length === base.length && isSamePrefix(ip, base, bits)
}

function isSamePrefix(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  const [wideA, wideB] = [mapIp(a), mapIp(b)]
  const all = bits + (16 - a.length) * 8
  const whole = all >> 3
  for (let at = 0; at < whole; at++) if (wideA[at] !== wideB[at]) return false
  const rest = all & 7
  return rest === 0 || ((wideA[whole] ?? 0) ^ (wideB[whole] ?? 0)) >> (8 - rest) === 0
}
