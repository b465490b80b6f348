import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseServiceAddress } from './service-address.ts'

const OWN = 'https://ztm.example:8888'

test('a program dials services by name, protocol, instance and zt:// address', () => {
  const cases = {
    db: { service: 'tcp/db' },
    'udp/dns': { service: 'udp/dns' },
    'one@db': { instance: 'one', service: 'tcp/db' },
    'zt://db': { service: 'tcp/db' },
    'zt://db?controller=https://ztm.example:8888': { service: 'tcp/db' },
  }
  for (const [text, address] of Object.entries(cases))
    assert.deepEqual(parseServiceAddress(text, OWN), address)
})

test('an address at another controller is not dialled at this one', () => {
  for (const other of ['https://ztm.example', 'https://other.example:8888']) {
    assert.throws(() => parseServiceAddress(`zt://db?controller=${other}`, OWN), {
      name: 'ZtmError',
      message: /logged in at https:\/\/ztm\.example:8888/,
    })
  }
})
