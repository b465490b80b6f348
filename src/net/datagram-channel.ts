import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { createReplayWindow } from '../core/codec/replay-window.ts'
import type { ProbeSide } from '../core/model/probe.ts'

/** Unreliable datagrams of many flows beside the session on a punched path. */
export interface DatagramChannel {
  /** Send one; it may be lost. @returns false if it is longer than the path takes: it has to go another way */
  send(flow: number, bytes: Uint8Array): boolean
  /** A datagram came that names this channel. What is forged, damaged, or came before is dropped. */
  receive(bytes: Uint8Array): void
  /** Datagrams that were dropped: not the other end's, or played again. */
  readonly rejectedCount: number
}

/** What a channel is made of. */
export interface DatagramChannelOptions {
  /** From `exportDatagramSecret`, the same at both ends; owned from now on. */
  readonly secret: Uint8Array
  readonly side: ProbeSide
  /** By which datagrams find this end, and the other: 32 bits each. */
  readonly localId: number
  readonly remoteId: number
  /** Of an IP packet on this path; asked for each datagram. */
  readonly maxPacketBytes: () => number
  readonly send: (bytes: Uint8Array) => void
  /** `bytes` are the receiver's to keep. */
  readonly onDatagram: (flow: number, bytes: Uint8Array) => void
}

/**
 * The secret of a channel, from the session beside it: whoever is at its end is who the session's certificate says.
 *
 * @see RFC 8446, section 7.5; docs/protocol.md, "Datagrams beside a session"
 */
export function exportDatagramSecret(socket: TLSSocket): Uint8Array {
  return socket.exportKeyingMaterial(2 * DIRECTION_BYTES, EXPORTER_LABEL, Buffer.alloc(0))
}

/** The receiving end that a datagram names; undefined if it is none of these. Nothing is known of it yet. */
export function channelOf(bytes: Uint8Array): number | undefined {
  if (bytes[0] !== DATAGRAM_MAGIC || bytes.length < OVERHEAD_BYTES) return undefined
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(1)
}

/**
 * One end of a channel. A datagram is
 *
 *     1 byte   5b
 *     4 bytes  id of the receiving end
 *     8 bytes  counter, from 0, never twice under one key
 *     n bytes  AES-128-GCM of flow (4 bytes) and payload, with the 13 bytes before as further data
 *     16 bytes its tag
 *
 * Each direction has its own key and nonce base; the nonce is the base with the counter added by XOR.
 *
 * @see docs/protocol.md, "Datagrams beside a session"
 */
export function createDatagramChannel(options: DatagramChannelOptions): DatagramChannel {
  const { secret, side, localId, remoteId } = options
  const [dialled, accepted] = [secret.subarray(0, DIRECTION_BYTES), secret.subarray(DIRECTION_BYTES)]
  const seal = readDirection(side === 'dial' ? dialled : accepted)
  const open = readDirection(side === 'dial' ? accepted : dialled)
  const window = createReplayWindow()
  let counter = 0
  let rejectedCount = 0

  function decrypt(bytes: Uint8Array): Uint8Array | undefined {
    const decipher = createDecipheriv(CIPHER, open.key, nonceOf(open.nonce, bytes))
    decipher.setAAD(bytes.subarray(0, HEADER_BYTES))
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
    const plain = decipher.update(bytes.subarray(HEADER_BYTES, bytes.length - TAG_BYTES))
    try {
      decipher.final()
      return plain
    } catch {
      return undefined
    }
  }

  return {
    get rejectedCount() {
      return rejectedCount
    },
    send(flow, bytes) {
      if (bytes.length + OVERHEAD_BYTES + IP_AND_UDP_BYTES > options.maxPacketBytes()) return false
      const packet = Buffer.allocUnsafe(OVERHEAD_BYTES + bytes.length)
      packet[0] = DATAGRAM_MAGIC
      packet.writeUInt32BE(remoteId, 1)
      packet.writeBigUInt64BE(BigInt(counter), 5)
      counter += 1
      const cipher = createCipheriv(CIPHER, seal.key, nonceOf(seal.nonce, packet))
      cipher.setAAD(packet.subarray(0, HEADER_BYTES))
      packet.writeUInt32BE(flow, HEADER_BYTES)
      packet.set(bytes, HEADER_BYTES + FLOW_BYTES)
      packet.set(cipher.update(packet.subarray(HEADER_BYTES, packet.length - TAG_BYTES)), HEADER_BYTES)
      cipher.final()
      packet.set(cipher.getAuthTag(), packet.length - TAG_BYTES)
      options.send(packet)
      return true
    },
    receive(bytes) {
      if (channelOf(bytes) !== localId) return
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      const received = Number(view.getBigUint64(5))
      // Before the code is checked nothing may change, or a forger could close the window.
      const plain = window.isNew(received) ? decrypt(bytes) : undefined
      if (plain === undefined) {
        rejectedCount += 1
        return
      }
      window.add(received)
      const flow = new DataView(plain.buffer, plain.byteOffset).getUint32(0)
      options.onDatagram(flow, plain.subarray(FLOW_BYTES))
    },
  }
}

function readDirection(bytes: Uint8Array): { readonly key: KeyObject; readonly nonce: Uint8Array } {
  // As bytes Node would make the key anew for each datagram, which costs more than all else that is done with it.
  return {
    key: createSecretKey(bytes.subarray(0, KEY_BYTES)),
    nonce: new Uint8Array(bytes.subarray(KEY_BYTES)),
  }
}

/** The nonce base with the counter of a datagram. */
function nonceOf(base: Uint8Array, packet: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(base)
  for (let i = 0; i < 8; i++) nonce[4 + i] = (base[4 + i] ?? 0) ^ (packet[5 + i] ?? 0)
  return nonce
}

/** First byte of these datagrams; those of probes and echoes begin with 5a, packets of streams with ff. */
const DATAGRAM_MAGIC = 0x5b
const CIPHER = 'aes-128-gcm'
const EXPORTER_LABEL = 'EXPORTER-ztm-datagram-1'
const KEY_BYTES = 16
const NONCE_BYTES = 12
const DIRECTION_BYTES = KEY_BYTES + NONCE_BYTES
const HEADER_BYTES = 13
const FLOW_BYTES = 4
const TAG_BYTES = 16
const OVERHEAD_BYTES = HEADER_BYTES + FLOW_BYTES + TAG_BYTES
/** IPv6, which is the longer of the two. */
const IP_AND_UDP_BYTES = 48
