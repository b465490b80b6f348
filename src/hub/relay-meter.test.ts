import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createRelayMeter, type RelayMeter } from './relay-meter.ts'

const LEASE_BYTES = 1_000

/** A meter whose questions are written down and answered by hand. */
function openMeter(): { meter: RelayMeter; said: string[] } {
  const said: string[] = []
  const meter = createRelayMeter({
    leaseBytes: LEASE_BYTES,
    ask: (payer, byteCount) => said.push(`ask ${payer} ${byteCount}`),
    giveBack: (payer, byteCount) => said.push(`give back ${payer} ${byteCount}`),
  })
  return { meter, said }
}

describe('createRelayMeter()', () => {
  test('asks for debt and a lease, once, and wakes who waits when it is granted', () => {
    const { meter, said } = openMeter()
    const pace = meter.open('ann')
    const [there, back] = [() => said.push('there'), () => said.push('back')]
    assert.deepEqual(
      [pace.spend(300, there), pace.spend(200, back), pace.spend(0, there)],
      [false, false, false],
    )
    meter.grant('ann', 1_300)
    assert.deepEqual(said, ['ask ann 1300', 'there', 'back'])
  })

  test('asks ahead while half a lease is left, so that nobody waits', () => {
    const { meter, said } = openMeter()
    const pace = meter.open('ann')
    pace.spend(0, () => {})
    meter.grant('ann', 1_000)
    assert.equal(pace.spend(400, assert.fail), true)
    assert.equal(pace.spend(100, assert.fail), true)
    assert.deepEqual(said, ['ask ann 1000', 'ask ann 500'])
  })

  test('lets relays of one payer share what is granted, and others have their own', () => {
    const { meter, said } = openMeter()
    const [one, two, other] = [meter.open('ann'), meter.open('ann'), meter.open('bob')]
    one.spend(0, () => {})
    meter.grant('ann', 1_000)
    assert.equal(two.spend(999, assert.fail), true)
    assert.equal(
      one.spend(1, () => {}),
      false,
    )
    other.spend(7, () => {})
    assert.deepEqual(said, ['ask ann 1000', 'ask ann 999', 'ask bob 1007'])
  })

  test('gives back what is left, or takes what was too much, when the last relay has closed', () => {
    const { meter, said } = openMeter()
    const [one, two] = [meter.open('ann'), meter.open('ann')]
    one.spend(100, assert.fail)
    one.close()
    two.close()
    // A question is open: what it brings is settled when it comes, and wakes nobody.
    assert.deepEqual(said, ['ask ann 1100'])
    meter.grant('ann', 1_100)
    assert.deepEqual(said.splice(0), ['ask ann 1100', 'give back ann 1000'])
    meter.grant('ann', 5)
    assert.deepEqual(said, [])
  })

  test('counts how long relays waited, also those that closed before they might go on', () => {
    const { meter } = openMeter()
    const pace = meter.open('ann')
    pace.spend(1, () => {})
    const beganMs = performance.now()
    while (performance.now() - beganMs < 2);
    pace.close()
    assert.ok(meter.throttledMs >= 2, `${meter.throttledMs} ms`)
  })
})
