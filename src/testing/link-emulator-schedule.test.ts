import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLinkSchedule, type LinkConditions, type PacketTrain } from './link-emulator-schedule.ts'
import { createSeededRandom, withSeed } from './seeded-random.ts'

const packet = (bytes: number): PacketTrain => ({
  packetCount: 1,
  packetBytes: bytes,
  lastPacketBytes: bytes,
})
const linkOf = (conditions: LinkConditions, seed = 1) =>
  createLinkSchedule(conditions, createSeededRandom(seed))

test('an ideal link lets everything through at once', () => {
  assert.deepEqual(linkOf({}).send({ packetCount: 3, packetBytes: 1_000, lastPacketBytes: 10 }, 5), [
    { first: 0, count: 3, dueMs: 5 },
  ])
})

test('packets leave one after the other at the rate, then are under way for the delay', () => {
  // 8 Mbit/s are 1,000 bytes a millisecond.
  const link = linkOf({ rateMbps: 8, delayMs: 20 })
  assert.deepEqual(link.send(packet(1_000), 0), [{ first: 0, count: 1, dueMs: 21 }])
  assert.deepEqual(link.send(packet(500), 0), [{ first: 0, count: 1, dueMs: 21.5 }])
  assert.deepEqual(link.send(packet(1_000), 100), [{ first: 0, count: 1, dueMs: 121 }])
})

test('what finds the queue full is lost, and room comes back as the queue empties', () => {
  const link = linkOf({ rateMbps: 8, queueKib: 4 })
  const train = { packetCount: 6, packetBytes: 1_024, lastPacketBytes: 1_024 }
  assert.deepEqual(link.send(train, 0), [{ first: 0, count: 4, dueMs: 4.096 }])
  assert.deepEqual(link.counts, { sentCount: 6, lostCount: 0, droppedCount: 2 })
  assert.deepEqual(link.send(packet(1_024), 1), [])
  assert.deepEqual(link.send(packet(1_024), 1.1), [{ first: 0, count: 1, dueMs: 5.12 }])
})

test('jitter never changes the order', () =>
  withSeed(random => {
    const link = createLinkSchedule({ delayMs: 10, jitterMs: 30 }, random)
    let lastMs = 0
    for (let now = 0; now < 1_000; now += 1) {
      const dueMs = link.send(packet(100), now)[0]?.dueMs ?? 0
      assert.ok(dueMs >= lastMs && dueMs >= now + 10, `${dueMs} after ${lastMs}`)
      lastMs = dueMs
    }
  }))

test('a packet that is reordered overtakes those under way', () => {
  const link = linkOf({ delayMs: 50, reorderPercent: 25 })
  const dues = Array.from({ length: 1_000 }, (_, now) => (link.send(packet(100), now)[0]?.dueMs ?? 0) - now)
  const aheadCount = dues.filter(wait => wait === 0).length
  assert.ok(aheadCount > 200 && aheadCount < 300, `${aheadCount}`)
  assert.equal(dues.filter(wait => wait === 50).length, 1_000 - aheadCount)
})

test('losses are as many as wanted, alone or in runs', () => {
  for (const lossRunCount of [1, 4]) {
    const link = linkOf({ lossPercent: 5, lossRunCount }, 7)
    const arrived = Array.from({ length: 100_000 }, () => link.send(packet(100), 0).length === 1)
    const runCount = arrived.filter((isHere, i) => !isHere && arrived[i - 1] !== false).length
    const { lostCount } = link.counts
    assert.ok(lostCount > 4_500 && lostCount < 5_500, `${lostCount} lost in runs of ${lossRunCount}`)
    assert.ok(Math.abs(lostCount / runCount / lossRunCount - 1) < 0.15, `runs of ${lostCount / runCount}`)
  }
})

test('a train that loses packets arrives in parts', () => {
  const link = linkOf({ lossPercent: 30 }, 3)
  const arrivals = link.send({ packetCount: 20, packetBytes: 100, lastPacketBytes: 100 }, 0)
  const arrivedCount = arrivals.reduce((sum, { count }) => sum + count, 0)
  assert.equal(arrivedCount + link.counts.lostCount, 20)
  assert.ok(arrivals.length > 1)
  for (const [i, arrival] of arrivals.entries()) {
    const next = arrivals[i + 1]
    assert.ok(next === undefined || arrival.first + arrival.count < next.first)
  }
})

test('a cut link lets nothing through, until its conditions change', () => {
  const link = linkOf({ lossPercent: 100 })
  assert.deepEqual(link.send(packet(100), 0), [])
  link.conditions = { delayMs: 5 }
  assert.deepEqual(link.send(packet(100), 1), [{ first: 0, count: 1, dueMs: 6 }])
})
