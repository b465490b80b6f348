import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../model/errors.ts'
import { decodeRelayPreface, encodeRelayPreface, RELAY_PREFACE_BYTES } from './relay-preface.ts'

const TICKET = Uint8Array.from({ length: 32 }, (_, i) => i)

/** Bytes of spaced hex; the rest of a line after `;` is a comment. */
function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replace(/;.*/g, '').replace(/\s/g, ''), 'hex'))
}

const DIAL = hex(`
  5a 54 4d 31                                      ; ZTM1
  01                                               ; dialling half
  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ; ticket
  10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f
`)
const ACCEPT = hex(`
  5a 54 4d 31                                      ; ZTM1
  02                                               ; accepting half
  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ; ticket
  10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f
`)

test('encodeRelayPreface() writes the golden bytes of both halves', () => {
  assert.deepEqual(encodeRelayPreface({ side: 'dial', ticket: TICKET }), DIAL)
  assert.deepEqual(encodeRelayPreface({ side: 'accept', ticket: TICKET }), ACCEPT)
  assert.equal(DIAL.length, RELAY_PREFACE_BYTES)
})

test('decodeRelayPreface() reads the golden bytes of both halves', () => {
  const rest = new Uint8Array(0)
  assert.deepEqual(decodeRelayPreface(DIAL), {
    state: 'done',
    preface: { side: 'dial', ticket: TICKET },
    rest,
  })
  assert.deepEqual(decodeRelayPreface(ACCEPT), {
    state: 'done',
    preface: { side: 'accept', ticket: TICKET },
    rest,
  })
})

test('encodeRelayPreface() refuses a ticket that has not 32 bytes', () => {
  for (const length of [0, 31, 33, 64]) {
    assert.throws(() => encodeRelayPreface({ side: 'dial', ticket: new Uint8Array(length) }), {
      code: 'bad-ticket',
    })
  }
})

test('decodeRelayPreface() asks for more at every length below 37 bytes', () => {
  for (let length = 0; length < RELAY_PREFACE_BYTES; length++) {
    assert.deepEqual(decodeRelayPreface(DIAL.subarray(0, length)), { state: 'more' }, `${length} bytes`)
  }
})

test('decodeRelayPreface() says bad at the first byte that does not fit', () => {
  for (let at = 0; at < 5; at++) {
    const bytes = DIAL.slice(0, at + 1)
    bytes[at] = 0xff
    assert.equal(decodeRelayPreface(bytes).state, 'bad', `byte ${at}`)
  }
  assert.equal(decodeRelayPreface(hex('5a 54 4d 31 00')).state, 'bad')
  assert.equal(decodeRelayPreface(hex('5a 54 4d 31 03')).state, 'bad')
})

test('decodeRelayPreface() gives a ticket that does not change with the buffer it came in', () => {
  const buffer = Buffer.from(DIAL)
  const result = decodeRelayPreface(buffer)
  buffer.fill(0xee)
  assert.ok(result.state === 'done')
  assert.deepEqual(result.preface.ticket, TICKET)
})

test('decodeRelayPreface() gives back what was encoded, and all that follows it', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('dial' as const, 'accept' as const),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ maxLength: 200 }),
      (side, ticket, rest) => {
        const bytes = new Uint8Array([...encodeRelayPreface({ side, ticket }), ...rest])
        assert.deepEqual(decodeRelayPreface(bytes), { state: 'done', preface: { side, ticket }, rest })
      },
    ),
  )
})

test('decodeRelayPreface() decides the same by any 37 bytes or more, and never takes back what it said', () => {
  const start = fc.oneof(fc.constant(DIAL), fc.constant(ACCEPT), fc.constant(new Uint8Array(0)))
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 80 }), (head, tail) => {
      const bytes = new Uint8Array([...head, ...tail])
      let decided = 'more'
      for (let length = 0; length <= bytes.length; length++) {
        const result = decodeRelayPreface(bytes.subarray(0, length))
        if (decided !== 'more') assert.equal(result.state, decided)
        if (length >= RELAY_PREFACE_BYTES) assert.notEqual(result.state, 'more')
        decided = result.state
      }
    }),
  )
})

test('decodeRelayPreface() never throws, whatever the bytes', () => {
  const almost = fc
    .tuple(fc.nat({ max: 36 }), fc.nat({ max: 255 }))
    .map(([at, value]) => DIAL.map((byte, i) => (i === at ? value : byte)))
  fc.assert(
    fc.property(fc.oneof(almost, fc.uint8Array({ maxLength: 100 })), bytes => {
      const result = decodeRelayPreface(bytes)
      if (result.state === 'bad') assert.ok(result.error instanceof MeshError)
      else assert.match(result.state, /^(more|done)$/)
    }),
  )
})
