import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import {
  formatAddress,
  formatTarget,
  MAX_RANGE_PORTS,
  parseAddress,
  parseAddressRange,
  parseTargets,
  type Target,
} from './address.ts'
import { MeshError } from './errors.ts'

test('parseAddress() reads host and port, in every way to write them', () => {
  const texts: [string, string, number][] = [
    ['80', '127.0.0.1', 80],
    [':80', '127.0.0.1', 80],
    ['0', '127.0.0.1', 0],
    ['65535', '127.0.0.1', 65_535],
    ['localhost:8080', 'localhost', 8_080],
    ['10.0.0.1:22', '10.0.0.1', 22],
    ['my-host_2.example.com:443', 'my-host_2.example.com', 443],
    ['example.com.:443', 'example.com.', 443],
    ['*:80', '*', 80],
    ['[::1]:80', '::1', 80],
    ['[2001:DB8::7]:443', '2001:DB8::7', 443],
    ['[::ffff:10.0.0.1]:443', '::ffff:10.0.0.1', 443],
    ['[1:2:3:4:5:6:7:8]:1', '1:2:3:4:5:6:7:8', 1],
    ['[fe80::1%eth0]:9', 'fe80::1%eth0', 9],
  ]
  for (const [text, host, port] of texts) assert.deepEqual(parseAddress(text), { host, port }, text)
})

test('parseAddress() takes the default host where the text has none', () => {
  assert.deepEqual(parseAddress('80', '0.0.0.0'), { host: '0.0.0.0', port: 80 })
  assert.deepEqual(parseAddress(':80', '::'), { host: '::', port: 80 })
  assert.deepEqual(parseAddress('a:80', '::'), { host: 'a', port: 80 })
})

const NO_ADDRESSES = [
  '',
  ':',
  'host',
  'host:',
  'host:http',
  'host:-1',
  'host:+1',
  'host:1.5',
  'host:0x50',
  'host:65536',
  'host:99999',
  'host:123456',
  ' host:80',
  'host:80 ',
  'host :80',
  'host:80\n',
  'http://host:80',
  'user@host:80',
  'host/path:80',
  '::1:80',
  '::1',
  '[::1]',
  '[::1]80',
  '[]:80',
  '[host]:80',
  '[10.0.0.1]:80',
  '[:::]:80',
  '[:::::]:80',
  '[1:2:3:4:5:6:7]:80',
  '[1:2:3:4:5:6:7:8:9]:80',
  '[1::2::3]:80',
  '[12345::]:80',
  '[::1.2.3]:80',
  '[::1.2.3.256]:80',
  '[fe80::1%]:80',
  '[fe80::1%a b]:80',
  '[::1:80',
  '256.1.1.1:80',
  '1.2.3:80',
  '1.2.3.4.5:80',
  '8080:80',
  '01.2.3.4:80',
  '0x7f.1:80',
  '...:80',
  'a..b:80',
  '.a:80',
  '-a:80',
  'a-:80',
  'a*b:80',
  '*.example.com:80',
  `${'a'.repeat(64)}:80`,
  `${'a.'.repeat(127)}:80`,
  'bücher.de:80',
]

test('parseAddress() refuses what is no host or no port', () => {
  for (const text of NO_ADDRESSES) {
    assert.throws(() => parseAddress(text), { name: 'MeshError', code: 'bad-input' }, JSON.stringify(text))
  }
})

const octet = fc.nat({ max: 255 })
const host = fc.oneof(
  fc.domain(),
  fc.ipV6(),
  fc.tuple(octet, octet, octet, octet).map(parts => parts.join('.')),
  fc.stringMatching(/^[a-z]([a-z0-9_-]{0,20}[a-z0-9])?$/),
)
const port = fc.nat({ max: 65_535 })

test('parseAddress() gives back every address that formatAddress() wrote', () => {
  fc.assert(
    fc.property(host, port, (name, number) => {
      const address = { host: name, port: number }
      assert.deepEqual(parseAddress(formatAddress(address)), address)
    }),
  )
})

test('parseAddressRange() reads one port as one address', () => {
  assert.deepEqual(parseAddressRange('host:80'), [{ host: 'host', port: 80 }])
  assert.deepEqual(parseAddressRange('my-host-2:80'), [{ host: 'my-host-2', port: 80 }])
  assert.deepEqual(parseAddressRange('80', '::'), [{ host: '::', port: 80 }])
})

test('parseAddressRange() reads a range of ports of any host', () => {
  const ranges: [string, string, number[]][] = [
    ['80-82', '127.0.0.1', [80, 81, 82]],
    [':80-81', '127.0.0.1', [80, 81]],
    ['host:80-80', 'host', [80]],
    ['my-host-2:80-81', 'my-host-2', [80, 81]],
    ['10.0.0.1:9-11', '10.0.0.1', [9, 10, 11]],
    ['[::1]:80-81', '::1', [80, 81]],
    ['[fe80::1%en-1]:80-81', 'fe80::1%en-1', [80, 81]],
    ['*:65534-65535', '*', [65_534, 65_535]],
  ]
  for (const [text, name, ports] of ranges) {
    assert.deepEqual(
      parseAddressRange(text),
      ports.map(number => ({ host: name, port: number })),
      text,
    )
  }
  assert.equal(parseAddressRange(`1-${MAX_RANGE_PORTS}`).length, MAX_RANGE_PORTS)
})

