import type { PacketTrain } from './link-emulator-schedule.ts'

// What a macvtap device gives and takes: `virtio_net_hdr + Ethernet frame`. The header is 10 bytes, in the order of
// this computer, little-endian where these tests run:
//   flags u8 | gso type u8 | header length u16 | gso size u16 | checksum start u16 | checksum offset u16
// A frame of gso type ≠ 0 stands for many packets that have the same headers (TCP or UDP segments, `gso size` bytes of
// payload each): the kernel cuts it up only for real hardware, so a link of 1 Gbit/s needs 2,000 reads a second.
// See the virtio specification 1.2, 5.1.6, and linux/virtio_net.h.

/** The packets that a frame stands for. */
export function readTrain(bytes: Uint8Array): PacketTrain {
  const { headerBytes, segmentBytes, payloadBytes } = measure(bytes)
  if (segmentBytes === 0) {
    const packetBytes = bytes.length - VIRTIO_BYTES
    return { packetCount: 1, packetBytes, lastPacketBytes: packetBytes }
  }
  const packetCount = Math.max(1, Math.ceil(payloadBytes / segmentBytes))
  return {
    packetCount,
    packetBytes: headerBytes + segmentBytes,
    lastPacketBytes: headerBytes + payloadBytes - (packetCount - 1) * segmentBytes,
  }
}

/**
 * The frame that stands for some of the packets of another: its payload is cut, lengths, sequence number and checksums
 * follow.
 *
 * @param bytes  of `readTrain(bytes).packetCount` packets; not changed
 * @returns a new frame, or `bytes` itself when all are wanted
 */
export function sliceTrain(bytes: Uint8Array, first: number, count: number): Uint8Array {
  const { packetCount } = readTrain(bytes)
  if (first === 0 && count === packetCount) return bytes
  const { headerBytes, segmentBytes } = measure(bytes)
  const payloadAt = VIRTIO_BYTES + headerBytes
  const from = payloadAt + first * segmentBytes
  const to = Math.min(bytes.length, from + count * segmentBytes)
  const sliced = new Uint8Array(payloadAt + to - from)
  sliced.set(bytes.subarray(0, payloadAt))
  sliced.set(bytes.subarray(from, to), payloadAt)
  const virtio = new DataView(sliced.buffer, 0, VIRTIO_BYTES)
  if (count === 1) {
    virtio.setUint8(1, 0)
    virtio.setUint16(4, 0, true)
  }
  const frame = sliced.subarray(VIRTIO_BYTES)
  const transportAt = virtio.getUint16(6, true)
  const isLast = first + count === packetCount
  const protocol = mendTransport(frame, transportAt, { first, isLast, segmentBytes })
  mendNetwork(frame, transportAt, first)
  const checksumAt = transportAt + virtio.getUint16(8, true)
  viewOf(frame).setUint16(checksumAt, pseudoHeaderSum(frame, transportAt, protocol))
  return sliced
}

function measure(bytes: Uint8Array): { headerBytes: number; segmentBytes: number; payloadBytes: number } {
  const view = viewOf(bytes)
  const type = view.getUint8(1) & ~GSO_ECN
  if (type === 0) return { headerBytes: 0, segmentBytes: 0, payloadBytes: 0 }
  const transportAt = view.getUint16(6, true)
  const transportBytes =
    type === GSO_UDP ? UDP_HEADER_BYTES : (view.getUint8(VIRTIO_BYTES + transportAt + 12) >> 4) * 4
  const headerBytes = transportAt + transportBytes
  return {
    headerBytes,
    segmentBytes: view.getUint16(4, true),
    payloadBytes: bytes.length - VIRTIO_BYTES - headerBytes,
  }
}

/** @returns the number of the protocol */
function mendTransport(
  frame: Uint8Array,
  at: number,
  { first, isLast, segmentBytes }: { first: number; isLast: boolean; segmentBytes: number },
): number {
  const view = viewOf(frame)
  const protocol = frame[isV4(frame) ? ETHERNET_BYTES + 9 : ETHERNET_BYTES + 6] ?? 0
  if (protocol === UDP) {
    view.setUint16(at + 4, frame.length - at)
    return protocol
  }
  view.setUint32(at + 4, view.getUint32(at + 4) + first * segmentBytes)
  let flags = view.getUint8(at + 13)
  if (!isLast) flags &= ~(TCP_FIN | TCP_PSH)
  if (first > 0) flags &= ~TCP_CWR
  view.setUint8(at + 13, flags)
  return protocol
}

function mendNetwork(frame: Uint8Array, transportAt: number, first: number): void {
  const view = viewOf(frame)
  if (!isV4(frame)) {
    view.setUint16(ETHERNET_BYTES + 4, frame.length - ETHERNET_BYTES - 40)
    return
  }
  view.setUint16(ETHERNET_BYTES + 2, frame.length - ETHERNET_BYTES)
  view.setUint16(ETHERNET_BYTES + 4, view.getUint16(ETHERNET_BYTES + 4) + first)
  view.setUint16(ETHERNET_BYTES + 10, 0)
  const sum = foldedSum(frame, ETHERNET_BYTES, transportAt)
  view.setUint16(ETHERNET_BYTES + 10, ~sum & 0xffff)
}

/** What the kernel wants in the place of a checksum that is still to be made: addresses, protocol and length, added up. */
function pseudoHeaderSum(frame: Uint8Array, transportAt: number, protocol: number): number {
  const [from, to] = isV4(frame) ? [12, 20] : [8, 40]
  const addresses = foldedSum(frame, ETHERNET_BYTES + from, ETHERNET_BYTES + to)
  return fold(addresses + protocol + frame.length - transportAt)
}

/** The ones' complement sum of RFC 1071, of an even number of bytes. */
function foldedSum(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0
  for (let at = from; at < to; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  return fold(sum)
}

function fold(sum: number): number {
  const once = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return (once & 0xffff) + (once >>> 16)
}

function isV4(frame: Uint8Array): boolean {
  return frame[12] === 0x08 && frame[13] === 0x00
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const VIRTIO_BYTES = 10
const ETHERNET_BYTES = 14
const UDP_HEADER_BYTES = 8
const GSO_ECN = 0x80
const GSO_UDP = 5
const UDP = 17
const TCP_FIN = 0x01
const TCP_PSH = 0x08
const TCP_CWR = 0x80
