import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatPlayTime, layOut } from './play-time.ts'

const text = (atMs: number, what: string) => ({ atMs, text: what })

test('layOut() cuts long waits short, and finds what happens in a span', () => {
  const played = layOut([text(0, 'a'), text(500, 'b'), text(60_000, 'c'), text(60_000, 'd')], 2_000)
  assert.equal(played.durationMs, 2_500)
  const shown = (from: number, to: number) =>
    played.between(from, to).map(event => ('text' in event ? event.text : ''))
  assert.deepEqual(
    [shown(-1, 0), shown(0, 500), shown(500, 2_499), shown(500, 2_500)],
    [['a'], ['b'], [], ['c', 'd']],
  )
})

test('layOut() gives every event once, however the time is cut into spans', () => {
  const events = fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 40 })
  fc.assert(
    fc.property(events, fc.array(fc.double({ min: 0, max: 1, noNaN: true })), (times, cuts) => {
      const made = times.sort((a, b) => a - b).map((at, i) => text(at, String(i)))
      const played = layOut(made, 1_000)
      const places = [
        -1,
        ...cuts.map(cut => cut * played.durationMs).sort((a, b) => a - b),
        played.durationMs,
      ]
      const seen = places.slice(1).flatMap((to, i) => played.between(places[i] ?? 0, to))
      assert.deepEqual(seen, made)
    }),
  )
})

test('formatPlayTime() is as players show it', () => {
  assert.deepEqual([0, 65_999, 3_605_000].map(formatPlayTime), ['0:00', '1:05', '1:00:05'])
})