test('parseAddressRange() refuses ranges that are empty, too long or none', () => {
  const texts = [
    '81-80',
    '1-1001',
    '65535-65536',
    '80-',
    '-80',
    '80-90-95',
    'host:80-',
    'host-80',
    'host80-81',
  ]
  for (const text of [
    ...texts,
    '10.0.0.1-5',
    '1-2:80-81:3-4',
    '::1:80-81',
    '100000-100001',
    ...NO_ADDRESSES,
  ]) {
    assert.throws(
      () => parseAddressRange(text),
      { name: 'MeshError', code: 'bad-input' },
      JSON.stringify(text),
    )
  }
})

test('parseAddressRange() gives the ports of every range from first to last', () => {
  fc.assert(
    fc.property(host, port, fc.nat({ max: 1_100 }), (name, first, more) => {
      const text = `${formatAddress({ host: name, port: first })}-${first + more}`
      if (more >= MAX_RANGE_PORTS || first + more > 65_535) {
        assert.throws(() => parseAddressRange(text), { code: 'bad-input' })
        assert.throws(() => parseAddress(`[${text}x]:1`), { code: 'bad-input' })
        return
      }
      const addresses = parseAddressRange(text)
      assert.deepEqual(
        [addresses[0], addresses.at(-1), addresses.length],
        [{ host: name, port: first }, { host: name, port: first + more }, more + 1],
      )
    }),
  )
})

test('parseTargets() reads addresses, ranges and unix sockets', () => {
  assert.deepEqual(parseTargets('db:5432'), [{ kind: 'address', host: 'db', port: 5_432 }])
  assert.deepEqual(parseTargets('80-81'), [
    { kind: 'address', host: '127.0.0.1', port: 80 },
    { kind: 'address', host: '127.0.0.1', port: 81 },
  ])
  assert.deepEqual(parseTargets('unix:/run/a b.sock'), [{ kind: 'unix', path: '/run/a b.sock' }])
})

test('parseTargets() counts the bytes of a socket path, not its characters', () => {
  const longest = `/${'x'.repeat(106)}`
  assert.deepEqual(parseTargets(`unix:${longest}`), [{ kind: 'unix', path: longest }])
  for (const path of [`${longest}x`, `/${'é'.repeat(54)}`, `/${'家'.repeat(36)}`]) {
    assert.throws(() => parseTargets(`unix:${path}`), { code: 'bad-input' }, path)
  }
})

test('parseTargets() refuses socket paths that are relative, empty or no text', () => {
  for (const path of ['', 'run/x', './x', '/a\0b', '/a\nb', '/a\ud800']) {
    assert.throws(() => parseTargets(`unix:${path}`), { code: 'bad-input' }, JSON.stringify(path))
  }
})

test('formatTarget() writes what parseTargets() reads back', () => {
  const target: fc.Arbitrary<Target> = fc.oneof(
    fc.tuple(host, port).map(([host, port]) => ({ kind: 'address' as const, host, port })),
    fc.stringMatching(/^\/[ -~]{0,100}$/).map(path => ({ kind: 'unix' as const, path })),
  )
  fc.assert(
    fc.property(target, one => {
      assert.deepEqual(parseTargets(formatTarget(one)), [one])
    }),
  )
})

test('the address parsers give addresses or a short MeshError, for any text', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^[[\]:.%*a1f0-]{0,30}$/),
    fc.stringMatching(/^(unix:)?\/?[[\]a-f:.]{0,10}:?\d{0,6}-?\d{0,6}$/),
  )
  fc.assert(
    fc.property(text, written => {
      for (const parse of [parseAddress, parseAddressRange, parseTargets]) {
        try {
          for (const one of [parse(written)].flat()) {
            if ('path' in one) continue
            assert.ok(Number.isInteger(one.port) && one.port >= 0 && one.port <= 65_535)
            assert.deepEqual(parseAddress(formatAddress(one)), { host: one.host, port: one.port })
          }
        } catch (error) {
          assert.ok(error instanceof MeshError, String(error))
          assert.equal(error.code, 'bad-input')
          assert.ok(error.message.length < 400)
          assert.doesNotMatch(error.message, /[\p{C}\p{Zl}\p{Zp}]/u)
        }
      }
    }),
    { numRuns: 1_000 },
  )
})

test('parseAddressRange() is quick to refuse a long text', () => {
  const before = process.cpuUsage()
  for (const text of [
    '1'.repeat(1_000_000),
    ':'.repeat(1_000_000),
    '1-'.repeat(500_000),
    '1:'.repeat(500_000),
  ]) {
    assert.throws(() => parseAddressRange(text), { code: 'bad-input' })
  }
  const { user, system } = process.cpuUsage(before)
  assert.ok(user + system < 1_000_000, `${user + system} µs`)
})
