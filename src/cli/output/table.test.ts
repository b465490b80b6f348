import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatFields, formatTable } from './table.ts'
import { bytes, milliseconds, moment, plural } from './words.ts'

const columns = [
  { title: 'NAME', cell: (item: { name: string; count?: number }) => item.name },
  { title: 'COUNT', cell: (item: { name: string; count?: number }) => item.count },
]

test('formatTable() aligns by display width and shows 0, but a dash for nothing', () => {
  const items = [{ name: '日本語', count: 0 }, { name: 'ab' }, { name: '', count: 12 }]
  assert.equal(formatTable(items, columns), 'NAME    COUNT\n日本語  0\nab      -\n-       12\n')
})

test('formatTable() of nothing is its titles', () => {
  assert.equal(formatTable([], columns), 'NAME  COUNT\n')
})

test('formatTable() colours a cell with its blanks, so that columns stay aligned', () => {
  const [name = { title: '', cell: () => '' }, count = name] = columns
  const toned = [{ ...name, tone: () => 'good' as const }, count]
  const paint = (tone: string, text: string) => `<${tone}>${text}</>`
  assert.equal(formatTable([{ name: 'a', count: 1 }], toned, paint), 'NAME  COUNT\n<good>a   </>  1\n')
})

test('formatFields() aligns values, lists below each other, leaves out what is not there', () => {
  const text = formatFields([
    ['A', 'x\ny'],
    ['Long label', ['1', '2']],
    ['Gone', undefined],
    ['None', []],
  ])
  assert.equal(text, 'A:          x\\u{a}y\nLong label: 1\n            2\nNone:       -\n')
})

test('words for amounts are short', () => {
  assert.deepEqual([0, 999, 1_000, 1_234_567, 5e12].map(bytes), [
    '0 B',
    '999 B',
    '1.0 kB',
    '1.2 MB',
    '5.0 TB',
  ])
  assert.deepEqual([0.123456, 1.5, 45.67, 123.4].map(milliseconds), [
    '0.123 ms',
    '1.50 ms',
    '45.7 ms',
    '123 ms',
  ])
  assert.equal(plural(1, 'hub'), '1 hub')
  assert.equal(plural(0, 'hub'), '0 hubs')
  assert.equal(moment(Date.UTC(2026, 0, 2, 3, 4, 5)), '2026-01-02 03:04:05Z')
  assert.equal(moment(8.7e15), '-')
})
