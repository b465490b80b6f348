import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Count } from './meter.ts'
import { chargeable, compareWithHub, MAX_IN_FLIGHT_BYTES, minus, NO_COUNT, reconcile } from './reconcile.ts'

const count = (bytesSent: number, bytesReceived: number, durationMs = 5): Count => ({
  bytesSent,
  bytesReceived,
  durationMs,
})

test('reconcile() says how two ends agree, and by how much they do not', () => {
  const verdicts = [
    [{ dialler: count(10, 20), host: count(10, 20, 9) }, ['agree', 0, 0]],
    [{ dialler: count(10, 20), host: count(7, 25) }, ['in-flight', -3, 5]],
    [{ dialler: count(10, 20), host: count(11, 20) }, ['differ', 1, 0]],
    [{ dialler: count(10, 20), host: count(10, 19) }, ['differ', 0, -1]],
    [
      { dialler: count(0, 0), host: count(0, MAX_IN_FLIGHT_BYTES + 1) },
      ['differ', 0, MAX_IN_FLIGHT_BYTES + 1],
    ],
    [{ host: count(1, 2) }, ['no-dialler', 0, 0]],
    [{ dialler: count(1, 2) }, ['no-host', 0, 0]],
    [{}, ['nobody', 0, 0]],
  ] as const
  for (const [witnesses, [verdict, sentDifference, receivedDifference]] of verdicts)
    assert.deepEqual(reconcile(witnesses), { verdict, sentDifference, receivedDifference })
})

test('chargeable() cannot be lowered by an end that lies or is silent', () => {
  assert.deepEqual(chargeable({ host: count(10, 20) }), count(10, 20))
  assert.deepEqual(chargeable({ dialler: count(0, 0, 0), host: count(10, 20) }), count(10, 20))
  assert.deepEqual(chargeable({}), NO_COUNT)
})

const anyCount = fc.record({
  bytesSent: fc.nat(),
  bytesReceived: fc.nat(),
  durationMs: fc.nat(),
})

test('charging a stream in parts charges as much as charging it at once', () => {
  fc.assert(
    fc.property(fc.array(anyCount), steps => {
      let [total, charged] = [NO_COUNT, NO_COUNT]
      for (const step of steps) {
        total = chargeable({ dialler: total, host: step })
        const part = minus(total, charged)
        charged = {
          bytesSent: charged.bytesSent + part.bytesSent,
          bytesReceived: charged.bytesReceived + part.bytesReceived,
          durationMs: charged.durationMs + part.durationMs,
        }
      }
      assert.deepEqual(charged, total)
    }),
  )
})

test('compareWithHub() tells overhead from what went without it', () => {
  assert.deepEqual(compareWithHub(100, 103), { hubOnly: 3, withoutHub: 0 })
  assert.deepEqual(compareWithHub(100, 60), { hubOnly: 0, withoutHub: 40 })
})
