import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeEcho, encodeEcho } from '../core/codec/echo.ts'
import { type Address, formatAddress } from '../core/model/address.ts'
import type { EndpointId } from '../core/model/ids.ts'
import { bindUdp } from '../net/host-sockets.ts'
import { createManualClock } from '../testing/manual-clock.ts'
import { openTestEcho } from '../testing/udp-edges.ts'

const ANN = '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11' as EndpointId
const clock = createManualClock()

/** A UDP socket that keeps what it hears. */
async function openEar(host = '127.0.0.1') {
  const heard: Uint8Array[] = []
  let wake = () => {}
  const port = await bindUdp({ host, port: 0 }, bytes => {
    heard.push(bytes)
    wake()
  })
  return {
    heard,
    port,
    async hears(count: number): Promise<void> {
      while (heard.length < count)
        await new Promise<void>(resolve => {
          wake = resolve
        })
    },
  }
}

const hubPort = (offer: { readonly ports: readonly number[] } | undefined): Address => ({
  host: '127.0.0.1',
  port: offer?.ports[0] ?? 0,
})

test('the hub answers an echo with the address it saw, and nothing else at all', async () => {
  await using echo = await openTestEcho(clock)
  const ear = await openEar()
  await using port = ear.port
  const to = hubPort(echo.admit(ANN))
  const question = encodeEcho({ kind: 'request', transaction: 7n })
  for (const noise of [
    new Uint8Array(),
    new Uint8Array(28),
    question.subarray(0, 27),
    Buffer.concat([question, Buffer.alloc(1)]),
    encodeEcho({ kind: 'answer', transaction: 7n, seen: to }),
  ])
    port.send(noise, to)
  port.send(question, to)
  await ear.hears(1)
  const [answer] = ear.heard
  assert.deepEqual(answer && decodeEcho(answer), { kind: 'answer', transaction: 7n, seen: port.address })
  assert.equal(answer?.length, question.length)
  assert.deepEqual(echo.reflexiveAddresses(ANN), [])
})

test('the hub knows from where an endpoint asked with its token: the last four, for 90 s', async () => {
  await using echo = await openTestEcho(clock)
  const offer = echo.admit(ANN)
  const transaction = BigInt(`0x${offer?.token}0001`)
  const sources: string[] = []
  for (let i = 0; i < 6; i++) {
    const ear = await openEar()
    ear.port.send(encodeEcho({ kind: 'request', transaction }), hubPort(offer))
    await ear.hears(1)
    sources.unshift(formatAddress(ear.port.address))
    await ear.port[Symbol.asyncDispose]()
  }
  assert.deepEqual(echo.reflexiveAddresses(ANN), sources.slice(0, 4))
  clock.advance(90_001)
  assert.deepEqual(echo.reflexiveAddresses(ANN), [])
})

test('a token holds as long as its link', async () => {
  await using echo = await openTestEcho(clock)
  const first = echo.admit(ANN)
  const second = echo.admit(ANN)
  const ear = await openEar()
  await using port = ear.port
  port.send(encodeEcho({ kind: 'request', transaction: BigInt(`0x${first?.token}0001`) }), hubPort(first))
  await ear.hears(1)
  assert.notEqual(first?.token, second?.token)
  assert.deepEqual(echo.reflexiveAddresses(ANN), [])
  echo.forget(ANN)
  port.send(encodeEcho({ kind: 'request', transaction: BigInt(`0x${second?.token}0001`) }), hubPort(first))
  await ear.hears(2)
  assert.deepEqual(echo.reflexiveAddresses(ANN), [])
})

test('the hub answers one address 200 times a second', async () => {
  await using echo = await openTestEcho(clock)
  const ear = await openEar()
  await using port = ear.port
  const to = hubPort(echo.admit(ANN))
  const ask = (transaction: number) =>
    port.send(encodeEcho({ kind: 'request', transaction: BigInt(transaction) }), to)
  for (let i = 0; i < 200; i++) ask(i)
  await ear.hears(200)
  for (let i = 0; i < 50; i++) ask(1_000 + i)
  // Another address is answered; as the hub reads in order, it has read the others by then.
  const other = await openEar('127.0.0.2')
  await using _other = other.port
  other.port.send(encodeEcho({ kind: 'request', transaction: 1n }), to)
  await other.hears(1)
  assert.equal(ear.heard.length, 200)
  clock.advance(1_000)
  ask(2_000)
  await ear.hears(201)
  const last = ear.heard.at(-1)
  assert.equal(last && decodeEcho(last)?.transaction, 2_000n)
})
