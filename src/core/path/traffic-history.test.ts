import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTrafficHistory, type TrafficReading } from './traffic-history.ts'

const SMALL = { stepMs: 10, stepCount: 4, maxSeries: 2 }
const reading = (
  series: string,
  sentBytes: number,
  { source = 'a', receivedBytes = 0, roundTripMs }: Partial<TrafficReading> = {},
): TrafficReading => ({ series, source, sentBytes, receivedBytes, roundTripMs })

test('sample() counts what came since the one before, by series and in total', () => {
  const history = createTrafficHistory(SMALL)
  history.sample([reading('x', 5, { roundTripMs: 2 }), reading('y', 1)], 100)
  history.sample([reading('x', 9, { receivedBytes: 3 }), reading('y', 1)], 110)
  // Twice in one step; and the session was opened anew, so that its counters are.
  history.sample([reading('x', 2, { source: 'b', roundTripMs: 4 })], 111)
  assert.deepEqual(history.read('x', 111), {
    sentBytes: [null, null, 5, 6],
    receivedBytes: [null, null, 0, 3],
    roundTripMs: [null, null, 2, 4],
  })
  assert.deepEqual(history.total(111).sentBytes, [null, null, 6, 6])
  assert.equal(history.read('z', 111), undefined)
})

test('sample() knows nothing of steps that it did not see, nor of the time before the clock was set back', () => {
  const history = createTrafficHistory(SMALL)
  history.sample([reading('x', 5)], 100)
  history.sample([reading('x', 8)], 120)
  assert.deepEqual(history.read('x', 125)?.sentBytes, [null, 5, null, 3])
  assert.deepEqual(history.read('x', 145)?.sentBytes, [null, 3, null, null])
  history.sample([reading('x', 9)], 50)
  assert.deepEqual(history.read('x', 50)?.sentBytes, [null, null, null, 1])
  assert.deepEqual(history.total(50).sentBytes, [null, null, null, 1])
})

test('sample() forgets the series not heard of for longest, and those of before the time that is kept', () => {
  const history = createTrafficHistory(SMALL)
  history.sample([reading('x', 1), reading('y', 1)], 100)
  history.sample([reading('x', 1), reading('z', 1)], 110)
  assert.deepEqual([...history.series], ['x', 'z'])
  history.sample([reading('z', 1)], 150)
  assert.deepEqual([...history.series], ['z'])
})

test('total() is the sum of all that was carried, whatever sessions come and go', () => {
  const history = createTrafficHistory({ stepMs: 10, stepCount: 100, maxSeries: 50 })
  let seed = 7
  const chance = (under: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed % under
  }
  const open = new Map<string, number>()
  let carried = 0
  for (let step = 0; step < 90; step += 1) {
    if (chance(3) === 0) open.set(`s${step}`, 0)
    for (const [key, bytes] of open) {
      if (chance(10) === 0) {
        open.delete(key)
        continue
      }
      const more = chance(1_000)
      carried += more
      open.set(key, bytes + more)
    }
    const readings = [...open].map(([source, bytes]) => reading(`p${source.length}`, bytes, { source }))
    history.sample(readings, step * 10)
  }
  const total = history.total(899).sentBytes.reduce<number>((sum, value) => sum + (value ?? 0), 0)
  assert.equal(total, carried)
})
