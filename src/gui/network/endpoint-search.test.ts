import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseEndpointSearch, parseMapSearch, searchOfGroup } from './endpoint-search.ts'

test('parseEndpointSearch() takes what it knows and passes over the rest', () => {
  const good = { keyword: 'off', user: 'bob', label: '', state: 'online', by: 'label' }
  assert.deepEqual(parseEndpointSearch(good), good)
  const bad = { keyword: 'x'.repeat(65), user: 7, label: ['a'], state: 'gone', by: 'colour', other: 1 }
  assert.deepEqual(parseEndpointSearch(bad), {})
})

test('searchOfGroup() gives the filter of one group', () => {
  assert.deepEqual(searchOfGroup('user', 'bob'), { user: 'bob' })
  assert.deepEqual(searchOfGroup('label', ''), { label: '' })
  assert.deepEqual(searchOfGroup('state', 'offline'), { state: 'offline' })
})

test('parseMapSearch() takes what it knows and passes over the rest', () => {
  assert.deepEqual(parseMapSearch({ by: 'label', open: '', more: 1 }), { by: 'label', open: '' })
  assert.deepEqual(parseMapSearch({ by: 'state', open: 7 }), {})
})
