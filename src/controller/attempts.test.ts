import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { MeshError } from '../core/model/errors.ts'
import { createAttempts } from './attempts.ts'

function isRefused(call: () => void): boolean {
  try {
    call()
    return false
  } catch (error) {
    assert.ok(error instanceof MeshError && error.code === 'too-many')
    return true
  }
}

suite('createAttempts()', () => {
  test('refuses an address, at any port, from the limit to the end of its minute', () => {
    const attempts = createAttempts({ maxFailures: 2, maxAddresses: 10 })
    const check = (address: string, now: number) => isRefused(() => attempts.check(address, now))
    attempts.failed('192.0.2.1:1', 0)
    assert.equal(check('192.0.2.1:1', 0), false)
    attempts.failed('192.0.2.1:2', 30_000)
    assert.equal(check('192.0.2.1:3', 30_000), true)
    assert.equal(check('192.0.2.2:3', 30_000), false)
    assert.equal(check('192.0.2.1:3', 59_999), true)
    assert.equal(check('192.0.2.1:3', 60_000), false)
    attempts.failed('192.0.2.1:1', 60_000)
    assert.equal(check('192.0.2.1:3', 60_000), false)
  })

  test('counts IPv6 by the /64', () => {
    const attempts = createAttempts({ maxFailures: 1, maxAddresses: 10 })
    attempts.failed('[2001:db8::1]:5', 0)
    const check = (address: string) => isRefused(() => attempts.check(address, 0))
    assert.equal(check('[2001:db8:0:0:ffff::2]:6'), true)
    assert.equal(check('2001:db8::9'), true)
    assert.equal(check('[2001:db8:0:1::1]:5'), false)
    assert.equal(check('[::1]:5'), false)
    assert.equal(check('[::ffff:192.0.2.1]:5'), false)
  })

  test('forgets the oldest address over the limit', () => {
    const attempts = createAttempts({ maxFailures: 1, maxAddresses: 2 })
    for (const host of ['a', 'b', 'c']) attempts.failed(`${host}:1`, 0)
    const refused = ['a', 'b', 'c'].filter(host => isRefused(() => attempts.check(`${host}:1`, 0)))
    assert.deepEqual(refused, ['b', 'c'])
  })

  test('does not lock anybody out for long when the clock is set back', () => {
    const attempts = createAttempts({ maxFailures: 1, maxAddresses: 2 })
    attempts.failed('a:1', 3_600_000)
    assert.equal(
      isRefused(() => attempts.check('a:1', 0)),
      false,
    )
  })
})
