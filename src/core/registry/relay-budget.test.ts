import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ms } from '../model/time.ts'
import { createRelayBudget, leaseBytes } from './relay-budget.ts'

describe('createRelayBudget()', () => {
  test('take() gives a quarter of a second at once, then makes wait as long as the rate says', () => {
    const budget = createRelayBudget({ userBytesPerSecond: 1_000 })
    assert.equal(budget.take('ann', 250, ms(0)), 0)
    assert.equal(budget.take('ann', 100, ms(0)), 100)
    // In debt already: what is asked for on top comes later still.
    assert.equal(budget.take('ann', 100, ms(50)), 150)
    assert.equal(budget.take('ann', 0, ms(200)), 0)
    // No more is saved up than the burst.
    assert.equal(budget.take('ann', 350, ms(100_000)), 100)
  })

  test('take() of one user leaves others what is theirs', () => {
    const budget = createRelayBudget({ userBytesPerSecond: 1_000 })
    assert.equal(budget.take('ann', 10_250, ms(0)), 10_000)
    assert.equal(budget.take('bob', 250, ms(0)), 0)
  })

  test('take() makes all wait for the hub, and each for its own rate, whichever is longer', () => {
    const budget = createRelayBudget({ hubBytesPerSecond: 2_000, userBytesPerSecond: 1_000 })
    assert.deepEqual(
      [budget.take('ann', 500, ms(0)), budget.take('bob', 250, ms(0)), budget.take('cid', 250, ms(0))],
      [250, 125, 250],
    )
  })

  test('giveBack() pays off, and saves up no more than the burst', () => {
    const budget = createRelayBudget({ hubBytesPerSecond: 1_000, userBytesPerSecond: 1_000 })
    assert.equal(budget.take('ann', 1_250, ms(0)), 1_000)
    budget.giveBack('ann', 400)
    assert.equal(budget.take('ann', 0, ms(0)), 600)
    budget.giveBack('ann', 1_000_000)
    assert.equal(budget.take('ann', 350, ms(0)), 100)
    budget.giveBack('ann', -50)
    assert.equal(budget.take('ann', 0, ms(0)), 150)
  })

  test('take() gives and takes nothing when the clock is set back', () => {
    const budget = createRelayBudget({ hubBytesPerSecond: 1_000 })
    assert.equal(budget.take('ann', 350, ms(10_000)), 100)
    assert.equal(budget.take('ann', 0, ms(0)), 100)
    assert.equal(budget.take('ann', 0, ms(60)), 40)
  })

  test('without rates nobody waits, and nobody is kept in mind', () => {
    const budget = createRelayBudget({})
    assert.equal(budget.take('ann', 1e15, ms(0)), 0)
    assert.equal(budget.payerCount, 0)
  })

  test('forgets users that took nothing for a while, and those alone', () => {
    const budget = createRelayBudget({ userBytesPerSecond: 1_000 })
    budget.take('debtor', 1e9, ms(0))
    for (let user = 0; user < 10_000; user++) budget.take(`user ${user}`, 10, ms(user * 10))
    assert.ok(budget.payerCount < 600, `${budget.payerCount} are kept`)
    assert.ok(budget.take('debtor', 0, ms(100_000)) > 100_000)
  })

  test('over any span no more is given than burst and rate allow, however it is asked for', () => {
    const steps = fc.array(fc.tuple(fc.nat(5_000), fc.nat(300)), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(steps, fc.integer({ min: 100, max: 100_000 }), (asked, rate) => {
        const budget = createRelayBudget({ userBytesPerSecond: rate })
        let [now, given] = [0, 0]
        for (const [byteCount, pauseMs] of asked) {
          now += budget.take('ann', byteCount, ms(now))
          given += byteCount
          assert.ok(given <= rate * 0.25 + (rate * now) / 1_000 + 1e-6, `${given} bytes in ${now} ms`)
          now += pauseMs
        }
      }),
    )
  })
})

test('leaseBytes() is 50 ms of the slowest rate, within bounds', () => {
  assert.deepEqual(
    [{ hubBytesPerSecond: 1e6, userBytesPerSecond: 2e6 }, { userBytesPerSecond: 100 }, {}].map(leaseBytes),
    [50_000, 4_096, 1_048_576],
  )
})
