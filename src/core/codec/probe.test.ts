import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatIp, parseIp } from '../model/ip-address.ts'
import type { IntroductionId, Probe } from '../model/probe.ts'
import { decodeProbe, PROBE_BYTES, probeBytes, sealProbe } from './probe.ts'

/** Bytes of spaced hex; the rest of a line after `;` is a comment. */
function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replace(/;.*/g, '').replace(/\s/g, ''), 'hex'))
}

const MAC = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i)
const introduction = '0102030405060708' as IntroductionId
const GOLDEN: readonly (readonly [Probe, Uint8Array])[] = [
  [
    { kind: 'ping', side: 'dial', introduction, transaction: 1 },
    hex(`
      5a 11 01                                         ; ping of the side that dials
      01 02 03 04 05 06 07 08                          ; introduction
      00 00 00 01                                      ; transaction
      00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ; as long as the pong
      00 00
    `),
  ],
  [
    {
      kind: 'pong',
      side: 'accept',
      introduction,
      transaction: 0xfffffffe,
      seen: { host: '203.0.113.7', port: 0x1234 },
    },
    hex(`
      5a 12 02                                         ; pong of the side that accepts
      01 02 03 04 05 06 07 08
      ff ff ff fe
      ff ff ff ff ff ff ff ff ff ff 00 00 34 ff 8e f8  ; ::ffff:203.0.113.7, inverted
      ed cb                                            ; port 0x1234, inverted
    `),
  ],
  [
    { kind: 'nominate', side: 'dial', introduction, transaction: 7 },
    hex(`
      5a 13 01
      01 02 03 04 05 06 07 08
      00 00 00 07
      00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
    `),
  ],
]

test('probeBytes() writes the golden bytes and decodeProbe() reads them, sealed', () => {
  for (const [probe, body] of GOLDEN) {
    assert.deepEqual(probeBytes(probe), body)
    const datagram = sealProbe(body, MAC)
    assert.equal(datagram.length, PROBE_BYTES)
    assert.deepEqual(decodeProbe(datagram), { probe, body, mac: MAC })
  }
})

test('sealProbe() takes the first 16 bytes of a longer code', () => {
  const body = probeBytes(GOLDEN[0]?.[0] as Probe)
  const long = new Uint8Array([...MAC, ...MAC])
  assert.deepEqual(sealProbe(body, long), sealProbe(body, MAC))
})

test('probeBytes() throws for an id or address that is none', () => {
  const [ping] = GOLDEN[0] as (typeof GOLDEN)[number]
  for (const bad of ['', '01', 'x102030405060708', '010203040506070809'])
    assert.throws(() => probeBytes({ ...ping, introduction: bad as IntroductionId }), { code: 'bug' })
  const [pong] = GOLDEN[1] as (typeof GOLDEN)[number]
  assert.throws(() => probeBytes({ ...pong, kind: 'pong', seen: { host: 'x', port: 1 } }), { code: 'bug' })
})

// Objects as the decoder makes them, to be compared.
const PLAIN = { noNullPrototype: true }
const base = {
  side: fc.constantFrom('dial' as const, 'accept' as const),
  introduction: fc
    .bigInt({ min: 0n, max: 2n ** 64n - 1n })
    .map(id => id.toString(16).padStart(16, '0') as IntroductionId),
  transaction: fc.nat({ max: 0xffffffff }),
}
const host = fc.oneof(fc.ipV4(), fc.ipV6()).map(text => formatIp(parseIp(text) ?? new Uint8Array(4)))
const anyProbe: fc.Arbitrary<Probe> = fc.oneof(
  fc.record({ kind: fc.constantFrom('ping' as const, 'nominate' as const), ...base }, PLAIN),
  fc.record(
    {
      kind: fc.constant('pong' as const),
      ...base,
      seen: fc.record({ host, port: fc.nat({ max: 65_535 }) }, PLAIN),
    },
    PLAIN,
  ),
)

test('decodeProbe() reads back what was written', () => {
  fc.assert(
    fc.property(anyProbe, fc.uint8Array({ minLength: 16, maxLength: 16 }), (probe, mac) => {
      const body = probeBytes(probe)
      assert.deepEqual(decodeProbe(sealProbe(body, mac)), { probe, body, mac })
    }),
  )
})

test('decodeProbe() takes no datagram that is cut, too long, of another kind or side, or of the transport', () => {
  const datagram = sealProbe(probeBytes(GOLDEN[1]?.[0] as Probe), MAC)
  for (let length = 0; length < PROBE_BYTES; length++)
    assert.equal(decodeProbe(datagram.subarray(0, length)), undefined)
  assert.equal(decodeProbe(new Uint8Array([...datagram, 0])), undefined)
  for (const [at, value] of [
    [0, 0xff],
    [1, 0x10],
    [1, 0x14],
    [2, 0],
    [2, 3],
  ] as const)
    assert.equal(decodeProbe(datagram.with(at, value)), undefined, `byte ${at}: ${value}`)
})

test('decodeProbe() gives a value or undefined, whatever the bytes and wherever they lie', () => {
  const almost = fc
    .tuple(anyProbe, fc.nat({ max: PROBE_BYTES - 1 }), fc.nat({ max: 255 }))
    .map(([probe, at, value]) => sealProbe(probeBytes(probe), MAC).with(at, value))
  fc.assert(
    fc.property(fc.oneof(almost, fc.uint8Array({ maxLength: 60 })), fc.nat({ max: 9 }), (some, offset) => {
      const bytes = new Uint8Array([...new Uint8Array(offset), ...some]).subarray(offset)
      const read = decodeProbe(bytes)
      if (read !== undefined) assert.equal(probeBytes(read.probe).length, read.body.length)
    }),
  )
})
