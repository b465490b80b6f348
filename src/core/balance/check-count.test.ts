import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createCheckCount } from './check-count.ts'

function states(rise: number, fall: number, checks: readonly boolean[]): string[] {
  const count = createCheckCount({ rise, fall })
  return checks.map(isGood => {
    const before = count.state
    assert.equal(count.note(isGood), count.state !== before)
    return count.state
  })
}

test('createCheckCount() changes what it believes after so many checks in a row', () => {
  const [good, bad] = [true, false]
  assert.deepEqual(states(2, 3, [good, bad, bad, good, bad, bad, bad]), [
    'up',
    'up',
    'up',
    'up',
    'up',
    'up',
    'down',
  ])
  assert.deepEqual(states(2, 2, [bad, bad, good, bad, good, good]), [
    'unknown',
    'down',
    'down',
    'down',
    'down',
    'up',
  ])
})

test('createCheckCount() is down only after `fall` bad checks, and back up only after `rise` good ones', () => {
  const bound = fc.integer({ min: 1, max: 4 })
  fc.assert(
    fc.property(bound, bound, fc.array(fc.boolean(), { maxLength: 40 }), (rise, fall, checks) => {
      const seen = states(rise, fall, checks)
      seen.forEach((state, i) => {
        const before = seen[i - 1] ?? 'unknown'
        if (state === before) return
        const needed = state === 'down' ? fall : before === 'unknown' ? 1 : rise
        assert.ok(checks.slice(i + 1 - needed, i + 1).every(isGood => isGood === (state === 'up')))
      })
    }),
  )
})
