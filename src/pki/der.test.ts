import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../core/model/errors.ts'
import { assertRefused } from '../testing/refusal.ts'
import { readElements, readInside, readOnly, readSmallNumber, readTrue, readWholeBits } from './der.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

describe('readElements()', () => {
  it('reads elements one after the other', () => {
    // INTEGER 5, an empty SEQUENCE, [0] with a NULL in it
    const elements = readElements(hex('02 01 05  30 00  a0 02 05 00'))
    assert.deepEqual(
      elements.map(({ tag, content, raw }) => [tag, content.toString('hex'), raw.toString('hex')]),
      [
        [0x02, '05', '020105'],
        [0x30, '', '3000'],
        [0xa0, '0500', 'a0020500'],
      ],
    )
    assert.deepEqual(readElements(Buffer.alloc(0)), [])
  })

  it('reads lengths of one, two and three bytes', () => {
    for (const [header, length] of [
      ['04 7f', 127],
      ['04 81 80', 128],
      ['04 82 01 00', 256],
      ['04 83 01 00 00', 65_536],
    ] as const) {
      assert.equal(
        readElements(Buffer.concat([hex(header), Buffer.alloc(length)]))[0]?.content.length,
        length,
      )
    }
  })

  const bad: [string, string][] = [
    ['a tag alone', '30'],
    ['content cut short', '04 02 01'],
    ['a length cut short', '04 82 01'],
    ['an indefinite length', '30 80 00 00'],
    ['a length of one byte in the long form', '04 81 01 00'],
    ['a length with a zero in front', '04 82 00 80'],
    ['a length of four bytes', '04 84 00 00 00 01 00'],
    ['a huge length', '04 83 ff ff ff'],
    ['a tag of two bytes', '1f 81 01 00'],
    ['something left over', '05 00 00'],
  ]
  for (const [name, text] of bad) {
    it(`refuses ${name}`, () => assertRefused(() => readElements(hex(text)), 'bad-input', /Cannot read DER/))
  }

  it('gives elements that are the bytes again, or a MeshError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
        try {
          const elements = readElements(Buffer.from(bytes))
          assert.deepEqual(Buffer.concat(elements.map(({ raw }) => raw)), Buffer.from(bytes))
        } catch (error) {
          assert.ok(error instanceof MeshError && error.code === 'bad-input', String(error))
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('readers of one value', () => {
  it('read what is written in the one right way', () => {
    assert.equal(readOnly(hex('0401ff'), 0x04).content.toString('hex'), 'ff')
    assert.equal(readInside(hex('30 04 0500 0500'), 0x30).length, 2)
    assert.deepEqual(
      ['00', '01', '7f', '0080', '0100', '7fffffff'].map(text => readSmallNumber(hex(text))),
      [0, 1, 127, 128, 256, 2_147_483_647],
    )
    assert.equal(readWholeBits(hex('00abcd')).toString('hex'), 'abcd')
    assert.equal(readTrue(hex('ff')), true)
  })

  it('refuse everything else', async () => {
    const reads = [
      () => readOnly(hex('0500'), 0x04),
      () => readOnly(hex('05000500'), 0x05),
      () => readOnly(Buffer.alloc(0), 0x05),
      () => readInside(hex('3100'), 0x30),
      ...['', '0000', '0001', '80', 'ff', '80000000', '0080000000'].map(
        text => () => readSmallNumber(hex(text)),
      ),
      () => readWholeBits(hex('')),
      () => readWholeBits(hex('01ab')),
      ...['', '00', '01', 'ffff'].map(text => () => readTrue(hex(text))),
    ]
    for (const read of reads) await assertRefused(read, 'bad-input', /Cannot read DER/)
  })
})
