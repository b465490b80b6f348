import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { LEAST_FLIGHT_BYTES } from '../core/stream/flight-window.ts'
import { STREAM_RECORD_BYTES } from '../core/stream/stream-record.ts'
import { keptBudget, openSessions, openSides, type Sessions, sides } from '../testing/resumable-sessions.ts'
import { until } from '../testing/until.ts'
import { ResumableStream } from './resumable-stream.ts'

/** Open both side streams. @returns how many records each write on them held */
async function openSpiedSides(sessions: Sessions) {
  const [nearSide, farSide] = await openSides(sessions)
  const written = { near: [] as number[], far: [] as number[] }
  spy(nearSide, written.near)
  spy(farSide, written.far)
  return written
}

function spy(stream: Duplex, lengths: number[]): void {
  const { write } = stream
  stream.write = ((...args: Parameters<Duplex['write']>) => {
    lengths.push(args[0].length / STREAM_RECORD_BYTES)
    return write.apply(stream, args)
  }) as Duplex['write']
}

test('the ends of a short stream are told once each way, and acknowledged with what comes next', async () => {
  const sessions = await openSessions()
  const written = await openSpiedSides(sessions)
  const [a, b] = await sessions.carrier()
  const near = new ResumableStream({ budget: keptBudget(), onLost: assert.fail })
  const far = new ResumableStream({ budget: keptBudget(), onLost: assert.fail })
  near.begin(a, sides.of(sessions.near))
  far.begin(b, sides.of(sessions.far))
  far.pipe(far)
  near.resume()
  near.end('x')
  // The far side has told that it got all, and its own end, in one.
  await once(near, 'close')
  assert.deepEqual([written.near, written.far], [[1], [2]])
  await once(far, 'close')
  assert.deepEqual([written.near, written.far], [[1, 1], [2]])
  sessions.near.destroy()
})

test('an end that HTTP/2 alone tells is none: what a session says that is being destroyed is not believed', async () => {
  const sessions = await openSessions()
  await openSides(sessions)
  const [a, b] = await sessions.carrier()
  const lost = Promise.withResolvers<void>()
  const near = new ResumableStream({ budget: keptBudget(), onLost: () => {} })
  const far = new ResumableStream({ budget: keptBudget(), onLost: lost.resolve })
  near.begin(a, sides.of(sessions.near))
  far.begin(b, sides.of(sessions.far))
  let heard = ''
  far.on('data', chunk => {
    heard += chunk
  })
  near.write('in the mid')
  await until(() => heard === 'in the mid', 'the first part has come')
  sessions.near.destroy()
  await lost.promise
  assert.deepEqual([far.readableEnded, far.isLost, near.isLost], [false, true, true])
  // The rest comes over the next session, and then the end is one.
  const next = await openSessions()
  await openSides(next)
  const [c, d] = await next.carrier()
  near.end('dle')
  const positions = [near.received, far.received] as const
  near.carryOn(c, sides.of(next.near), positions[1])
  far.carryOn(d, sides.of(next.far), positions[0])
  await once(far, 'end')
  assert.equal(heard, 'in the middle')
  next.near.destroy()
})

test('an end is not sent on a carrier that is left before it could be told', async () => {
  const sessions = await openSessions()
  // No side stream yet: nothing can be told.
  const [a, b] = await sessions.carrier()
  const near = new ResumableStream({ budget: keptBudget(), onLost: () => {} })
  near.begin(a, sides.of(sessions.near))
  let hasEnded = false
  b.resume().once('end', () => {
    hasEnded = true
  })
  near.end('all')
  await once(b, 'data')
  await new Promise(setImmediate)
  assert.equal(hasEnded, false)
  await openSides(sessions)
  await once(b, 'end')
  sessions.near.destroy()
})

test('what is in flight is bounded while another stream carries little, and where the other side tells promptly', async () => {
  const sessions = await openSessions()
  const side = sides.of(sessions.near)
  const stream = new ResumableStream({ budget: keptBudget(), onLost: () => {} })
  const [bulk, keys] = [side.join(stream, 101), side.join(stream, 103)]
  bulk.sent(1_000_000)
  keys.received(1)
  assert.equal(bulk.shareBytes, Number.POSITIVE_INFINITY, 'the other side has not said that it tells')
  side.hearPromptness('65536')
  assert.ok(bulk.shareBytes <= LEAST_FLIGHT_BYTES)
  await until(() => bulk.shareBytes === Number.POSITIVE_INFINITY, 'nobody waits any more')
  bulk.sent(2_000_000)
  assert.equal(bulk.shareBytes, Number.POSITIVE_INFINITY)
  keys.sent(1)
  assert.ok(bulk.shareBytes <= LEAST_FLIGHT_BYTES)
  sessions.near.destroy()
})
