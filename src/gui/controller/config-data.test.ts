import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { faultsOf, readJsonObject, readPortRanges, writePortRanges } from './config-data.ts'

test('readPortRanges() reads what writePortRanges() writes', () => {
  const port = fc.integer({ min: 0, max: 65_535 })
  const range = fc.tuple(port, port).map(([a, b]) => ({ low: Math.min(a, b), high: Math.max(a, b) }))
  fc.assert(
    fc.property(fc.array(range), ranges => assert.deepEqual(readPortRanges(writePortRanges(ranges)), ranges)),
  )
})

test('readPortRanges() takes no port that is none', () => {
  for (const text of ['x', '70000', '9-1', '1-', '-1', '1-2-3', '1.5', '80;443'])
    assert.equal(readPortRanges(text), undefined, text)
  assert.deepEqual(readPortRanges(' 80,443  8000-8010,'), [
    { low: 80, high: 80 },
    { low: 443, high: 443 },
    { low: 8_000, high: 8_010 },
  ])
})

test('writePortRanges() and readJsonObject() take whatever they are given', () => {
  fc.assert(fc.property(fc.anything(), value => assert.equal(typeof writePortRanges(value), 'string')))
  assert.equal(readJsonObject('[1]'), undefined)
  assert.equal(readJsonObject('null'), undefined)
  assert.equal(readJsonObject('{'), undefined)
  assert.deepEqual(readJsonObject('{"a":1}'), { a: 1 })
})

test('faultsOf() names the member at fault, and says nothing of a schema that it cannot read', () => {
  const schema = {
    type: 'object',
    properties: { port: { type: 'integer', maximum: 65_535 } },
    additionalProperties: false,
  }
  assert.deepEqual(faultsOf(schema, { port: 80 }), [])
  assert.match(faultsOf(schema, { port: 80_000 })[0] ?? '', /^port: /)
  assert.equal(faultsOf(schema, { prot: 1 }).length, 1)
  assert.deepEqual(faultsOf({ type: 'nonsense' }, {}), [])
})
