import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { after, before, test } from 'node:test'
import { encodeDatagrams, MAX_DATAGRAM_BYTES } from '../core/codec/datagram.ts'
import { createSdkLab, type SdkLab } from '../testing/sdk-lab.ts'
import { DATAGRAM_QUEUE_LIMITS, openDatagrams } from './datagrams.ts'

let lab: SdkLab

before(async () => {
  lab = await createSdkLab()
})
after(() => lab[Symbol.asyncDispose]())

const bytes = (text: string) => new TextEncoder().encode(text)

test('programs send each other datagrams by a udp/ service, whole and in order', async () => {
  await lab.service('udp/echo')
  const host = lab.context(await lab.identity('host', 'host'))
  const guest = lab.context(await lab.identity('guest', 'dialler'))
  const listener = await host.listen('udp/echo')
  listener.onConnection(connection => {
    const datagrams = openDatagrams(connection.on('error', () => {}))
    void (async () => {
      for await (const payload of datagrams) datagrams.send(payload)
      datagrams.close()
    })()
  })
  const connection = await guest.dial('udp/echo')
  const datagrams = openDatagrams(connection.on('error', () => {}))
  const sent = [bytes('one'), new Uint8Array(0), new Uint8Array(MAX_DATAGRAM_BYTES).fill(7), bytes('four')]
  for (const payload of sent) datagrams.send(payload)
  const got = await Promise.all(sent.map(() => datagrams.recv()))
  assert.deepEqual(
    got.map(payload => new Uint8Array(payload)),
    sent,
  )
  datagrams.close()
  await assert.rejects(datagrams.recv(), { code: 'link-closed' })
  assert.throws(() => datagrams.send(bytes('late')), { code: 'link-closed' })
})

test('of datagrams that nobody takes the oldest are lost, at either end', async () => {
  const [near, far] = duplexPair()
  const [sender, receiver] = [openDatagrams(near), openDatagrams(far)]
  const count = DATAGRAM_QUEUE_LIMITS.maxCount + 100
  for (let index = 0; index < count; index++) sender.send(Uint8Array.of(index >> 8, index & 0xff))
  sender.close()
  const got: number[] = []
  await new Promise(resolve => far.once('end', resolve))
  for await (const [high = 0, low = 0] of receiver) got.push((high << 8) | low)
  assert.equal(got.at(-1), count - 1)
  assert.ok(got.length <= DATAGRAM_QUEUE_LIMITS.maxCount)
  assert.equal(got.length + receiver.droppedCount + sender.droppedCount, count)
  assert.deepEqual(
    got,
    got.toSorted((a, b) => a - b),
  )
})

test('what is no datagram ends the connection, and too long a one is not sent', async () => {
  const [near, far] = duplexPair()
  near.on('error', () => {})
  const receiver = openDatagrams(far)
  const waiting = receiver.recv()
  near.write(encodeDatagrams([bytes('good')]))
  assert.deepEqual(await waiting, bytes('good'))
  const next = receiver.recv()
  near.write(Uint8Array.of(0xff, 0xff, 1))
  await assert.rejects(next, { code: 'bad-message' })
  await assert.rejects(receiver.recv(), { code: 'bad-message' })
  assert.equal(far.destroyed, true)
  const [other] = duplexPair()
  assert.throws(() => openDatagrams(other).send(new Uint8Array(MAX_DATAGRAM_BYTES + 1)), {
    code: 'too-large',
  })
})
