import assert from 'node:assert/strict'
import { test } from 'node:test'
import { usableOffers } from './offer-rule.ts'

const PUBLIC = { seen: ['203.0.113.7', '2001:db8::7'], seenOther: ['198.51.100.9'] }

test('usableOffers() passes on private addresses and those the endpoint was seen to come from', () => {
  const offers = [
    '10.1.2.3:1',
    '172.16.0.1:2',
    '172.31.255.1:3',
    '192.168.1.1:4',
    '100.64.0.1:5',
    '[fd00::1]:6',
    '203.0.113.7:7',
    '[2001:db8::7]:8',
  ]
  assert.deepEqual(usableOffers(offers, PUBLIC), offers)
})

test('usableOffers() passes on nothing that could be a third party', () => {
  const offers = [
    '203.0.113.8:80',
    '8.8.8.8:53',
    '172.32.0.1:1',
    '100.128.0.1:1',
    '[2001:db8::8]:1',
    '224.0.0.1:1',
    '255.255.255.255:1',
    '0.0.0.0:1',
    '[fe80::1%eth0]:1',
    'victim.example:80',
    '10.0.0.1:0',
    '10.0.0.1',
    'nonsense',
    '',
  ]
  assert.deepEqual(usableOffers(offers, PUBLIC), [])
})

test('usableOffers() passes on loopback between two on the computer of the hub alone', () => {
  const offers = ['127.0.0.1:1', '[::1]:2']
  const here = ['127.0.0.1']
  assert.deepEqual(usableOffers(offers, { seen: here, seenOther: here }), offers)
  assert.deepEqual(usableOffers(offers, { seen: here, seenOther: ['192.168.1.5'] }), [])
  assert.deepEqual(usableOffers(offers, { seen: ['192.168.1.5'], seenOther: here }), [])
})
