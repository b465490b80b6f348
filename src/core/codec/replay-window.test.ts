import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createReplayWindow } from './replay-window.ts'

test('a replay window takes each of the last 992 counters once, in any order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.nat(3_000), fc.nat(100_000), fc.constant(2 ** 40)), { maxLength: 300 }),
      counters => {
        const window = createReplayWindow()
        const came = new Set<number>()
        let newest = -1
        for (const counter of counters) {
          const isNew = window.isNew(counter)
          if (came.has(counter)) assert.equal(isNew, false, `${counter} again`)
          else if (counter > newest - 992) assert.equal(isNew, true, `${counter} at ${newest}`)
          else if (counter <= newest - 1_024) assert.equal(isNew, false, `${counter} at ${newest} is old`)
          if (!isNew) continue
          window.add(counter)
          came.add(counter)
          newest = Math.max(newest, counter)
        }
      },
    ),
  )
})

test('a replay window takes nothing that cannot be a counter', () => {
  const window = createReplayWindow()
  assert.deepEqual([-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY].map(window.isNew), [
    false,
    false,
    false,
    false,
    false,
  ])
})
