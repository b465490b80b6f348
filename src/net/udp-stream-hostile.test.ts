import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { openUdpPair } from '../testing/udp-pair.ts'

/** One who knows how the packets look, and sends what they like. */
async function withAttacker(
  play: (send: (bytes: Uint8Array, port: number) => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const socket = dgram.createSocket('udp4')
  const send = promisify(socket.send.bind(socket)) as (
    bytes: Uint8Array,
    port: number,
    host: string,
  ) => Promise<unknown>
  try {
    await play((bytes, port) => send(bytes, port, '127.0.0.1'))
  } finally {
    socket.close()
    await once(socket, 'close')
  }
}

function packet(fields: {
  readonly type: number
  readonly id: number
  readonly seq: number
  readonly bytes?: number
}) {
  const bytes = Buffer.alloc(20 + (fields.bytes ?? 40), 7)
  bytes.set([0xff, 1, fields.type, 0])
  bytes.writeUInt32LE(fields.id, 4)
  bytes.writeUInt32LE(4_000_000, 8)
  bytes.writeUInt32LE(fields.seq >>> 0, 12)
  bytes.writeUInt32LE(0, 16)
  return bytes
}

/** The most that this process ever mapped, MiB. Linux only. */
function mappedMebibytes(): number {
  return Number(/VmPeak:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1_024
}

test('UdpStream is not touched by noise and by packets for other ids', async () => {
  await using pair = openUdpPair()
  const { near, far, farSocket } = pair
  let got = ''
  far.on('data', bytes => {
    got += bytes
  })
  near.write('before ')
  await once(far, 'data')
  await withAttacker(async send => {
    for (let i = 0; i < 2_000; i++) {
      const noise = randomBytes(randomInt(0, 1_500))
      if (i % 2 === 0 && noise.length > 1) noise.set([0xff, 1])
      // Not the id of the far end by chance.
      if (noise.length > 7) noise.writeUInt8(0x80, 7)
      await send(noise, farSocket.address.port)
      await send(packet({ type: 1 << (i % 6), id: 3 + i, seq: i }), farSocket.address.port)
    }
  })
  near.end('after')
  await once(far, 'end')
  assert.equal(got, 'before after')
})

test('packets far ahead of the stream cost no memory', {
  skip: process.platform !== 'linux' && 'no /proc to measure in',
}, async () => {
  await using pair = openUdpPair()
  const { near, far, farSocket } = pair
  near.write('x')
  await once(far, 'data')
  const before = mappedMebibytes()
  await withAttacker(async send => {
    for (const bits of [10, 16, 20, 24, 28, 30]) {
      await send(packet({ type: 1, id: 2, seq: 5 }), farSocket.address.port)
      await send(packet({ type: 1, id: 2, seq: 5 + 2 ** bits }), farSocket.address.port)
    }
    for (let seq = 10; seq < 50_000; seq++)
      await send(packet({ type: 1, id: 2, seq, bytes: 1_400 }), farSocket.address.port)
  })
  near.write('y')
  const grown = mappedMebibytes() - before
  assert.ok(grown < 300, `${Math.round(grown)} MiB more were mapped`)
})

test('packets with the right id and any content never end the process', async () => {
  await withAttacker(async send => {
    for (let round = 0; round < 30; round++) {
      await using pair = openUdpPair()
      const { near, far, farSocket } = pair
      far.on('error', () => {}).resume()
      near.on('error', () => {}).resume()
      near.write(Buffer.alloc(20_000))
      for (let i = 0; i < 100; i++) {
        const bytes = packet({
          type: randomInt(0, 64),
          id: 2,
          seq: randomInt(0, 40),
          bytes: randomInt(0, 1_400),
        })
        bytes.writeUInt8(randomInt(0, 256), 3)
        if (i % 3 === 0) bytes.writeUInt32LE(randomInt(0, 2 ** 32), 12)
        if (i % 5 === 0) bytes.writeUInt32LE(randomInt(0, 2 ** 32), 16)
        if (i % 7 === 0) bytes.writeUInt32LE(0, 8)
        await send(bytes, farSocket.address.port)
      }
    }
  })
})
