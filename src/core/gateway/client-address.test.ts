import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ms } from '../model/time.ts'
import { clientGroup, createClientFinder } from './client-address.ts'
import { createKeyedLimit, MAX_LIMITED_KEYS } from './keyed-limits.ts'

test('createClientFinder() believes trusted proxies alone, from the end', () => {
  const find = createClientFinder(['10.0.0.0/8', '2001:db8::/33', '192.0.2.1'])
  const cases: [remote: string, told: string | undefined, chain: string[]][] = [
    ['9.9.9.9', '1.1.1.1', ['9.9.9.9']],
    ['10.1.2.3', undefined, ['10.1.2.3']],
    ['10.1.2.3', '1.1.1.1', ['1.1.1.1', '10.1.2.3']],
    ['::ffff:10.1.2.3', '6.6.6.6, 1.1.1.1, 192.0.2.1', ['1.1.1.1', '192.0.2.1', '10.1.2.3']],
    ['10.1.2.3', '1.1.1.1, rubbish, 192.0.2.1', ['192.0.2.1', '10.1.2.3']],
    ['2001:db8:7fff::1', '2001:db8:8000::1', ['2001:db8:8000::1', '2001:db8:7fff::1']],
    ['2001:db8:8000::1', '1.1.1.1', ['2001:db8:8000::1']],
    ['11.0.0.1', '1.1.1.1', ['11.0.0.1']],
  ]
  for (const [remote, told, chain] of cases) assert.deepEqual(find(remote, told), chain)
  const many = Array.from({ length: 100 }, () => '10.0.0.1').join(',')
  assert.equal(find('10.1.2.3', many).length, 17)
  for (const bad of ['x', '10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/8'])
    assert.throws(() => createClientFinder([bad]), { code: 'bad-input' })
})

test('clientGroup() takes 64 bits of IPv6 for one client', () => {
  assert.equal(clientGroup('1.2.3.4'), '1.2.3.4')
  assert.equal(clientGroup('::ffff:1.2.3.4'), '1.2.3.4')
  assert.equal(clientGroup('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64')
  assert.equal(clientGroup('2001:db8:1:2::9'), '2001:db8:1:2::/64')
})

test('createKeyedLimit() forgets who asked longest ago, and never has too many', () => {
  const limit = createKeyedLimit(1, 1)
  const now = ms(0)
  assert.equal(limit.take('first', now), 0)
  assert.equal(limit.take('first', now), 1)
  for (let i = 0; i < MAX_LIMITED_KEYS; i += 1) limit.take(`key ${i}`, now)
  assert.equal(limit.keyCount, MAX_LIMITED_KEYS)
  assert.equal(limit.take('first', now), 0)
  assert.equal(createKeyedLimit(0.1, 1).take('x', now), 0)
})
