import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ms } from '../model/time.ts'
import { createLiveness, type LivenessTimes, LOOK_MS } from './liveness.ts'

const TIMES: LivenessTimes = { intervalMs: 10_000, timeoutMs: 5_000, quietMs: 1_000, patienceMs: 1_500 }

/** A connection that is looked at; `look` tells what was said at what time until then. */
function watch(times: LivenessTimes = TIMES) {
  const liveness = createLiveness(times, ms(0))
  const said: string[] = []
  let now = 0
  const counts = { receivedBytes: 0, sentBytes: 0 }
  const look = () => {
    const verdict = liveness.look(counts, ms(now))
    if (verdict !== undefined) said.push(`${now} ${verdict}`)
  }
  look()
  return {
    answered: (roundTripMs: number) => liveness.answered(roundTripMs),
    doubt: () => liveness.doubt(),
    receive(): void {
      counts.receivedBytes += 10
    },
    send(): void {
      counts.sentBytes += 10
    },
    /** @param each  at each look before it */
    until(timeMs: number, each?: () => void): string[] {
      while (now < timeMs) {
        now += LOOK_MS
        each?.()
        look()
      }
      return said.splice(0)
    },
    /** Nobody looks for so long. */
    skip(forMs: number): string[] {
      now += forMs
      look()
      return said.splice(0)
    },
  }
}

test('one that is idle is pinged now and then, and dead when it does not answer in time', () => {
  const one = watch()
  one.answered(20)
  assert.deepEqual(one.until(9_500), ['0 ping'])
  assert.deepEqual(one.until(10_000), ['10000 ping'])
  one.answered(20)
  assert.deepEqual(one.until(24_500), ['20000 ping'])
  assert.deepEqual(one.until(25_000), ['25000 dead'])
})

test('one that was busy and falls silent is pinged once, and dead soon', () => {
  const one = watch()
  one.answered(20)
  assert.deepEqual(one.until(3_000, one.receive), ['0 ping'])
  assert.deepEqual(one.until(4_000), ['4000 doubt'])
  one.answered(20)
  assert.deepEqual(one.until(9_500), [])
  one.send()
  assert.deepEqual(one.until(10_000), [])
  assert.deepEqual(one.until(11_000), ['11000 doubt'])
  assert.deepEqual(one.until(12_500), ['12500 dead'])
})

test('what is sent without an answer does not count as a sign of life', () => {
  const one = watch()
  one.answered(20)
  assert.deepEqual(one.until(3_000, one.send), ['0 ping', '1500 doubt', '3000 dead'])
})

test('whatever comes shows that it lives', () => {
  const one = watch()
  one.answered(20)
  one.send()
  assert.deepEqual(one.until(2_500), ['0 ping', '1500 doubt'])
  one.receive()
  assert.deepEqual(one.until(4_000), ['4000 doubt'])
  one.answered(20)
  assert.deepEqual(one.until(9_000), [])
})

test('a way whose round trips are long has its time', () => {
  const one = watch()
  one.answered(2_000)
  one.send()
  assert.deepEqual(one.until(7_000), ['0 ping', '1500 doubt'])
  assert.deepEqual(one.until(7_500), ['7500 dead'])
})

test('one that never answered has more time: nothing is known of its way', () => {
  const one = watch()
  one.send()
  assert.deepEqual(one.until(4_500), ['0 ping'])
  assert.deepEqual(one.until(5_000), ['5000 dead'])
})

test('doubt() pings at once, or shortens the wait for the answer that is due', () => {
  const one = watch()
  one.answered(20)
  assert.deepEqual(one.until(10_000), ['0 ping', '10000 ping'])
  assert.equal(one.doubt(), false)
  assert.deepEqual(one.until(11_500), ['11500 dead'])
  const other = watch()
  other.answered(20)
  other.until(3_000)
  assert.equal(other.doubt(), true)
  other.answered(20)
  assert.deepEqual(other.until(9_500), [])
})

test('time in which nobody looked does not count', () => {
  const one = watch()
  one.answered(20)
  one.send()
  assert.deepEqual(one.until(1_500), ['0 ping', '1500 doubt'])
  assert.deepEqual(one.skip(60_000), [])
  one.receive()
  assert.deepEqual(one.until(62_000), [])
})
