import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import type { EventEmitter } from 'node:events'

/** Makes records that ask the other end of a session of TLS 1.3 for new keys. */
export interface KeyUpdates {
  /** Note what this end writes, as encrypted, in order. */
  note(bytes: Buffer): void
  /**
   * Records with KeyUpdates that ask for one (RFC 8446, section 4.6.3), `count` of them one after the other. What this end writes
   * then does not open any more.
   */
  make(count: number): Buffer
}

/**
 * Forge records as one end of a session with TLS_AES_128_GCM_SHA256; call it before the handshake.
 *
 * @param end  the socket of a client, or a server with one connection
 */
export function forgeKeyUpdates(end: EventEmitter, side: 'CLIENT' | 'SERVER'): KeyUpdates {
  const secrets: Buffer[] = []
  end.on('keylog', (line: Buffer) => {
    const [label, , secret] = line.toString().trim().split(' ')
    if (label === `${side}_TRAFFIC_SECRET_0`) secrets.push(Buffer.from(String(secret), 'hex'))
  })
  let noted = Buffer.alloc(0)
  return {
    note(bytes) {
      noted = Buffer.concat([noted, bytes])
    },
    make(count) {
      let [secret] = secrets
      if (secret === undefined) throw new Error('Cannot forge: the handshake is not over')
      const made: Buffer[] = []
      let keys = keysOf(secret)
      let sent = records(noted).reduce(
        (opened, record) => (opens(record, keys, opened) ? opened + 1 : opened),
        0,
      )
      for (let i = 0; i < count; i++) {
        made.push(seal(UPDATE_REQUESTED, keys, sent))
        secret = expand(secret, 'traffic upd', 32)
        keys = keysOf(secret)
        sent = 0
      }
      return Buffer.concat(made)
    },
  }
}

interface Keys {
  readonly key: Buffer
  readonly iv: Buffer
}

function keysOf(secret: Buffer): Keys {
  return { key: expand(secret, 'key', 16), iv: expand(secret, 'iv', 12) }
}

/** HKDF-Expand-Label, RFC 8446 section 7.1, of at most one block. */
function expand(secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`)
  const info = Buffer.concat([Buffer.from([0, length, name.length]), name, Buffer.from([0])])
  return createHmac('sha256', secret)
    .update(info)
    .update(Buffer.from([1]))
    .digest()
    .subarray(0, length)
}

function records(bytes: Buffer): Buffer[] {
  const all: Buffer[] = []
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const end = at + HEADER_BYTES + bytes.readUInt16BE(at + 3)
    all.push(bytes.subarray(at, end))
    at = end
  }
  return all
}

function nonce({ iv }: Keys, count: number): Buffer {
  const made = Buffer.from(iv)
  made.writeUInt32BE((made.readUInt32BE(8) ^ count) >>> 0, 8)
  return made
}

function opens(record: Buffer, keys: Keys, count: number): boolean {
  if (record[0] !== APPLICATION_DATA) return false
  const tagAt = record.length - TAG_BYTES
  const cipher = createDecipheriv('aes-128-gcm', keys.key, nonce(keys, count))
  cipher.setAAD(record.subarray(0, HEADER_BYTES)).setAuthTag(record.subarray(tagAt))
  cipher.update(record.subarray(HEADER_BYTES, tagAt))
  try {
    cipher.final()
    return true
  } catch {
    return false
  }
}

function seal(inner: Buffer, keys: Keys, count: number): Buffer {
  const header = Buffer.from([APPLICATION_DATA, 3, 3, 0, inner.length + TAG_BYTES])
  const cipher = createCipheriv('aes-128-gcm', keys.key, nonce(keys, count)).setAAD(header)
  return Buffer.concat([header, cipher.update(inner), cipher.final(), cipher.getAuthTag()])
}

const HEADER_BYTES = 5
const TAG_BYTES = 16
const APPLICATION_DATA = 23
/** Handshake type 24, one byte long, update_requested; then the inner type of the record, handshake. */
const UPDATE_REQUESTED = Buffer.from([24, 0, 0, 1, 1, 22])
