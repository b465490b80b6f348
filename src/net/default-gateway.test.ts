import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseIp } from '../core/model/ip-address.ts'
import { readRouteTable } from './default-gateway.ts'

const HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT'

test('readRouteTable() finds the gateway of the default route', () => {
  const table = [
    HEAD,
    'eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    'tun0\t00000000\t00000000\t0001\t0\t0\t50\t00000000\t0\t0\t0',
    'eth0\t00000000\tFE01A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0',
    '',
  ].join('\n')
  assert.equal(readRouteTable(table), '192.168.1.254')
})

test('readRouteTable() finds none where there is none', () => {
  for (const table of ['', HEAD, `${HEAD}\neth0\t0001A8C0\t00000000\t0001`])
    assert.equal(readRouteTable(table), undefined)
})

test('readRouteTable() gives an address or nothing, whatever is in the file', () => {
  const cell = fc.oneof(fc.string(), fc.constantFrom('00000000', 'FE01A8C0', 'eth0'))
  fc.assert(
    fc.property(fc.array(fc.array(cell, { maxLength: 5 })), rows => {
      const found = readRouteTable(rows.map(cells => cells.join('\t')).join('\n'))
      assert.ok(found === undefined || parseIp(found)?.length === 4)
    }),
  )
})
