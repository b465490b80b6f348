import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDeadProperties, MAX_PROPERTY_CHARACTERS } from './dead-properties.ts'

const property = (name: string, text = '') => ({ space: 'u:', name, attributes: [], children: [text] })

test('properties go where their files go', () => {
  const properties = createDeadProperties()
  properties.change('d/a', [{ do: 'set', element: property('x') }])
  properties.change('d', [{ do: 'set', element: property('y') }])
  properties.carry('d', 'e', 'copied')
  properties.carry('d', 'f', 'copied-alone')
  properties.carry('d', 'g', 'moved')
  const sizes = ['d', 'd/a', 'e', 'e/a', 'f', 'f/a', 'g', 'g/a'].map(path => properties.of(path).size)
  assert.deepEqual(sizes, [0, 0, 1, 1, 1, 0, 1, 1])
  properties.removeBelow('g')
  assert.equal(properties.of('g/a').size, 0)
})

test('properties have a limit, and what was removed counts no more', () => {
  const properties = createDeadProperties()
  const text = 'x'.repeat(MAX_PROPERTY_CHARACTERS / 2)
  properties.change('a', [{ do: 'set', element: property('x', text) }])
  const set = () => properties.change('b', [{ do: 'set', element: property('x', text) }])
  assert.throws(set, { code: 'storage-full' })
  assert.equal(properties.of('b').size, 0)
  properties.change('a', [{ do: 'remove', element: property('x') }])
  set()
  assert.equal(properties.of('b').size, 1)
})
