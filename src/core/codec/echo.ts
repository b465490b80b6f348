import type { Address } from '../model/address.ts'
import { MeshError } from '../model/errors.ts'
import { formatIp, mapIp, parseIp } from '../model/ip-address.ts'
import { quote } from '../model/quote.ts'

/**
 * A question to a hub's UDP port, "from where do you see me?", and its answer. Both are 28 bytes, so that a hub gives a
 * forged sender no more than it took:
 *
 *     1 byte   5a   `Z`: not of the transport, whose datagrams begin with ff
 *     1 byte   kind: 01 request, 02 answer
 *     8 bytes  transaction, chosen by who asks; the answer repeats it
 *     16 bytes address, IPv6 or IPv4-mapped, every bit inverted; zeros in a request
 *     2 bytes  port, every bit inverted; zeros in a request
 *
 * Inverted, because some NATs replace what looks like an address of theirs wherever they find it.
 *
 * @see docs/protocol.md, "Punching"
 */
export type Echo =
  | { readonly kind: 'request'; readonly transaction: bigint }
  /** `seen` is an IP address and a port. */
  | { readonly kind: 'answer'; readonly transaction: bigint; readonly seen: Address }

/**
 * The 28 bytes of a question or answer.
 *
 * @throws MeshError `bug` if what was seen is no IP address
 */
export function encodeEcho(echo: Echo): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(ECHO_BYTES)
  const view = new DataView(bytes.buffer)
  bytes[0] = PUNCH_MAGIC
  bytes[1] = echo.kind === 'request' ? KIND_REQUEST : KIND_ANSWER
  view.setBigUint64(2, echo.transaction)
  if (echo.kind === 'answer') bytes.set(encodeSocketAddress(echo.seen), 10)
  return bytes
}

/** Read a datagram. @returns undefined if it is none of these; anybody may send anything, so that is no error */
export function decodeEcho(bytes: Uint8Array): Echo | undefined {
  if (bytes.length !== ECHO_BYTES || bytes[0] !== PUNCH_MAGIC) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const transaction = view.getBigUint64(2)
  if (bytes[1] === KIND_REQUEST) return { kind: 'request', transaction }
  if (bytes[1] !== KIND_ANSWER) return undefined
  return { kind: 'answer', transaction, seen: decodeSocketAddress(bytes.subarray(10)) }
}

/**
 * The 18 bytes of an IP address and a port, every bit inverted.
 *
 * @throws MeshError `bug` if the host is no IP address
 */
export function encodeSocketAddress({ host, port }: Address): Uint8Array<ArrayBuffer> {
  const ip = parseIp(host)
  if (ip === undefined) throw new MeshError('bug', `Cannot write address: ${quote(host)} is no IP address`)
  return Uint8Array.from([...mapIp(ip), port >> 8, port & 0xff], byte => byte ^ 0xff)
}

/** What `encodeSocketAddress` wrote. @param bytes  18 */
export function decodeSocketAddress(bytes: Uint8Array): Address {
  const plain = bytes.map(byte => byte ^ 0xff)
  return {
    host: formatIp(plain.subarray(0, 16)),
    port: ((plain[16] ?? 0) << 8) | (plain[17] ?? 0),
  }
}

/** Length of a question and of an answer. */
export const ECHO_BYTES = 28
/** First byte of all datagrams of this kind and of probes. */
export const PUNCH_MAGIC = 0x5a

const KIND_REQUEST = 0x01
const KIND_ANSWER = 0x02
