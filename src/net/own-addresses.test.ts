import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFromGone, watchOwnAddresses } from './own-addresses.ts'

test('watchOwnAddresses() tells of the addresses that are gone, and of nothing when nothing changed', async t => {
  t.mock.timers.enable({ apis: ['setInterval', 'Date'] })
  let addresses = ['192.0.2.1', 'fd00::1', '127.0.0.1']
  const told: string[][] = []
  const end = watchOwnAddresses(({ gone }) => told.push([...gone]), {
    intervalMs: 1_000,
    addresses: () => addresses,
  })
  t.mock.timers.tick(1_000)
  assert.deepEqual(told, [])
  addresses = ['192.0.2.7', 'fd00::1', '127.0.0.1']
  t.mock.timers.tick(1_000)
  addresses = ['192.0.2.7', '192.0.2.8', 'fd00::1', '127.0.0.1']
  t.mock.timers.tick(1_000)
  end()
  addresses = []
  t.mock.timers.tick(1_000)
  assert.deepEqual(told, [['192.0.2.1'], []])
})

test('watchOwnAddresses() tells of a computer that was asleep', t => {
  t.mock.timers.enable({ apis: ['setInterval', 'Date'] })
  let toldCount = 0
  const end = watchOwnAddresses(() => (toldCount += 1), { intervalMs: 1_000, addresses: () => ['192.0.2.1'] })
  t.mock.timers.tick(1_000)
  assert.equal(toldCount, 0)
  t.mock.timers.setTime(60_000)
  t.mock.timers.tick(1_000)
  assert.equal(toldCount, 1)
  end()
})

test('isFromGone() knows an address in each of its forms', () => {
  const change = { gone: new Set(['192.0.2.1', '2001:db8::1']) }
  const isGone = (address: string | undefined) => isFromGone(change, address)
  assert.deepEqual(
    ['192.0.2.1', '::ffff:192.0.2.1', '2001:db8::1', '192.0.2.2', '::ffff:c000:201', undefined].map(isGone),
    [true, true, true, false, false, false],
  )
})
