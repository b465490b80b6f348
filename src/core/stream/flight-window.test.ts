import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { ms } from '../model/time.ts'
import {
  type FlightStream,
  FlightWindow,
  LEAST_FLIGHT_BYTES,
  LEAST_SHARE_BYTES,
  newFlightStream,
} from './flight-window.ts'

/** A way of one queue without end, and streams that always have more to send; time is virtual, in steps of a millisecond. */
interface Way {
  /** What it carries, bytes a ms. */
  rate: number
  /** Round trip without a queue, ms. */
  roundTripMs: number
}

interface Sender {
  readonly known: FlightStream
  sent: number
  acknowledged: number
  /** Its other side reads nothing, and so acknowledges nothing. */
  readonly isStuck: boolean
}

class Simulation {
  readonly window = new FlightWindow()
  readonly senders: Sender[]
  nowMs = 0
  carried = 0
  queueBytes = 0
  readonly #queue: { sender: Sender; position: number; byteCount: number }[] = []
  readonly #acks: { sender: Sender; position: number; atMs: number }[] = []

  constructor(streamCount: number, stuckCount = 0) {
    this.senders = Array.from({ length: streamCount + stuckCount }, (_, index) => ({
      known: newFlightStream(0),
      sent: 0,
      acknowledged: 0,
      isStuck: index >= streamCount,
    }))
  }

  /** @returns the bytes that were carried, and the longest queue, in ms of the way */
  run(way: Way, forMs: number): { carried: number; queueMs: number } {
    const before = this.carried
    let queueMs = 0
    for (const endMs = this.nowMs + forMs; this.nowMs < endMs; this.nowMs += 1) {
      for (const sender of this.senders) this.#send(sender)
      this.#carry(way)
      queueMs = Math.max(queueMs, this.queueBytes / way.rate)
      this.#hear()
    }
    return { carried: this.carried - before, queueMs }
  }

  #send(sender: Sender): void {
    while (sender.sent - sender.acknowledged < this.window.shareBytes) {
      sender.sent += CHUNK_BYTES
      this.window.sent(sender.known, sender.sent, ms(this.nowMs))
      if (sender.isStuck) continue
      this.#queue.push({ sender, position: sender.sent, byteCount: CHUNK_BYTES })
      this.queueBytes += CHUNK_BYTES
    }
  }

  #carry({ rate, roundTripMs }: Way): void {
    let left = rate
    while (left > 0) {
      const [first] = this.#queue
      if (first === undefined) return
      const byteCount = Math.min(left, first.byteCount)
      first.byteCount -= byteCount
      left -= byteCount
      this.carried += byteCount
      this.queueBytes -= byteCount
      if (first.byteCount > 0) return
      this.#queue.shift()
      this.#acks.push({ sender: first.sender, position: first.position, atMs: this.nowMs + roundTripMs })
    }
  }

  #hear(): void {
    for (;;) {
      const [first] = this.#acks
      if (first === undefined || first.atMs > this.nowMs) return
      this.#acks.shift()
      first.sender.acknowledged = first.position
      this.window.acknowledged(first.sender.known, first.position, ms(this.nowMs))
    }
  }
}

test('a way is kept full, and its queue short, whatever it carries and however long it is', () => {
  const ways = fc.record({
    rate: fc.integer({ min: 20_000, max: 200_000 }),
    roundTripMs: fc.integer({ min: 1, max: 150 }),
    streamCount: fc.integer({ min: 1, max: 12 }),
  })
  fc.assert(
    fc.property(ways, ({ streamCount, ...way }) => {
      const simulation = new Simulation(streamCount)
      simulation.run(way, 4_000)
      const { carried, queueMs } = simulation.run(way, 10_000)
      // Now and then the limit is low for a moment.
      assert.ok(carried >= way.rate * 10_000 * 0.9, `${carried} bytes were carried`)
      const allowedBytes = Math.max(
        LEAST_FLIGHT_BYTES,
        LEAST_SHARE_BYTES * streamCount,
        way.rate * (1.5 * (way.roundTripMs + CHUNK_MS) + 6),
      )
      const allowedMs = (allowedBytes + streamCount * CHUNK_BYTES) / way.rate
      assert.ok(queueMs <= 1.5 * allowedMs, `${queueMs} ms waited, ${allowedMs} may`)
    }),
    { numRuns: 15 },
  )
})

test('a queue does not grow in the long run: it is not taken for the length of the way', () => {
  const way = { rate: 100_000, roundTripMs: 20 }
  const simulation = new Simulation(8)
  simulation.run(way, 3_000)
  const { carried, queueMs } = simulation.run(way, 60_000)
  assert.ok(carried >= way.rate * 60_000 * 0.97, `${carried} bytes were carried`)
  assert.ok(queueMs <= 30, `${queueMs} ms waited`)
})

test('a way that becomes longer carries as much as before after a while', () => {
  const simulation = new Simulation(4)
  simulation.run({ rate: 50_000, roundTripMs: 2 }, 5_000)
  simulation.run({ rate: 50_000, roundTripMs: 80 }, 30_000)
  const { carried } = simulation.run({ rate: 50_000, roundTripMs: 80 }, 10_000)
  assert.ok(carried >= 50_000 * 10_000 * 0.95, `${carried} bytes were carried`)
})

test('streams whose other side does not read take nothing from the others', () => {
  const way = { rate: 100_000, roundTripMs: 40 }
  const simulation = new Simulation(2, 200)
  simulation.run(way, 3_000)
  const { carried } = simulation.run(way, 2_000)
  assert.ok(carried >= way.rate * 2_000 * 0.9, `${carried} bytes were carried`)
})

test('streams share evenly, one that came later too', () => {
  const way = { rate: 20_000, roundTripMs: 10 }
  const simulation = new Simulation(3)
  simulation.run(way, 2_000)
  simulation.senders.push({ known: newFlightStream(0), sent: 0, acknowledged: 0, isStuck: false })
  simulation.run(way, 1_000)
  const before = simulation.senders.map(({ acknowledged }) => acknowledged)
  simulation.run(way, 4_000)
  const got = simulation.senders.map(({ acknowledged }, index) => acknowledged - (before[index] ?? 0))
  // Jain's index: 1 if all got the same.
  const fairness = sum(got) ** 2 / (got.length * sum(got.map(each => each ** 2)))
  assert.ok(fairness >= 0.98, got.join(', '))
})

test('before anything is known of the way, its streams have a fixed amount', () => {
  assert.equal(new FlightWindow().shareBytes, LEAST_FLIGHT_BYTES)
})

test('acknowledgements of a peer that lies, or goes back, leave a share that a stream can live with', () => {
  const said = fc.array(fc.tuple(fc.maxSafeNat(), fc.nat({ max: 5_000 })), { maxLength: 200 })
  fc.assert(
    fc.property(said, all => {
      const window = new FlightWindow()
      const stream = newFlightStream(0)
      let nowMs = 0
      for (const [position, passedMs] of all) {
        nowMs += passedMs
        window.sent(stream, position, ms(nowMs))
        window.acknowledged(stream, position, ms(nowMs))
        assert.ok(window.shareBytes >= LEAST_SHARE_BYTES)
      }
    }),
  )
})

const sum = (numbers: readonly number[]) => numbers.reduce((all, each) => all + each, 0)

const CHUNK_BYTES = 16_384
/** A step of the simulation is a millisecond: a round trip seems up to one longer. */
const CHUNK_MS = 2
