import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { finalRange, formatIp, innerIpv4, ipRange, mapIp, parseIp } from './ip-address.ts'

test('formatIp() writes an address in one way only', () => {
  const written = {
    '1.2.3.4': '1.2.3.4',
    '::ffff:1.2.3.4': '1.2.3.4',
    '::FFFF:0102:0304': '1.2.3.4',
    '::': '::',
    '::1': '::1',
    '2001:DB8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '1::': '1::',
    '64:ff9b::1.2.3.4': '64:ff9b::102:304',
  }
  for (const [text, expected] of Object.entries(written))
    assert.equal(formatIp(parseIp(text) ?? assert.fail(text)), expected)
})

test('parseIp() takes what Node takes for an address, less zones', () => {
  const part = fc.constantFrom(
    ':',
    '::',
    '.',
    '0',
    '1',
    '255',
    '256',
    'ffff',
    'g',
    '10',
    '01',
    '%lo',
    '1.2.3.4',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.ipV4(),
        fc.ipV6(),
        fc.array(part, { maxLength: 12 }).map(parts => parts.join('')),
      ),
      text => {
        assert.equal(parseIp(text) !== undefined, isIP(text) !== 0 && !text.includes('%'), text)
      },
    ),
    { numRuns: 2_000 },
  )
})

test('parseIp() gives back what formatIp() wrote, and mapIp() changes nothing of it', () => {
  const bytes = fc.oneof(...[4, 16].map(length => fc.uint8Array({ minLength: length, maxLength: length })))
  fc.assert(
    fc.property(bytes, address => {
      const text = formatIp(address)
      const read = parseIp(text) ?? assert.fail(text)
      assert.equal(formatIp(read), text)
      assert.equal(formatIp(mapIp(read)), text)
      assert.equal(mapIp(read).length, 16)
    }),
  )
})

test('ipRange() knows where an address leads', () => {
  const ranges = {
    unspecified: ['0.0.0.0', '0.1.2.3', '::'],
    loopback: ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'],
    'link-local': ['169.254.1.1', 'fe80::1', 'febf::1'],
    private: [
      '10.0.0.1',
      '172.16.0.1',
      '172.31.9.9',
      '192.168.1.1',
      '100.64.0.1',
      '100.127.0.1',
      'fd00::1',
      'fc00::1',
    ],
    multicast: ['224.0.0.1', '239.1.1.1', 'ff02::1'],
    broadcast: ['255.255.255.255', '240.0.0.1'],
    public: [
      '8.8.8.8',
      '172.32.0.1',
      '172.15.0.1',
      '100.128.0.1',
      '192.169.0.1',
      '2001:db8::1',
      'fec0::1',
      '::2',
    ],
  }
  for (const [range, texts] of Object.entries(ranges))
    for (const text of texts) assert.equal(ipRange(parseIp(text) ?? assert.fail(text)), range, text)
})

test('finalRange() finds the IPv4 address in every spelling that a network may lead to it', () => {
  const spell: Record<string, (groups: string) => string> = {
    mapped: groups => `::ffff:${groups}`,
    compatible: groups => `::${groups}`,
    translated: groups => `::ffff:0:${groups}`,
    NAT64: groups => `64:ff9b::${groups}`,
    '6to4': groups => `2002:${groups}::1`,
    ISATAP: groups => `2001:db8::5efe:${groups}`,
    'ISATAP, global': groups => `2001:db8::200:5efe:${groups}`,
    Teredo: groups =>
      `2001:0:102:304::${groups
        .split(':')
        .map(group => (Number.parseInt(group, 16) ^ 0xffff).toString(16))
        .join(':')}`,
  }
  for (const [text, range] of [
    ['10.1.2.3', 'private'],
    ['127.0.0.9', 'loopback'],
    ['169.254.169.254', 'link-local'],
    ['192.168.1.1', 'private'],
    ['9.9.9.9', 'public'],
  ] as const) {
    const [a = 0, b = 0, c = 0, d = 0] = parseIp(text) ?? []
    const groups = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
    for (const [kind, write] of Object.entries(spell)) {
      const bytes = parseIp(write(groups)) ?? assert.fail(write(groups))
      assert.equal(finalRange(bytes), range, `${kind}: ${write(groups)}`)
      if (bytes.length === 16) assert.equal(formatIp(innerIpv4(bytes) ?? assert.fail(kind)), text, kind)
    }
  }
  for (const [text, range] of [
    ['64:ff9b:1::909:909', 'private'],
    ['fec0::1', 'private'],
    ['2620:fe::fe', 'public'],
    ['::1', 'loopback'],
    ['::', 'unspecified'],
  ] as const) {
    const bytes = parseIp(text) ?? assert.fail(text)
    assert.deepEqual([finalRange(bytes), innerIpv4(bytes)], [range, undefined], text)
  }
})
