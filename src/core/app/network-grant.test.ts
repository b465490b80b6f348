import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileNetworkGrant } from './network-grant.ts'

test('compileNetworkGrant() opens hosts and ports that are named, and nothing else', () => {
  const grant = compileNetworkGrant([
    'example.com:443',
    '*.example.org:80,443',
    '10.1.0.0/16:*',
    '[2001:db8::1]:22',
  ])
  const asked = (
    [
      ['example.com', 443, '93.184.216.34'],
      ['EXAMPLE.com.', 443, '93.184.216.34'],
      ['example.com', 80, '93.184.216.34'],
      ['a.example.org', 80, '2606:2800::1'],
      ['example.org', 80, '93.184.216.34'],
      ['10.1.2.3', 1, '10.1.2.3'],
      ['nas.lan', 445, '10.1.2.3'],
      ['nas.lan', 445, '10.2.2.3'],
      ['2001:db8::1', 22, '2001:db8::1'],
      ['2001:db8::2', 22, '2001:db8::2'],
    ] as const
  ).map(([host, port, ip]) => grant.mayAsk(host, port) && grant.mayUse(host, port, ip))
  assert.deepEqual(asked, [true, true, false, true, false, true, true, false, true, false])
})

test('compileNetworkGrant() lets no name lead to a private address, whoever owns the name', () => {
  const grant = compileNetworkGrant(['*:*', 'example.com:443'])
  const inside = [
    ...[
      '127.0.0.1',
      '10.0.0.1',
      '192.168.1.1',
      '169.254.169.254',
      '0.0.0.0',
      '100.64.0.1',
      '255.255.255.255',
    ],
    ...['::1', '::', 'fe80::1', 'fd00::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::', 'ff02::1'],
    ...['fe80::1%eth0', 'nonsense', ''],
  ]
  assert.deepEqual(
    inside.filter(ip => grant.mayUse('example.com', 443, ip) || grant.mayUse(ip, 443, ip)),
    [],
  )
  assert.equal(grant.mayUse('example.com', 443, '93.184.216.34'), true)
})

test('compileNetworkGrant() opens this computer where it is named', () => {
  const grant = compileNetworkGrant(['localhost:8080', '127.0.0.1:9090'])
  const asked = (
    [
      ['localhost', 8080, '127.0.0.1'],
      ['localhost', 8080, '192.168.1.1'],
      ['localhost', 22, '127.0.0.1'],
      ['127.0.0.1', 9090, '127.0.0.1'],
      ['evil.example', 8080, '127.0.0.1'],
    ] as const
  ).map(([host, port, ip]) => grant.mayAsk(host, port) && grant.mayUse(host, port, ip))
  assert.deepEqual(asked, [true, false, false, true, false])
})
