import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createVirtualTime } from './virtual-time.ts'

test('run() lets things happen in the order of their times, and of equal ones in the order they were set', () =>
  fc.assert(
    fc.property(fc.array(fc.nat(20)), delays => {
      const time = createVirtualTime(0)
      const happened: { delay: number; index: number; at: number }[] = []
      for (const [index, delay] of delays.entries()) {
        time.after(delay, () => happened.push({ delay, index, at: time.now() }))
      }
      time.run(20)
      const expected = delays.map((delay, index) => ({ delay, index, at: delay }))
      assert.deepEqual(
        happened,
        expected.toSorted((a, b) => a.delay - b.delay || a.index - b.index),
      )
    }),
  ))

test('run() lets happen what is set while it runs, up to its end', () => {
  const time = createVirtualTime(0)
  const ticks: number[] = []
  const tick = () => {
    ticks.push(time.now())
    time.after(10, tick)
  }
  time.after(0, tick)
  assert.equal(time.run(35), 4)
  assert.deepEqual([ticks, time.now()], [[0, 10, 20, 30], 35])
})

test('after() does not do what was called off, and nothing a hair before its time', () => {
  const time = createVirtualTime(0)
  const happened: number[] = []
  const callOff = time.after(5, () => happened.push(-1))
  time.after(7.2, () => happened.push(time.now()))
  callOff()
  callOff()
  time.run(10)
  assert.deepEqual(happened, [8])
})
