import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { listListeningPorts, readListening } from './listening-ports.ts'

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const row = (local: string, state: string, inode = '4711') =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1 0 0\n`

test('readListening() finds what listens, by address and port', () => {
  const table =
    HEAD +
    row('0100007F:1F90', '0A') +
    row('0100007F:1F91', '01') +
    row('00000000000000000000000001000000:0016', '0A', '12') +
    row('00000000000000000000000000000000:01BB', '0A', '13') +
    row('0000000000000000FFFF00000100007F:0050', '0A', '14')
  assert.deepEqual(readListening(table), [
    { ip: '127.0.0.1', port: 8_080, inode: '4711' },
    { ip: '::1', port: 22, inode: '12' },
    { ip: '::', port: 443, inode: '13' },
    { ip: '127.0.0.1', port: 80, inode: '14' },
  ])
})

test('readListening() passes over what is no row', () => {
  for (const text of ['', 'x', row('zz:1', '0A'), row('0100007F:1', '0A'), row('0100007F:0001', '0A', 'x')])
    assert.deepEqual(readListening(text), [])
})

test('listListeningPorts() finds a port of this very process, with its name, on Linux', {
  skip: process.platform !== 'linux' && 'only Linux tells them',
}, async () => {
  await using server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const found = (await listListeningPorts()).find(one => one.port === port)
  assert.equal(found?.ip, '127.0.0.1')
  assert.match(found.process ?? '', /^node/)
})
