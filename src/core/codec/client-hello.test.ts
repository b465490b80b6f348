import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { captureClientHello } from '../../testing/client-hello-bytes.ts'
import { MeshError } from '../model/errors.ts'
import { readClientHello } from './client-hello.ts'

const GOLDEN = Buffer.from(
  [
    '16 0301 0047', // record: handshake, TLS 1.0, 71 bytes
    '01 000043', // ClientHello, 67 bytes
    `0303 ${'11'.repeat(32)}`, // version, random
    '00', // session id: none
    '0002 1301', // one cipher suite
    '01 00', // one compression: none
    '0018', // extensions, 24 bytes
    '0000 000b 0009 00 0006 44422e783a79'.replace('3a79', '2e79'), // server_name: DB.x.y
    '0010 0005 0003 02 6832', // ALPN: h2
  ]
    .join('')
    .replaceAll(' ', ''),
  'hex',
)

test('readClientHello() reads server name and protocols', () => {
  assert.deepEqual(readClientHello(GOLDEN), { serverName: 'db.x.y', protocols: ['h2'] })
})

test('readClientHello() reads what OpenSSL writes, at whichever byte it was cut', async () => {
  const bytes = await captureClientHello({ servername: 'app.example.com', ALPNProtocols: ['h2', 'http/1.1'] })
  for (let end = 0; end < bytes.length; end += 1)
    assert.equal(readClientHello(bytes.subarray(0, end)), undefined)
  assert.deepEqual(readClientHello(bytes), { serverName: 'app.example.com', protocols: ['h2', 'http/1.1'] })
})

test('readClientHello() joins a message that is spread over records', () => {
  const body = GOLDEN.subarray(5)
  for (const size of [1, 2, 3, 7, 70]) {
    const records: Buffer[] = []
    for (let at = 0; at < body.length; at += size) {
      const part = body.subarray(at, at + size)
      records.push(Buffer.from([22, 3, 1, 0, part.length]), part)
    }
    assert.deepEqual(readClientHello(Buffer.concat(records)), { serverName: 'db.x.y', protocols: ['h2'] })
  }
})

test('readClientHello() refuses what is too long before it comes', () => {
  const head = Buffer.from('160301400001010001', 'hex')
  assert.throws(() => readClientHello(head), { code: 'too-large' })
  assert.throws(() => readClientHello(Buffer.from('1603014001', 'hex')), { code: 'bad-message' })
  assert.throws(() => readClientHello(Buffer.from('GET / HTTP/1.1\r\n')), { code: 'bad-message' })
})

test('readClientHello() gives a hello, wants more or refuses, whatever bytes come', () => {
  const tried = (bytes: Uint8Array) => {
    try {
      readClientHello(bytes)
    } catch (error) {
      assert.ok(error instanceof MeshError && ['bad-message', 'too-large'].includes(error.code))
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), tried))
  const edits = fc.array(fc.tuple(fc.nat(GOLDEN.length - 1), fc.nat(255)), { maxLength: 4 })
  fc.assert(
    fc.property(edits, changes => {
      const bytes = Uint8Array.from(GOLDEN)
      for (const [at, value] of changes) bytes[at] = value
      tried(bytes)
    }),
    { numRuns: 2_000 },
  )
})
