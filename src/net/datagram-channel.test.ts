import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { channelOf, createDatagramChannel } from './datagram-channel.ts'

/** Two ends, with what each sends in between. */
function openChannels(maxPacketBytes = 1_500) {
  const secret = randomBytes(56)
  const sent: Uint8Array[] = []
  const got: Array<readonly [flow: number, text: string]> = []
  const end = (side: 'dial' | 'accept', localId: number, remoteId: number) =>
    createDatagramChannel({
      secret,
      side,
      localId,
      remoteId,
      maxPacketBytes: () => maxPacketBytes,
      send: bytes => sent.push(bytes),
      onDatagram: (flow, bytes) => got.push([flow, Buffer.from(bytes).toString()]),
    })
  return { dialler: end('dial', 1, 2), accepter: end('accept', 2, 1), sent, got }
}

const text = (value: string) => Buffer.from(value)

test('a datagram comes as it was sent, with its flow, either way', () => {
  const { dialler, accepter, sent, got } = openChannels()
  assert.ok(dialler.send(7, text('there')) && dialler.send(0xffff_ffff, text('')))
  for (const bytes of sent.splice(0)) accepter.receive(bytes)
  accepter.send(7, text('back'))
  for (const bytes of sent.splice(0)) dialler.receive(bytes)
  assert.deepEqual(got, [
    [7, 'there'],
    [0xffff_ffff, ''],
    [7, 'back'],
  ])
})

test('a datagram is taken once, in any order, and not by its sender', () => {
  const { dialler, accepter, sent, got } = openChannels()
  for (const word of ['one', 'two', 'three']) dialler.send(1, text(word))
  for (const bytes of [...sent, ...sent].reverse()) {
    accepter.receive(bytes)
    dialler.receive(bytes)
  }
  assert.deepEqual(
    got.map(([, word]) => word),
    ['three', 'two', 'one'],
  )
  assert.equal(accepter.rejectedCount, 3)
})

test('a datagram that is changed anywhere, or made up, is dropped', () => {
  const { dialler, accepter, sent, got } = openChannels()
  dialler.send(1, text('payload'))
  const [whole = new Uint8Array()] = sent
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Uint8Array.from(whole)
      bytes[at] = (bytes[at] ?? 0) ^ change
      accepter.receive(bytes)
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), noise => {
      accepter.receive(noise)
      accepter.receive(Uint8Array.from([...whole.subarray(0, 5), ...noise]))
    }),
  )
  for (let length = 0; length < whole.length; length++) accepter.receive(whole.subarray(0, length))
  assert.deepEqual(got, [])
  // Forgeries have not spoiled the window for the true one.
  accepter.receive(whole)
  assert.deepEqual(got, [[1, 'payload']])
})

test('a datagram that the path does not take is refused, the longest that it does is sent', () => {
  const { dialler, sent } = openChannels(1_200)
  const longest = 1_200 - 48 - 33
  assert.deepEqual(
    [dialler.send(1, Buffer.alloc(longest)), dialler.send(1, Buffer.alloc(longest + 1))],
    [true, false],
  )
  assert.deepEqual(
    sent.map(bytes => bytes.length),
    [1_200 - 48],
  )
})

test('channelOf() reads the receiving end of a datagram, and nothing of others', () => {
  const { dialler, sent } = openChannels()
  dialler.send(1, text(''))
  const [bytes = new Uint8Array()] = sent
  assert.deepEqual(
    [
      channelOf(bytes),
      channelOf(bytes.subarray(1)),
      channelOf(new Uint8Array()),
      channelOf(bytes.subarray(0, 32)),
    ],
    [2, undefined, undefined, undefined],
  )
})
