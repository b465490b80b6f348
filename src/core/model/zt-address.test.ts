import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MeshError } from './errors.ts'
import { MAX_NAME_LENGTH, parseServiceName, type ServiceName } from './names.ts'
import { formatZtAddress, MAX_ZT_ADDRESS_LENGTH, parseZtAddress } from './zt-address.ts'

const GOOD: [text: string, service: string, controller?: string][] = [
  ['zt://my-svc', 'tcp/my-svc'],
  ['ZT://My-Svc', 'tcp/My-Svc'],
  ['zt://tcp/my-svc', 'tcp/my-svc'],
  ['zt://udp/dns', 'udp/dns'],
  ['zt://udp%2Fdns', 'udp/dns'],
  ['zt://tcp', 'tcp/tcp'],
  ['zt://b%C3%BCro%20drucker', 'tcp/büro drucker'],
  ['zt://a%3Ab', 'tcp/a:b'],
  ['zt://my-svc?controller=https://ctl.example', 'tcp/my-svc', 'https://ctl.example'],
  ['zt://my-svc?controller=https://ctl.example/', 'tcp/my-svc', 'https://ctl.example'],
  ['zt://my-svc?controller=https://CTL.example:8888', 'tcp/my-svc', 'https://ctl.example:8888'],
  ['zt://my-svc?controller=https%3A%2F%2Fctl.example%3A8888', 'tcp/my-svc', 'https://ctl.example:8888'],
  ['zt://my-svc?controller=https://ctl.example:443', 'tcp/my-svc', 'https://ctl.example'],
  ['zt://my-svc?controller=https://[::1]:8888', 'tcp/my-svc', 'https://[::1]:8888'],
]

const BAD = [
  '',
  'zt:',
  'zt://',
  'zt:/a',
  'zt://?controller=https://ctl.example',
  'https://my-svc',
  'tcp://my-svc',
  'zt://my svc',
  'zt://bü',
  'zt://user@my-svc',
  'zt://my-svc:80',
  'zt://my-svc/',
  'zt://my-svc/path',
  'zt://tcp/my-svc/path',
  'zt://http/my-svc',
  'zt://my-svc#part',
  'zt://my-svc?',
  'zt://my-svc?controller',
  'zt://my-svc?controller=',
  'zt://my-svc?token=secret',
  'zt://my-svc?controller=https://a&controller=https://b',
  'zt://my-svc?controller=https://a&x=1',
  'zt://my-svc?controller=http://ctl.example',
  'zt://my-svc?controller=ctl.example',
  'zt://my-svc?controller=https://user:secret@ctl.example',
  'zt://my-svc?controller=https://ctl.example/edge',
  'zt://my-svc?controller=https://ctl.example%3Fa%3Db',
  'zt://my-svc?controller=https://ctl.example%23a',
  'zt://my-svc?controller=https://ctl.example%5Ca',
  'zt://my-svc?controller=https://ctl.example:70000',
  'zt://my-svc?controller=https://a%20b',
  'zt://%',
  'zt://%ff',
  'zt://a%00b',
  'zt://a%E2%80%8Bb',
  'zt://..',
  `zt://${'a'.repeat(MAX_NAME_LENGTH + 1)}`,
  `zt://a?controller=https://${'a'.repeat(MAX_ZT_ADDRESS_LENGTH)}`,
]

test('parseZtAddress() reads services with and without a controller', () => {
  for (const [text, service, controller] of GOOD) {
    assert.deepEqual(
      parseZtAddress(text),
      controller === undefined ? { service } : { service, controller },
      text,
    )
  }
})

test('parseZtAddress() refuses what is not of the form', () => {
  for (const text of BAD) {
    assert.throws(
      () => parseZtAddress(text),
      (error: unknown) => error instanceof MeshError && /^bad-(input|name)$/.test(error.code),
      text,
    )
  }
})

test('formatZtAddress() writes what parseZtAddress() reads, whatever the name', () => {
  const names = fc
    .tuple(fc.constantFrom('tcp', 'udp'), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }))
    .map(([protocol, name]) => `${protocol}/${name}`)
    .filter(isServiceName)
  const controllers = fc.option(
    fc.constantFrom('https://a.example', 'https://a.example:8888', 'https://[2001:db8::1]'),
  )
  fc.assert(
    fc.property(names, controllers, (name, controller) => {
      const address = { service: parseServiceName(name), ...(controller !== null && { controller }) }
      assert.deepEqual(parseZtAddress(formatZtAddress(address)), address)
    }),
  )
  assert.equal(formatZtAddress({ service: 'tcp/a' as ServiceName }), 'zt://a')
})

test('parseZtAddress() gives an address or a MeshError, whatever the text', () => {
  const parts = fc.constantFrom(
    'zt://',
    '?',
    'controller=',
    'https://',
    '%',
    '2F',
    '/',
    'a',
    '@',
    ':',
    '[',
    ']',
    '#',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(parts, fc.string({ maxLength: 3 })), { maxLength: 9 }), pieces => {
      try {
        const address = parseZtAddress(pieces.join(''))
        assert.deepEqual(parseZtAddress(formatZtAddress(address)), address)
      } catch (error) {
        assert.ok(error instanceof MeshError, String(error))
      }
    }),
    { numRuns: 2_000 },
  )
})

function isServiceName(text: string): boolean {
  try {
    parseServiceName(text)
    return true
  } catch {
    return false
  }
}
