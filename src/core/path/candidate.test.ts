import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatAddress } from '../model/address.ts'
import { ipRange, parseIp } from '../model/ip-address.ts'
import { isIpv6Address, MAX_PEER_CANDIDATES, plainAddress, readCandidates } from './candidate.ts'

const read = (texts: unknown, options = {}) =>
  readCandidates(texts, options).map(({ address, kind }) => `${kind} ${formatAddress(address)}`)

test('readCandidates() tells addresses without a NAT between from others', () => {
  const texts = ['192.168.1.5:7', '203.0.113.7:4000', '[fd00::1]:7', '[2001:DB8::1]:7', '169.254.3.4:7']
  assert.deepEqual(read(texts), [
    'host 192.168.1.5:7',
    'public 203.0.113.7:4000',
    'host [fd00::1]:7',
    'public [2001:db8::1]:7',
    'host 169.254.3.4:7',
  ])
})

test('readCandidates() takes nothing that may not be sent to', () => {
  const bad = [
    '10.0.0.1:0',
    '0.0.0.0:1',
    '[::]:1',
    '224.0.0.1:1',
    '[ff02::1]:1',
    '255.255.255.255:1',
    '[fe80::1]:1',
    '[fe80::1%eth0]:1',
    '127.0.0.1:1',
    '[::ffff:127.0.0.1]:1',
    'victim.example:53',
    '10.0.0.1',
    ':53',
    '53',
    '*:1',
    '',
    7,
    null,
    { host: '10.0.0.1', port: 1 },
    `[${'0'.repeat(100_000)}::1]:1`,
  ]
  for (const text of bad) assert.deepEqual(read([text]), [], String(text).slice(0, 40))
  for (const value of [undefined, null, 'x', 7, {}]) assert.deepEqual(read(value), [])
})

test('readCandidates() takes loopback for peers on one machine', () => {
  assert.deepEqual(read(['127.0.0.1:1', '[::1]:2'], { loopback: true }), ['host 127.0.0.1:1', 'host [::1]:2'])
})

test('readCandidates() takes the first eight of a thousand, and each once however it is written', () => {
  const many = Array.from({ length: 1_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}:9`)
  assert.deepEqual(
    read(many),
    many.slice(0, MAX_PEER_CANDIDATES).map(text => `host ${text}`),
  )
  assert.deepEqual(read(['[FD00:0::1]:5', '[fd00::1]:5', '10.0.0.1:1', '[::ffff:10.0.0.1]:1']), [
    'host [fd00::1]:5',
    'host 10.0.0.1:1',
  ])
  // After so much nonsense nobody looks for more.
  assert.deepEqual(read([...Array.from({ length: 40 }, () => 'x'), '10.0.0.1:1']), [])
})

test('readCandidates() gives unicast IP addresses or nothing, whatever the offers', () => {
  const host = fc.oneof(
    fc.ipV4(),
    fc.ipV6().map(text => `[${text}]`),
    fc.ipV4().map(text => `[::ffff:${text}]`),
    fc.domain(),
    fc.string({ maxLength: 20 }),
  )
  const offer = fc.oneof(
    fc.tuple(host, fc.nat({ max: 70_000 })).map(([name, port]) => `${name}:${port}`),
    fc.anything(),
  )
  fc.assert(
    fc.property(fc.array(offer, { maxLength: 50 }), offers => {
      const found = readCandidates(offers)
      assert.ok(found.length <= MAX_PEER_CANDIDATES)
      assert.equal(new Set(found.map(({ address }) => formatAddress(address))).size, found.length)
      for (const { address, kind } of found) {
        const range = ipRange(parseIp(address.host) ?? assert.fail(address.host))
        assert.match(range, kind === 'public' ? /^public$/ : /^(private|link-local)$/)
        assert.ok(address.port > 0 && address.port < 65_536)
        assert.deepEqual(plainAddress(address), address)
      }
    }),
    { numRuns: 500 },
  )
})

test('isIpv6Address() takes IPv4 in IPv6 clothes for what it is', () => {
  const hosts = ['::ffff:1.2.3.4', '1.2.3.4', 'fd00::1', 'nonsense']
  assert.deepEqual(
    hosts.map(host => isIpv6Address({ host, port: 1 })),
    [false, false, true, false],
  )
})
