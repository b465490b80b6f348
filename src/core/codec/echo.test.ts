import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatIp, parseIp } from '../model/ip-address.ts'
import { decodeEcho, ECHO_BYTES, type Echo, encodeEcho } from './echo.ts'

/** Bytes of spaced hex; the rest of a line after `;` is a comment. */
function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replace(/;.*/g, '').replace(/\s/g, ''), 'hex'))
}

const TRANSACTION = 0x0102030405060708n
const GOLDEN: readonly (readonly [Echo, Uint8Array])[] = [
  [
    { kind: 'request', transaction: TRANSACTION },
    hex(`
      5a 01                                            ; request
      01 02 03 04 05 06 07 08                          ; transaction
      00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ; as long as the answer
      00 00
    `),
  ],
  [
    { kind: 'answer', transaction: TRANSACTION, seen: { host: '203.0.113.7', port: 0x1234 } },
    hex(`
      5a 02                                            ; answer
      01 02 03 04 05 06 07 08                          ; transaction
      ff ff ff ff ff ff ff ff ff ff 00 00 34 ff 8e f8  ; ::ffff:203.0.113.7, inverted
      ed cb                                            ; port 0x1234, inverted
    `),
  ],
  [
    { kind: 'answer', transaction: 0xffffffffffffffffn, seen: { host: '2001:db8::7', port: 443 } },
    hex(`
      5a 02
      ff ff ff ff ff ff ff ff
      df fe f2 47 ff ff ff ff ff ff ff ff ff ff ff f8  ; 2001:db8::7, inverted
      fe 44
    `),
  ],
]

test('encodeEcho() writes the golden bytes and decodeEcho() reads them', () => {
  for (const [echo, bytes] of GOLDEN) {
    assert.deepEqual(encodeEcho(echo), bytes)
    assert.deepEqual(decodeEcho(bytes), echo)
    assert.equal(bytes.length, ECHO_BYTES)
  }
})

test('encodeEcho() throws for an address that is no IP address', () => {
  assert.throws(
    () => encodeEcho({ kind: 'answer', transaction: 1n, seen: { host: 'hub.example', port: 1 } }),
    { code: 'bug' },
  )
})

test('decodeEcho() reads back what was written, in the one way to write an address', () => {
  const echo = fc.record({
    kind: fc.constant('answer' as const),
    transaction: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    seen: fc.record({ host: fc.oneof(fc.ipV4(), fc.ipV6()), port: fc.nat({ max: 65_535 }) }),
  })
  fc.assert(
    fc.property(echo, one => {
      const host = formatIp(parseIp(one.seen.host) ?? assert.fail(one.seen.host))
      assert.deepEqual(decodeEcho(encodeEcho(one)), { ...one, seen: { ...one.seen, host } })
    }),
  )
})

test('decodeEcho() takes no datagram that is cut, too long, of another kind or of the transport', () => {
  const [, answer] = GOLDEN[1] as (typeof GOLDEN)[number]
  for (let length = 0; length < ECHO_BYTES; length++)
    assert.equal(decodeEcho(answer.subarray(0, length)), undefined)
  assert.equal(decodeEcho(new Uint8Array([...answer, 0])), undefined)
  assert.equal(decodeEcho(answer.with(0, 0xff)), undefined)
  assert.equal(decodeEcho(answer.with(1, 3)), undefined)
})

test('decodeEcho() gives a value or undefined, whatever the bytes and wherever they lie', () => {
  const head = fc.constantFrom([], [0x5a], [0x5a, 0x01], [0x5a, 0x02])
  fc.assert(
    fc.property(head, fc.uint8Array({ maxLength: 40 }), fc.nat({ max: 9 }), (start, tail, offset) => {
      const bytes = new Uint8Array([...new Uint8Array(offset), ...start, ...tail]).subarray(offset)
      const echo = decodeEcho(bytes)
      if (echo !== undefined) assert.deepEqual(decodeEcho(encodeEcho(echo)), echo)
    }),
  )
})
