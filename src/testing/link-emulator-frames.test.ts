import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readTrain, sliceTrain } from './link-emulator-frames.ts'

// One frame of TCP with 250 bytes of payload in segments of 100, as a macvtap device gives it.
const HEADERS = `
  01 01 3600 6400 2200 1000
  020000000002 020000000001 0800
  45 00 0122 1234 4000 40 06 0000 c6120001 c6120002
  1000 2000 fffffff0 00000001 50 99 0100 0000 0000`
const FRAME = Buffer.concat([
  Buffer.from(HEADERS.replaceAll(/\s/g, ''), 'hex'),
  Buffer.from(Array.from({ length: 250 }, (_, i) => i)),
])
const [AT_IP, AT_TCP, AT_PAYLOAD] = [24, 44, 64]

test('a train is told by its header', () => {
  assert.deepEqual(readTrain(FRAME), { packetCount: 3, packetBytes: 154, lastPacketBytes: 104 })
  const single = Buffer.from(FRAME)
  single[1] = 0
  assert.deepEqual(readTrain(single), { packetCount: 1, packetBytes: 304, lastPacketBytes: 304 })
})

test('a part of a train has the payload, lengths, number and flags of its packets', () => {
  const partOf = (first: number, count: number) => {
    const bytes = Buffer.from(sliceTrain(FRAME, first, count))
    return {
      gso: [bytes[1], bytes.readUInt16LE(4)],
      length: bytes.readUInt16BE(AT_IP + 2),
      id: bytes.readUInt16BE(AT_IP + 4),
      sequence: bytes.readUInt32BE(AT_TCP + 4),
      flags: bytes[AT_TCP + 13],
      payload: [bytes[AT_PAYLOAD], bytes.length - AT_PAYLOAD],
    }
  }
  assert.deepEqual(partOf(0, 2), {
    ...{ gso: [1, 100], length: 240, id: 0x1234, sequence: 0xffff_fff0 },
    ...{ flags: 0x90, payload: [0, 200] },
  })
  assert.deepEqual(partOf(1, 1), {
    ...{ gso: [0, 0], length: 140, id: 0x1235, sequence: 84 },
    ...{ flags: 0x10, payload: [100, 100] },
  })
  assert.deepEqual(partOf(2, 1), {
    ...{ gso: [0, 0], length: 90, id: 0x1236, sequence: 184 },
    ...{ flags: 0x19, payload: [200, 50] },
  })
  assert.equal(sliceTrain(FRAME, 0, 3), FRAME)
})

test('checksums of a part are right', () => {
  const bytes = Buffer.from(sliceTrain(FRAME, 1, 2))
  assert.equal(onesSum(bytes.subarray(AT_IP, AT_TCP)), 0xffff)
  const pseudoHeader = Buffer.alloc(12)
  bytes.copy(pseudoHeader, 0, AT_IP + 12, AT_TCP)
  pseudoHeader[9] = 6
  pseudoHeader.writeUInt16BE(bytes.length - AT_TCP, 10)
  assert.equal(bytes.readUInt16BE(AT_TCP + 16), onesSum(pseudoHeader))
})

function onesSum(bytes: Buffer): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum
}
