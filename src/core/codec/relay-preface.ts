import { MeshError } from '../model/errors.ts'

/**
 * What a connection to a hub begins with when it wants to be joined to another one:
 *
 *     4 bytes  5a 54 4d 31   `ZTM1`
 *     1 byte   kind          01 dialling half, 02 accepting half
 *     32 bytes ticket
 *
 * 37 bytes; what follows is the other half's and is never read by the hub. The first byte tells it from TLS (0x16),
 * which shares the port.
 *
 * @see docs/protocol.md, "Ticket relay"
 */
export interface RelayPreface {
  readonly side: 'dial' | 'accept'
  /** 32 bytes, unguessable, good once for each side. */
  readonly ticket: Uint8Array
}

/** What is known of a connection by the bytes that came so far. */
export type RelayPrefaceResult =
  | { readonly state: 'more' }
  | { readonly state: 'bad'; readonly error: MeshError }
  /** `rest` are the bytes after the preface, a view of those given. */
  | { readonly state: 'done'; readonly preface: RelayPreface; readonly rest: Uint8Array }

/**
 * The 37 bytes of a preface.
 *
 * @throws MeshError `bad-ticket` unless the ticket has 32 bytes
 */
export function encodeRelayPreface({ side, ticket }: RelayPreface): Uint8Array<ArrayBuffer> {
  if (ticket.length !== TICKET_BYTES) {
    throw new MeshError(
      'bad-ticket',
      `Cannot present ticket: ${ticket.length} bytes instead of ${TICKET_BYTES}`,
    )
  }
  const bytes = new Uint8Array(RELAY_PREFACE_BYTES)
  bytes.set(MAGIC)
  bytes[MAGIC.length] = side === 'dial' ? KIND_DIAL : KIND_ACCEPT
  bytes.set(ticket, MAGIC.length + 1)
  return bytes
}

/**
 * Read a preface from all bytes that came so far; ask again with more while the state is `more`. Never looks beyond
 * 37 bytes, and calls a stranger `bad` at the first byte that does not fit.
 *
 * @param bytes  the whole connection from its start; the ticket is copied, `rest` is a view
 */
export function decodeRelayPreface(bytes: Uint8Array): RelayPrefaceResult {
  const seen = Math.min(bytes.length, MAGIC.length)
  for (let i = 0; i < seen; i++) {
    if (bytes[i] !== MAGIC[i]) return bad('does not begin with ZTM1')
  }
  const kind = bytes[MAGIC.length]
  if (kind === undefined) return { state: 'more' }
  if (kind !== KIND_DIAL && kind !== KIND_ACCEPT) return bad(`unknown kind ${kind}`)
  if (bytes.length < RELAY_PREFACE_BYTES) return { state: 'more' }
  // `new`, not `slice`: the slice of a Node Buffer is a view of memory that is soon another connection's.
  const ticket = new Uint8Array(bytes.subarray(MAGIC.length + 1, RELAY_PREFACE_BYTES))
  return {
    state: 'done',
    preface: { side: kind === KIND_DIAL ? 'dial' : 'accept', ticket },
    rest: bytes.subarray(RELAY_PREFACE_BYTES),
  }
}

function bad(state: string): RelayPrefaceResult {
  return { state: 'bad', error: new MeshError('bad-message', `Cannot read preface of connection: ${state}`) }
}

/** Length of a whole preface. */
export const RELAY_PREFACE_BYTES = 37

const TICKET_BYTES = 32
const MAGIC: readonly number[] = [0x5a, 0x54, 0x4d, 0x31]
const KIND_DIAL = 0x01
const KIND_ACCEPT = 0x02
