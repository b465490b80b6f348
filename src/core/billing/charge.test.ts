import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Charging, type EndCount, isDone, makePart, newCharging, noteReport } from './charge.ts'
import { chargeable } from './reconcile.ts'

const TIMES = { settleMs: 30_000, staleMs: 600_000, partEveryMs: 300_000 }

const count = (bytesSent: number, isFinal = true, durationMs = 100): EndCount => ({
  bytesSent,
  bytesReceived: 0,
  durationMs,
  isFinal,
})

/** Numbers of the parts that wait, with their bytes. */
const parts = ({ outbox }: Charging) => outbox.map(({ sequence, bytesSent }) => [sequence, bytesSent])

test('a stream is charged at once when both ends have said what it carried', () => {
  let one = noteReport(newCharging(0), 'host', count(10), 5)
  assert.deepEqual(parts(makePart(one, 5, TIMES)), [])
  one = makePart(noteReport(one, 'dialler', count(12), 6), 6, TIMES)
  assert.deepEqual(parts(one), [[0, 12]])
  assert.deepEqual(makePart(one, 1e9, TIMES), one)
})

test('a stream is charged by what one end says when the other stays silent', () => {
  const one = noteReport(newCharging(0), 'host', count(10), 5)
  assert.deepEqual(parts(makePart(one, 30_004, TIMES)), [])
  assert.deepEqual(parts(makePart(one, 30_005, TIMES)), [[0, 10]])
})

test('a stream whose ends both died is charged by the last that was heard', () => {
  const one = noteReport(newCharging(0), 'dialler', count(7, false), 5)
  assert.deepEqual(parts(makePart(one, 600_005, TIMES)), [[0, 7]])
})

test('a stream that carried nothing is charged too, once', () => {
  const one = makePart(noteReport(newCharging(0), 'host', count(0), 5), 40_000, TIMES)
  assert.deepEqual(parts(one), [[0, 0]])
  assert.deepEqual(parts(makePart(one, 90_000, TIMES)), [[0, 0]])
})

test('a long stream is charged in parts, and its end by what is left', () => {
  let one = noteReport(newCharging(0), 'host', count(10, false), 1_000)
  assert.deepEqual(parts(makePart(one, 299_999, TIMES)), [])
  one = makePart(noteReport(one, 'host', count(50, false), 299_000), 300_000, TIMES)
  one = makePart(noteReport(one, 'host', count(60, false), 301_000), 400_000, TIMES)
  assert.deepEqual(parts(one), [[0, 50]])
  one = noteReport(noteReport(one, 'host', count(70), 401_000), 'dialler', count(70), 401_000)
  assert.deepEqual(parts(makePart(one, 401_000, TIMES)), [
    [0, 50],
    [1, 20],
  ])
})

test('isDone() waits until Commerce has everything', () => {
  const ended = noteReport(noteReport(newCharging(0), 'host', count(10), 5), 'dialler', count(10), 5)
  assert.equal(isDone(ended, 5, TIMES), false)
  const made = makePart(ended, 5, TIMES)
  assert.equal(isDone(made, 5, TIMES), false)
  assert.equal(isDone({ ...made, outbox: [] }, 5, TIMES), true)
})

const step = fc.record({
  end: fc.constantFrom('dialler' as const, 'host' as const),
  bytesSent: fc.nat(1_000),
  bytesReceived: fc.nat(1_000),
  durationMs: fc.nat(100_000),
  isFinal: fc.boolean(),
  waitMs: fc.nat(400_000),
})

test('every byte is charged once, whatever is reported when, in what order, how often', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1 }), steps => {
      let one = newCharging(0)
      let nowMs = 0
      const charged = { bytesSent: 0, bytesReceived: 0 }
      const post = () => {
        for (const part of one.outbox) {
          charged.bytesSent += part.bytesSent
          charged.bytesReceived += part.bytesReceived
        }
        one = { ...one, outbox: [] }
      }
      for (const { end, waitMs, ...report } of steps) {
        nowMs += waitMs
        one = makePart(noteReport(noteReport(one, end, report, nowMs), end, report, nowMs), nowMs, TIMES)
        if (waitMs % 2 === 0) post()
      }
      post()
      one = makePart(one, nowMs + TIMES.staleMs, TIMES)
      post()
      const { bytesSent, bytesReceived } = chargeable(one.counts)
      assert.deepEqual(charged, { bytesSent, bytesReceived })
      assert.ok(isDone(one, nowMs + TIMES.staleMs, TIMES))
    }),
  )
})
