import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Address } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import { until } from '../testing/until.ts'
import { loadUdpNative } from './udp-native.ts'
import { openUdpSocket } from './udp-socket.ts'

interface Arrival {
  readonly bytes: Uint8Array
  readonly from: Address
}

/** A socket, and what arrives at it, in order. */
function openEar(host?: string) {
  const waiting: Array<(arrival: Arrival) => void> = []
  const arrived: Arrival[] = []
  const socket = openUdpSocket(loadUdpNative(), {
    ...(host !== undefined && { host }),
    onDatagram(bytes, from) {
      const take = waiting.shift()
      if (take === undefined) arrived.push({ bytes: Uint8Array.from(bytes), from })
      else take({ bytes: Uint8Array.from(bytes), from })
    },
  })
  const next = () =>
    new Promise<Arrival>(resolve => {
      const first = arrived.shift()
      if (first === undefined) waiting.push(resolve)
      else resolve(first)
    })
  return { socket, next, arrived }
}

const hosts = [
  { bound: '127.0.0.1', to: '127.0.0.1' },
  { bound: '::1', to: '::1' },
  { bound: undefined, to: '127.0.0.1' },
  { bound: undefined, to: '::1' },
]
for (const { bound, to } of hosts) {
  test(`openUdpSocket() sends and receives at ${to}, bound to ${bound ?? 'all'}`, async () => {
    const a = openEar(bound)
    const b = openEar(bound)
    await using _a = a.socket
    await using _b = b.socket
    a.socket.send(Uint8Array.of(1, 2, 3), { host: to, port: b.socket.address.port })
    const got = await b.next()
    b.socket.send(Uint8Array.of(4), got.from)
    const back = await a.next()
    assert.deepEqual(
      [got.bytes, got.from, back.bytes, back.from],
      [
        Uint8Array.of(1, 2, 3),
        { host: to, port: a.socket.address.port },
        Uint8Array.of(4),
        { host: to, port: b.socket.address.port },
      ],
    )
  })
}

test('openUdpSocket() says so when the port is taken', async () => {
  const first = openEar('127.0.0.1').socket
  await using _first = first
  const { port } = first.address
  assert.throws(
    () => openUdpSocket(loadUdpNative(), { host: '127.0.0.1', port, onDatagram() {} }),
    (error: unknown) => error instanceof MeshError && error.code === 'port-in-use',
  )
})

test('openUdpSocket() passes on no packets of streams, and none that are empty', async () => {
  const ear = openEar('127.0.0.1')
  await using socket = ear.socket
  const stranger = dgram.createSocket('udp4')
  try {
    const { port } = socket.address
    stranger.send(Uint8Array.of(0xff, 1, 1, 0, 9, 9, 9, 9), port, '127.0.0.1')
    stranger.send(new Uint8Array(), port, '127.0.0.1')
    stranger.send(Buffer.alloc(2_000, 0xff), port, '127.0.0.1')
    stranger.send(Uint8Array.of(7), port, '127.0.0.1')
    const { bytes } = await ear.next()
    assert.deepEqual([bytes, ear.arrived], [Uint8Array.of(7), []])
  } finally {
    stranger.close()
    await once(stranger, 'close')
  }
})

test('send() does not throw for what cannot be sent, nor after the end', async () => {
  const { socket } = openEar('127.0.0.1')
  socket.send(Uint8Array.of(1), { host: 'no address', port: 1 })
  socket.send(Uint8Array.of(1), { host: '127.0.0.1', port: 0 })
  socket.send(Uint8Array.of(1), { host: '2001:db8::1', port: 9 })
  socket.send(new Uint8Array(100_000), { host: '127.0.0.1', port: 9 })
  await socket[Symbol.asyncDispose]()
  await socket[Symbol.asyncDispose]()
  socket.send(Uint8Array.of(1), { host: '127.0.0.1', port: 9 })
})

test('send() drops the oldest of what would wait in memory', async () => {
  const [ear, mouth] = [openEar('127.0.0.1'), openEar('127.0.0.1')]
  await using _ear = ear.socket
  await using socket = mouth.socket
  const count = 2_000
  for (let i = 0; i < count; i++) {
    const bytes = Buffer.alloc(1_024)
    bytes.writeUInt32BE(i)
    socket.send(bytes, ear.socket.address)
  }
  // 128 are handed on at once, 1,024 wait.
  assert.equal(socket.droppedCount, count - 128 - 1_024)
  const got = () => ear.arrived.map(({ bytes }) => Buffer.from(bytes).readUInt32BE(0))
  await until(() => got().at(-1) === count - 1, 'the newest has come')
  assert.deepEqual(
    got().filter(i => i >= 128 && i < count - 1_024),
    [],
  )
})

test('openUdpSocket() has room for all that a stream may have under way, as far as the system allows', {
  skip: process.platform !== 'linux' && 'no /proc to read what the system allows',
}, async () => {
  const { socket } = openEar('127.0.0.1')
  await using _socket = socket
  const mostBytes = Number(readFileSync('/proc/sys/net/core/rmem_max', 'utf8'))
  assert.equal(socket.native.getRecvBufferSize(), 2 * Math.min(mostBytes, 4_194_304))
})
