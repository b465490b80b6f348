import { MeshError } from '../model/errors.ts'

/** What the first message of a TLS client tells in the clear. */
export interface ClientHello {
  /** The name it wants to reach (SNI), lower case, without a dot at its end. */
  readonly serverName: string | undefined
  /** Protocols it speaks (ALPN), most wanted first. */
  readonly protocols: readonly string[]
}

/**
 * Read a ClientHello from the first bytes of a connection:
 *
 *     1 byte   22, a record with a handshake       repeated, if the message is spread
 *     2 bytes  version                             over several records
 *     2 bytes  length of the record, big-endian
 *     n bytes  1 byte 1 (ClientHello), 3 bytes length, then
 *              2 version, 32 random, 1+n session id, 2+n cipher suites, 1+n compressions,
 *              2+n extensions: each 2 bytes type, 2+n content
 *
 * @param bytes  all that came so far; nothing is kept of it
 * @returns undefined while the message is not whole
 * @throws MeshError `bad-message` if it is none, `too-large` if it is over `MAX_CLIENT_HELLO_BYTES`
 * @see RFC 8446, sections 4.1.2 and 5.1; RFC 6066, section 3; RFC 7301
 */
export function readClientHello(bytes: Uint8Array): ClientHello | undefined {
  const message = joinRecords(bytes)
  if (message === undefined) return undefined
  const reader = new Reader(message)
  reader.skip(2 + 32)
  reader.skip(reader.number(1))
  reader.skip(reader.number(2))
  reader.skip(reader.number(1))
  let serverName: string | undefined
  let protocols: string[] = []
  if (reader.isAtEnd) return { serverName, protocols }
  const extensions = reader.part(2)
  const seen = new Set<number>()
  while (!extensions.isAtEnd) {
    const type = extensions.number(2)
    const content = extensions.part(2)
    // Twice the same extension is against the rules, and two programs could each read another one.
    if (seen.has(type)) throw refuse('an extension comes twice')
    seen.add(type)
    if (type === SERVER_NAME) serverName = readServerName(content)
    else if (type === ALPN) protocols = readProtocols(content)
  }
  return { serverName, protocols }
}

function joinRecords(bytes: Uint8Array): Uint8Array | undefined {
  const fragments: Uint8Array[] = []
  let have = 0
  let wanted = HANDSHAKE_HEADER_BYTES
  for (let at = 0; have < wanted; ) {
    if (at < bytes.length && bytes[at] !== HANDSHAKE_RECORD) throw refuse('it is no TLS handshake')
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) throw refuse('it is no TLS handshake')
    if (bytes.length - at < RECORD_HEADER_BYTES) return undefined
    const length = ((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0)
    if (length === 0 || length > MAX_RECORD_BYTES) throw refuse(`a record of ${length} bytes`)
    const fragment = bytes.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + length)
    fragments.push(fragment)
    have += fragment.length
    if (have >= HANDSHAKE_HEADER_BYTES && wanted === HANDSHAKE_HEADER_BYTES) wanted += readLength(fragments)
    if (fragment.length < length && have < wanted) return undefined
    at += RECORD_HEADER_BYTES + length
  }
  return concat(fragments, have).subarray(HANDSHAKE_HEADER_BYTES, wanted)
}

function readLength(fragments: readonly Uint8Array[]): number {
  const head = concat(fragments, HANDSHAKE_HEADER_BYTES)
  if (head[0] !== CLIENT_HELLO) throw refuse('its first message is no ClientHello')
  const length = ((head[1] ?? 0) << 16) | ((head[2] ?? 0) << 8) | (head[3] ?? 0)
  if (length > MAX_CLIENT_HELLO_BYTES) {
    throw new MeshError(
      'too-large',
      `Cannot read ClientHello: ${length} bytes: at most ${MAX_CLIENT_HELLO_BYTES}`,
    )
  }
  return length
}

function concat(fragments: readonly Uint8Array[], maxBytes: number): Uint8Array {
  const [first] = fragments
  if (fragments.length === 1 && first !== undefined) return first.subarray(0, maxBytes)
  const all = new Uint8Array(maxBytes)
  let at = 0
  for (const fragment of fragments) {
    const part = fragment.subarray(0, maxBytes - at)
    all.set(part, at)
    at += part.length
  }
  return all
}

function readServerName(content: Reader): string | undefined {
  const list = content.part(2)
  let name: string | undefined
  while (!list.isAtEnd) {
    const type = list.number(1)
    const bytes = list.part(2).rest()
    if (type !== HOST_NAME) continue
    if (name !== undefined) throw refuse('it has two server names')
    name = readAscii(bytes).toLowerCase().replace(/\.$/, '')
    if (!/^[a-z0-9_-][a-z0-9._-]{0,252}$/.test(name)) throw refuse('its server name is no host name')
  }
  return name
}

function readProtocols(content: Reader): string[] {
  const list = content.part(2)
  const protocols: string[] = []
  while (!list.isAtEnd) protocols.push(readAscii(list.part(1).rest()))
  return protocols
}

function readAscii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}

/** Reads numbers and parts, and throws where the bytes end too early. */
class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  number(byteCount: number): number {
    let value = 0
    for (const byte of this.#take(byteCount)) value = value * 256 + byte
    return value
  }

  /** What comes behind its length. */
  part(lengthBytes: number): Reader {
    return new Reader(this.#take(this.number(lengthBytes)))
  }

  skip(byteCount: number): void {
    this.#take(byteCount)
  }

  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at)
  }

  #take(byteCount: number): Uint8Array {
    const end = this.#at + byteCount
    if (end > this.#bytes.length) throw refuse('it ends too early')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}

function refuse(why: string): MeshError {
  return new MeshError('bad-message', `Cannot read ClientHello: ${why}`)
}

/** The longest ClientHello that is read; those with post-quantum keys have some 2,000 bytes. */
export const MAX_CLIENT_HELLO_BYTES = 16_384

const RECORD_HEADER_BYTES = 5
const HANDSHAKE_HEADER_BYTES = 4
const HANDSHAKE_RECORD = 22
const CLIENT_HELLO = 1
/** RFC 8446 section 5.1: 2^14. */
const MAX_RECORD_BYTES = 16_384
const SERVER_NAME = 0
const HOST_NAME = 0
const ALPN = 16
