import { MeshError } from '../model/errors.ts'
import type { IntroductionId, Probe } from '../model/probe.ts'
import { decodeSocketAddress, encodeSocketAddress, PUNCH_MAGIC } from './echo.ts'

/** A probe as it came: what it says, and what proves it. */
export interface SealedProbe {
  readonly probe: Probe
  /** The 33 bytes that `mac` is over, a view of the datagram. */
  readonly body: Uint8Array
  /** 16 bytes, a view of the datagram; nothing is known of the probe until they are checked. */
  readonly mac: Uint8Array
}

/**
 * The part of a probe that is authenticated, 33 bytes:
 *
 *     1 byte   5a
 *     1 byte   kind: 11 ping, 12 pong, 13 nominate
 *     1 byte   side of the sender: 01 dials, 02 accepts
 *     8 bytes  introduction
 *     4 bytes  transaction
 *     18 bytes in a pong the address and port from which the ping came, written as in an echo; else zeros
 *
 * The datagram is these and 16 bytes of code over them (`sealProbe`), 49 bytes for every kind, so that a pong is no longer
 * than its ping.
 *
 * @throws MeshError `bug` if the id is not 16 hex digits, or `seen` is no IP address
 * @see docs/protocol.md, "Punching"
 */
export function probeBytes(probe: Probe): Uint8Array<ArrayBuffer> {
  if (!/^[0-9a-f]{16}$/.test(probe.introduction))
    throw new MeshError('bug', 'Cannot write probe: the id of its introduction is not 16 hex digits')
  const bytes = new Uint8Array(BODY_BYTES)
  const view = new DataView(bytes.buffer)
  bytes[0] = PUNCH_MAGIC
  bytes[1] = KINDS[probe.kind]
  bytes[2] = SIDES[probe.side]
  view.setBigUint64(3, BigInt(`0x${probe.introduction}`))
  view.setUint32(11, probe.transaction)
  if (probe.kind === 'pong') bytes.set(encodeSocketAddress(probe.seen), 15)
  return bytes
}

/** The whole datagram. @param mac  at least 16 bytes, of which the first 16 are used */
export function sealProbe(body: Uint8Array, mac: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(PROBE_BYTES)
  bytes.set(body)
  bytes.set(mac.subarray(0, MAC_BYTES), BODY_BYTES)
  return bytes
}

/** Read a datagram. @returns undefined if it is no probe; anybody may send anything, so that is no error */
export function decodeProbe(bytes: Uint8Array): SealedProbe | undefined {
  if (bytes.length !== PROBE_BYTES || bytes[0] !== PUNCH_MAGIC) return undefined
  const kind = nameOf(KINDS, bytes[1])
  const side = nameOf(SIDES, bytes[2])
  if (kind === undefined || side === undefined) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const base = {
    side,
    introduction: view.getBigUint64(3).toString(16).padStart(16, '0') as IntroductionId,
    transaction: view.getUint32(11),
  }
  const probe: Probe =
    kind === 'pong'
      ? { kind, ...base, seen: decodeSocketAddress(bytes.subarray(15, BODY_BYTES)) }
      : { kind, ...base }
  return { probe, body: bytes.subarray(0, BODY_BYTES), mac: bytes.subarray(BODY_BYTES) }
}

function nameOf<Name extends string>(codes: Readonly<Record<Name, number>>, code: unknown): Name | undefined {
  for (const name in codes) if (codes[name] === code) return name
  return undefined
}

/** Length of every probe. */
export const PROBE_BYTES = 49

const MAC_BYTES = 16
const BODY_BYTES = PROBE_BYTES - MAC_BYTES
const KINDS = { ping: 0x11, pong: 0x12, nominate: 0x13 } as const
const SIDES = { dial: 0x01, accept: 0x02 } as const
