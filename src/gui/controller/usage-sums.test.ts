import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { UsageInfo } from '../../core/api/billing-api.ts'
import { sumByHour, sumByService } from './usage-sums.ts'

const HOUR = 3_600_000

function stream(openedAtMs: number, heardAtMs: number, bytes: number, service = 'tcp/db'): UsageInfo {
  const end = { bytesSent: bytes, bytesReceived: 0, durationMs: 0, isFinal: false }
  return { service, openedAtMs, heardAtMs, counts: { dialler: end } } as unknown as UsageInfo
}

test('sumByHour() puts a stream into the hours in which it was', () => {
  const hours = sumByHour([stream(1.5 * HOUR, 2.5 * HOUR, 100), stream(3 * HOUR, 3 * HOUR, 7)], 3.5 * HOUR, 4)
  assert.deepEqual(
    hours.map(({ bytes }) => bytes),
    [0, 50, 50, 7],
  )
})

test('sumByHour() shows all that was in its hours once, whatever the streams', () => {
  const streams = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 10 * HOUR }), fc.nat(3 * HOUR), fc.nat(1_000_000)),
    { maxLength: 20 },
  )
  fc.assert(
    fc.property(streams, list => {
      const usage = list.map(([openedAtMs, spanMs, bytes]) => stream(openedAtMs, openedAtMs + spanMs, bytes))
      const hours = sumByHour(usage, 20 * HOUR, 24)
      const total = list.reduce((sum, [, , bytes]) => sum + bytes, 0)
      const shown = hours.reduce((sum, { bytes }) => sum + bytes, 0)
      assert.ok(Math.abs(total - shown) <= 24, `${total} ${shown}`)
      assert.ok(hours.every(({ bytes }) => bytes >= 0))
    }),
  )
})

test('sumByService() adds what went to each, the largest first', () => {
  assert.deepEqual(sumByService([stream(0, 1, 5, 'a'), stream(0, 1, 7, 'b'), stream(0, 1, 1, 'a')]), [
    { service: 'b', bytes: 7 },
    { service: 'a', bytes: 6 },
  ])
})
