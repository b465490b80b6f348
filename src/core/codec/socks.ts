import { formatIp, parseIp } from '../model/ip-address.ts'

// SOCKS 5 as a server reads and writes it: RFC 1928, and RFC 1929 for names and passwords. Every reader is given all
// bytes that came so far and not yet been read, and is asked again with more while it answers `more`.

/** What a reader makes of the bytes that came so far. */
export type SocksResult<T> =
  | { readonly state: 'more' }
  /** It is not of the protocol; the text says why. */
  | { readonly state: 'bad'; readonly why: string }
  | { readonly state: 'done'; readonly value: T; readonly byteCount: number }

/** The other end of what a client asks for: a name that the exit looks up, or an IP address, and a port. */
export interface SocksAddress {
  readonly host: string
  readonly port: number
}

/** What a client asks for. */
export interface SocksRequest extends SocksAddress {
  readonly command: 'connect' | 'bind' | 'udp-associate'
}

/** A method of logging in; RFC 1928, section 3. */
export const SOCKS_METHODS = { none: 0x00, password: 0x02, unacceptable: 0xff } as const

/** What a server answers to a request; RFC 1928, section 6. */
export const SOCKS_REPLIES = {
  succeeded: 0,
  'general-failure': 1,
  'not-allowed': 2,
  'network-unreachable': 3,
  'host-unreachable': 4,
  refused: 5,
  'ttl-expired': 6,
  'command-not-supported': 7,
  'address-not-supported': 8,
} as const
/** One of the answers to a request. */
export type SocksReply = keyof typeof SOCKS_REPLIES

/** Read the first message of a client: the methods it knows. */
export function readSocksGreeting(bytes: Uint8Array): SocksResult<readonly number[]> {
  const [version, count] = bytes
  if (version !== undefined && version !== VERSION) return { state: 'bad', why: `version ${version}, not 5` }
  if (count === undefined) return MORE
  const end = 2 + count
  if (bytes.length < end) return MORE
  return { state: 'done', value: [...bytes.subarray(2, end)], byteCount: end }
}

/** The answer to a greeting. */
export function encodeSocksMethod(method: keyof typeof SOCKS_METHODS): Uint8Array {
  return Uint8Array.of(VERSION, SOCKS_METHODS[method])
}

/** Read a name and password; RFC 1929, section 2. Bytes that are not UTF-8 become replacement characters. */
export function readSocksPassword(
  bytes: Uint8Array,
): SocksResult<{ readonly name: string; readonly password: string }> {
  const [version, nameLength] = bytes
  if (version !== undefined && version !== PASSWORD_VERSION)
    return { state: 'bad', why: `version ${version} of passwords, not 1` }
  if (nameLength === undefined) return MORE
  const passwordLength = bytes[2 + nameLength]
  if (passwordLength === undefined) return MORE
  const end = 3 + nameLength + passwordLength
  if (bytes.length < end) return MORE
  const text = (from: number, to: number) => new TextDecoder().decode(bytes.subarray(from, to))
  const value = { name: text(2, 2 + nameLength), password: text(3 + nameLength, end) }
  return { state: 'done', value, byteCount: end }
}

/** The answer to a name and password. */
export function encodeSocksPasswordAnswer(isGood: boolean): Uint8Array {
  return Uint8Array.of(PASSWORD_VERSION, isGood ? 0 : 1)
}

/** Read what a client asks for. */
export function readSocksRequest(bytes: Uint8Array): SocksResult<SocksRequest> {
  const [version, commandCode] = bytes
  if (version !== undefined && version !== VERSION) return { state: 'bad', why: `version ${version}, not 5` }
  if (commandCode === undefined) return MORE
  const command = COMMANDS[commandCode]
  if (command === undefined) return { state: 'bad', why: `unknown command ${commandCode}` }
  const address = readAddress(bytes, 3)
  if (address.state !== 'done') return address
  return { state: 'done', value: { command, ...address.value }, byteCount: address.byteCount }
}

/** The answer to a request. @param bound  where the server is bound for it; all zeros where that says nothing */
export function encodeSocksReply(reply: SocksReply, bound: SocksAddress = NOWHERE): Uint8Array {
  const address = encodeAddress(bound)
  const bytes = new Uint8Array(3 + address.length)
  bytes.set([VERSION, SOCKS_REPLIES[reply], 0])
  bytes.set(address, 3)
  return bytes
}

/** A datagram of a UDP association, as it stands between client and server. */
export interface SocksDatagram extends SocksAddress {
  /** A view of the bytes it was read from. */
  readonly payload: Uint8Array
}

/**
 * Read a datagram; RFC 1928, section 7.
 *
 * @returns undefined for one that is not of the protocol, or a fragment: those are dropped, as the RFC allows
 */
export function readSocksDatagram(bytes: Uint8Array): SocksDatagram | undefined {
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== 0) return undefined
  const address = readAddress(bytes, 3)
  if (address.state !== 'done') return undefined
  return { ...address.value, payload: bytes.subarray(address.byteCount) }
}

/** Write a datagram. */
export function encodeSocksDatagram({ host, port, payload }: SocksDatagram): Uint8Array {
  const address = encodeAddress({ host, port })
  const bytes = new Uint8Array(3 + address.length + payload.length)
  bytes.set(address, 3)
  bytes.set(payload, 3 + address.length)
  return bytes
}

/** Type, address and port from `at` on; `byteCount` counts from the beginning of `bytes`. */
function readAddress(bytes: Uint8Array, at: number): SocksResult<SocksAddress> {
  const type = bytes[at]
  if (type === undefined) return MORE
  const nameLength = bytes[at + 1]
  if (type === NAME && nameLength === undefined) return MORE
  const from = type === NAME ? at + 2 : at + 1
  const length = type === NAME ? nameLength : LENGTHS[type]
  if (length === undefined) return { state: 'bad', why: `unknown type of address ${type}` }
  const end = from + length + 2
  if (bytes.length < end) return MORE
  const port = ((bytes[end - 2] ?? 0) << 8) | (bytes[end - 1] ?? 0)
  const raw = bytes.subarray(from, from + length)
  const host = type === NAME ? readName(raw) : formatIp(raw)
  if (host === undefined) return { state: 'bad', why: 'a name that is none' }
  return { state: 'done', value: { host, port }, byteCount: end }
}

/** Names of hosts are ASCII letters, digits, dots, dashes and underscores, or UTF-8 for those who write them so. */
function readName(bytes: Uint8Array): string | undefined {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
  return /^[\p{L}\p{M}\p{N}._:-]+$/u.test(text) ? text : undefined
}

function encodeAddress({ host, port }: SocksAddress): Uint8Array {
  const ip = parseIp(host)
  const raw = ip ?? new TextEncoder().encode(host).subarray(0, 255)
  const head = ip === undefined ? [NAME, raw.length] : [ip.length === 4 ? IPV4 : IPV6]
  return Uint8Array.from([...head, ...raw, (port >> 8) & 0xff, port & 0xff])
}

/** The longest message of a client before its bytes are another's: a name, a password. */
export const MAX_SOCKS_MESSAGE_BYTES = 513

const VERSION = 5
const PASSWORD_VERSION = 1
const IPV4 = 1
const NAME = 3
const IPV6 = 4
const LENGTHS: Readonly<Record<number, number>> = { [IPV4]: 4, [IPV6]: 16 }
const COMMANDS: Readonly<Record<number, SocksRequest['command']>> = {
  1: 'connect',
  2: 'bind',
  3: 'udp-associate',
}
const MORE = { state: 'more' } as const
const NOWHERE: SocksAddress = { host: '0.0.0.0', port: 0 }
