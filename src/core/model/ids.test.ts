import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MeshError } from './errors.ts'
import { isUuid, parseEndpointId, parseHubId, parseMeshId } from './ids.ts'

const UUID = '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11'
const MESH = 'abcdefghijklmnopqrstuvwxyz'

const NO_UUIDS = [
  '',
  UUID.toUpperCase(),
  UUID.replaceAll('-', ''),
  ` ${UUID}`,
  `${UUID}\n`,
  `{${UUID}}`,
  UUID.slice(1),
  `${UUID}0`,
  UUID.replace('d', 'g'),
]
const NOT_TEXT: unknown[] = [undefined, null, 7, 10n, Symbol('x'), {}, [UUID], { toString: () => UUID }]

test('parseEndpointId() and parseHubId() take a lower-case UUID and nothing else', () => {
  for (const parse of [parseEndpointId, parseHubId]) {
    assert.equal(parse(UUID), UUID)
    for (const value of [...NO_UUIDS, ...NOT_TEXT]) assert.throws(() => parse(value), { code: 'bad-input' })
  }
})

test('parseMeshId() takes 26 letters and digits of base32 and nothing else', () => {
  assert.equal(parseMeshId(MESH), MESH)
  assert.equal(parseMeshId('234567'.padEnd(26, 'a')), '234567'.padEnd(26, 'a'))
  const texts = ['', MESH.slice(1), `${MESH}a`, MESH.toUpperCase(), MESH.replace('a', '1'), `${MESH}\n`, UUID]
  for (const value of [...texts, ...NOT_TEXT]) assert.throws(() => parseMeshId(value), { code: 'bad-input' })
})

test('isUuid() agrees with parseEndpointId()', () => {
  assert.deepEqual([isUuid(UUID), ...NO_UUIDS.map(isUuid)], [true, ...NO_UUIDS.map(() => false)])
})

test('the id parsers take every id there can be', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.stringMatching(/^[a-z2-7]{26}$/), (uuid, mesh) => {
      assert.deepEqual([parseEndpointId(uuid), parseHubId(uuid), parseMeshId(mesh)], [uuid, uuid, mesh])
      assert.equal(isUuid(uuid), true)
    }),
  )
})

test('the id parsers give the value itself or a short MeshError, for any value', () => {
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withNullPrototype: true }), value => {
      for (const parse of [parseEndpointId, parseHubId, parseMeshId]) {
        try {
          assert.equal(parse(value), value)
        } catch (error) {
          assert.ok(error instanceof MeshError, String(error))
          assert.ok(error.message.length < 300)
        }
      }
    }),
  )
})
