import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  encodeSocksDatagram,
  encodeSocksMethod,
  encodeSocksPasswordAnswer,
  encodeSocksReply,
  MAX_SOCKS_MESSAGE_BYTES,
  readSocksDatagram,
  readSocksGreeting,
  readSocksPassword,
  readSocksRequest,
  type SocksResult,
} from './socks.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

/** Read a message whole, and see that no beginning of it is enough. */
function readWhole<T>(read: (bytes: Uint8Array) => SocksResult<T>, bytes: Uint8Array): T {
  for (let end = 0; end < bytes.length; end++) {
    assert.equal(read(bytes.subarray(0, end)).state, 'more', `after ${end} bytes`)
  }
  const result = read(Uint8Array.from([...bytes, 0xaa, 0xbb]))
  assert.ok(result.state === 'done')
  assert.equal(result.byteCount, bytes.length)
  return result.value
}

test('SOCKS messages of the RFCs are read at any split', () => {
  assert.deepEqual(readWhole(readSocksGreeting, hex('05 02 00 02')), [0, 2])
  assert.deepEqual(readWhole(readSocksPassword, hex('01 03 626f62 04 70617373')), {
    name: 'bob',
    password: 'pass',
  })
  const requests = {
    '05 01 00 01 c0000207 0050': { command: 'connect', host: '192.0.2.7', port: 80 },
    '05 01 00 03 0b 6578616d706c652e636f6d 01bb': { command: 'connect', host: 'example.com', port: 443 },
    '05 03 00 04 20010db8000000000000000000000001 0035': {
      command: 'udp-associate',
      host: '2001:db8::1',
      port: 53,
    },
    '05 02 00 01 00000000 0000': { command: 'bind', host: '0.0.0.0', port: 0 },
  }
  for (const [text, request] of Object.entries(requests)) {
    assert.deepEqual(readWhole(readSocksRequest, hex(text)), request)
  }
})

test('SOCKS answers are those of the RFCs', () => {
  assert.deepEqual(encodeSocksMethod('none'), hex('05 00'))
  assert.deepEqual(encodeSocksMethod('unacceptable'), hex('05 ff'))
  assert.deepEqual(encodeSocksPasswordAnswer(false), hex('01 01'))
  assert.deepEqual(encodeSocksReply('succeeded'), hex('05 00 00 01 00000000 0000'))
  assert.deepEqual(
    encodeSocksReply('refused', { host: '::1', port: 80 }),
    hex('05 05 00 04 00000000000000000000000000000001 0050'),
  )
})

test('SOCKS messages that are none are refused at once', () => {
  const bad: [(bytes: Uint8Array) => SocksResult<unknown>, string][] = [
    [readSocksGreeting, '04'],
    [readSocksGreeting, '47'],
    [readSocksPassword, '05'],
    [readSocksRequest, '04 01'],
    [readSocksRequest, '05 09 00'],
    [readSocksRequest, '05 01 00 02 00'],
    [readSocksRequest, '05 01 00 03 00 0050'],
    [readSocksRequest, '05 01 00 03 03 610062 0050'],
    [readSocksRequest, '05 01 00 03 02 c328 0050'],
    [readSocksRequest, '05 01 00 03 03 612f62 0050'],
  ]
  for (const [read, text] of bad) assert.equal(read(hex(text)).state, 'bad', text)
})

test('SOCKS readers answer any bytes without throwing, and want no more than a message may have', () => {
  const reads = [readSocksGreeting, readSocksPassword, readSocksRequest]
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.constantFrom(...reads), (bytes, read) => {
      const result = read(bytes)
      assert.ok(result.state !== 'more' || bytes.length < MAX_SOCKS_MESSAGE_BYTES)
      assert.ok(result.state !== 'done' || result.byteCount <= bytes.length)
    }),
    { numRuns: 2_000 },
  )
})

test('SOCKS datagrams come back as they were written; fragments and rubbish are dropped', () => {
  const hosts = fc.oneof(fc.ipV4(), fc.constant('2001:db8::7'), fc.constant('dns.example'))
  fc.assert(
    fc.property(hosts, fc.nat(65_535), fc.uint8Array({ maxLength: 40 }), (host, port, payload) => {
      const read = readSocksDatagram(encodeSocksDatagram({ host, port, payload }))
      assert.deepEqual(read && { ...read, payload: Uint8Array.from(read.payload) }, { host, port, payload })
    }),
  )
  for (const text of [
    '',
    '00 00 01 01 7f000001 0035 61',
    '01 00 00 01 7f000001 0035',
    '00 00 00 01 7f',
    '00 00 00 05',
  ]) {
    assert.equal(readSocksDatagram(hex(text)), undefined, text)
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), bytes => void readSocksDatagram(bytes)))
})
