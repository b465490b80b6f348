import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { test } from 'node:test'
import { openTestEdge } from '../testing/udp-edges.ts'
import { until } from '../testing/until.ts'
import { SessionDatagrams } from './session-datagrams.ts'
import type { UdpEdge } from './udp-edge.ts'

/** As much of a stream as a flow sees. */
class Carrier extends EventEmitter {
  destroyed = false
  close(): void {
    this.destroyed = true
    this.emit('close')
  }
}

/** Two ends of a punched path with one secret; the session is left out. */
async function openEnds() {
  const [one, other] = [openTestEdge(), openTestEdge()]
  const ticket = randomBytes(32).toString('base64url')
  const punch = (at: UdpEdge, to: UdpEdge, side: 'dial' | 'accept') =>
    at.punch({ ticket, side, candidates: to.candidates, peerNat: to.nat })
  const [dialled, accepted] = await Promise.all([
    punch(one.edge, other.edge, 'dial'),
    punch(other.edge, one.edge, 'accept'),
  ])
  const secret = randomBytes(56)
  const way = { secret: Uint8Array.from(secret), way: dialled, side: 'dial' } as const
  return {
    dialler: new SessionDatagrams(way),
    accepter: new SessionDatagrams({ secret, way: accepted, side: 'accept' }),
    dialled,
    async [Symbol.asyncDispose]() {
      await one[Symbol.asyncDispose]()
      await other[Symbol.asyncDispose]()
    },
  }
}

const text = (value: string) => Buffer.from(value)

test('a flow carries datagrams both ways, until its stream closes', async () => {
  await using ends = await openEnds()
  const streams = { near: new Carrier(), far: new Carrier() }
  const near = ends.dialler.open(7, streams.near)
  const far = ends.accepter.open(7, streams.far)
  assert.ok(near !== undefined && far !== undefined)
  const heard: string[] = []
  near.onDatagram = bytes => heard.push(`near ${bytes}`)
  far.onDatagram = bytes => {
    heard.push(`far ${bytes}`)
    far.send(text('back'))
  }
  assert.equal(near.send(text('there')), true)
  await until(() => heard.length === 2, 'the answer is back')
  assert.deepEqual(heard, ['far there', 'near back'])
  const { sentBytes, receivedBytes } = ends.dialler
  assert.deepEqual({ sentBytes, receivedBytes }, { sentBytes: 5, receivedBytes: 4 })
  assert.equal(near.send(Buffer.alloc(2_000)), false, 'longer than a packet')

  streams.far.close()
  assert.equal(far.send(text('late')), false)
  near.send(text('to nobody'))
  await until(() => ends.accepter.receivedBytes === 5 + 9, 'it has come')
  assert.equal(heard.length, 2)
})

test('a datagram for no flow changes nothing, and one that nobody hears yet is held, but few are', async () => {
  await using ends = await openEnds()
  const { dialler, accepter } = ends
  const [lone, near] = [dialler.open(1, new Carrier()), dialler.open(2, new Carrier())]
  const far = accepter.open(2, new Carrier())
  assert.ok(lone !== undefined && near !== undefined && far !== undefined)
  lone.send(text('nobody opened this'))
  await until(() => accepter.receivedBytes === 18, 'it has come')
  const size = 1_000
  for (let i = 1; i <= 200; i++) {
    near.send(Buffer.alloc(size, i))
    await until(() => accepter.receivedBytes === 18 + i * size, `${i} have come`)
  }
  const heard: number[] = []
  far.onDatagram = bytes => heard.push(bytes[0] ?? 0)
  // 64 KiB, each with 128 bytes for its keeping.
  assert.deepEqual(
    heard,
    Array.from({ length: 58 }, (_, i) => i + 1),
  )
  near.send(Buffer.alloc(size, 255))
  await until(() => heard.length === 59, 'what comes now is heard at once')
})

test('flows are as many as streams may be, none is open twice, and those of closed streams are free again', async () => {
  await using ends = await openEnds()
  const { accepter } = ends
  const streams = Array.from({ length: 10_000 }, () => new Carrier())
  for (const [flow, stream] of streams.entries()) assert.ok(accepter.open(flow, stream) !== undefined)
  assert.equal(accepter.open(10_000, new Carrier()), undefined)
  assert.equal(accepter.offer(), undefined)
  streams[5]?.close()
  assert.equal(accepter.open(6, new Carrier()), undefined, 'in use')
  const gone = new Carrier()
  gone.close()
  assert.equal(accepter.open(5, gone), undefined, 'its stream has closed')
  assert.ok(accepter.open(5, new Carrier()) !== undefined)
})

test('flows end with the session, and with the path', async () => {
  await using ends = await openEnds()
  const { dialler, accepter, dialled } = ends
  const [near, far] = [dialler.open(1, new Carrier()), accepter.open(1, new Carrier())]
  accepter[Symbol.dispose]()
  assert.deepEqual([far?.send(text('late')), near?.send(text('not known yet'))], [false, true])
  assert.equal(accepter.open(2, new Carrier()), undefined)
  const closed = once(dialled.stream, 'close')
  dialled.stream.destroy()
  await closed
  assert.equal(near?.send(text('late')), false)
  assert.deepEqual([dialler.open(2, new Carrier()), dialler.offer()], [undefined, undefined])
})
