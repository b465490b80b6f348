import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import type { EndpointId } from '../core/model/ids.ts'
import { bindUdp } from '../net/host-sockets.ts'
import { createManualClock } from '../testing/manual-clock.ts'
import { assertRefused } from '../testing/refusal.ts'
import { openTestEcho, openTestEdge } from '../testing/udp-edges.ts'
import type { UdpEdge } from './udp-edge.ts'
import type { PunchedWay } from './udp-punch.ts'

const ANN = '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11' as EndpointId

/** Let two edges meet, as a hub introduces them. */
async function meet(dialler: UdpEdge, accepter: UdpEdge, ticket = randomBytes(32).toString('base64url')) {
  const accepting = accepter.punch({
    ticket,
    side: 'accept',
    candidates: dialler.candidates,
    peerNat: dialler.nat,
  })
  const dialling = dialler.punch({
    ticket,
    side: 'dial',
    candidates: accepter.candidates,
    peerNat: accepter.nat,
  })
  const [dialled, accepted] = await Promise.all([dialling, accepting])
  return { dialled, accepted }
}

/** The end of a path, however it ends. */
function closeOf({ stream }: PunchedWay): Promise<void> {
  return new Promise(resolve => stream.once('close', resolve))
}

async function say(from: PunchedWay, to: PunchedWay, text: string): Promise<void> {
  from.stream.write(text)
  const [got] = await once(to.stream, 'data')
  assert.equal(String(got), text)
}

test('an edge learns from a hub from where it is seen, and the hub that it can be reached there', async () => {
  await using echo = await openTestEcho(createManualClock())
  await using one = openTestEdge()
  const { edge } = one
  const before = edge.nat
  const offer = echo.admit(ANN)
  assert.ok(offer)
  edge.linked({ host: 'localhost', ...offer })
  await one.changed()
  assert.deepEqual([before, edge.nat], ['unknown', 'none'])
  assert.equal(edge.candidates.length, 1)
  assert.deepEqual(echo.reflexiveAddresses(ANN), edge.candidates)
})

test('an edge whose hub does not answer says that UDP is blocked', async () => {
  const silent = await bindUdp({ host: '127.0.0.1', port: 0 }, () => {})
  await using _silent = silent
  await using one = openTestEdge()
  one.edge.linked({ host: '127.0.0.1', ports: [silent.address.port], token: '000000000001' })
  await one.changed()
  assert.equal(one.edge.nat, 'blocked')
})

test('two edges meet and have a stream', async () => {
  await using a = openTestEdge()
  await using b = openTestEdge()
  const { dialled, accepted } = await meet(a.edge, b.edge)
  await say(dialled, accepted, 'there')
  await say(accepted, dialled, 'and back')
  const closed = closeOf(accepted)
  dialled.stream.destroy()
  await closed
})

test('an edge has several paths at once, each with its own peer', async () => {
  await using a = openTestEdge()
  await using b = openTestEdge()
  await using c = openTestEdge()
  const [ab, ac, cb] = await Promise.all([meet(a.edge, b.edge), meet(a.edge, c.edge), meet(c.edge, b.edge)])
  await Promise.all([
    say(ab.dialled, ab.accepted, 'a to b'),
    say(ac.accepted, ac.dialled, 'c to a'),
    say(cb.dialled, cb.accepted, 'c to b'),
  ])
  for (const { dialled, accepted } of [ab, ac, cb])
    for (const { stream } of [dialled, accepted]) stream.destroy()
})

test('punch() gives up when nobody is there, when it is told to, and for what is no ticket', async () => {
  await using one = openTestEdge()
  const { edge } = one
  const silent = await bindUdp({ host: '127.0.0.1', port: 0 }, () => {})
  await using _silent = silent
  const meeting = {
    ticket: randomBytes(32).toString('base64url'),
    side: 'dial',
    candidates: [`127.0.0.1:${silent.address.port}`],
    peerNat: 'none',
  } as const
  const going = edge.punch(meeting)
  await assertRefused(() => edge.punch(meeting), 'conflict')
  await assertRefused(() => going, 'unreachable')
  await assertRefused(() => edge.punch({ ...meeting, candidates: [] }), 'unreachable')
  await assertRefused(() => edge.punch({ ...meeting, ticket: 'short' }), 'bad-ticket')
  const abort = new AbortController()
  const given = edge.punch({ ...meeting, signal: abort.signal })
  abort.abort()
  await assertRefused(() => given, 'timed-out')
})

test('two with different tickets do not meet', async () => {
  await using a = openTestEdge()
  await using b = openTestEdge()
  const offer = (edge: UdpEdge) => ({ candidates: edge.candidates, peerNat: edge.nat })
  const ticket = () => randomBytes(32).toString('base64url')
  const both = [
    a.edge.punch({ ticket: ticket(), side: 'dial', ...offer(b.edge) }),
    b.edge.punch({ ticket: ticket(), side: 'accept', ...offer(a.edge) }),
  ]
  // Both at once: the second may fail before the first does.
  await Promise.all(both.map(one => assertRefused(() => one, 'unreachable')))
})

test('the paths of an edge end with it', async () => {
  await using a = openTestEdge()
  const b = openTestEdge()
  const { dialled, accepted } = await meet(a.edge, b.edge)
  await say(dialled, accepted, 'x')
  const closed = closeOf(dialled)
  await b[Symbol.asyncDispose]()
  await closed
})
