import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { pageLabel, parsePageHost } from './page-host.ts'

const digest = (text: string) => createHash('sha256').update(text).digest('hex')
const part = fc.oneof(
  fc.stringMatching(/^[a-z0-9-]{1,8}$/),
  fc.string({ minLength: 1, maxLength: 64, unit: 'grapheme' }),
)
const owner = fc.record({
  name: fc.stringMatching(/^[a-z](?:-?[a-z0-9]){0,12}$/),
  provider: part,
  mesh: part,
})

test('pageLabel() is a host label, and two apps never have the same', () => {
  assert.equal(pageLabel({ mesh: 'home', provider: 'alice', name: 'notes' }, digest), 'notes--alice--home')
  fc.assert(
    fc.property(owner, owner, (a, b) => {
      const [one, two] = [pageLabel(a, digest), pageLabel(b, digest)]
      assert.match(one, /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/)
      assert.equal(one === two, JSON.stringify(a) === JSON.stringify(b), `${one} ${two}`)
    }),
  )
})

test('pageLabel() keeps apart what could be read in two ways', () => {
  const labels = [
    { mesh: 'home', provider: 'a--b', name: 'x' },
    { mesh: 'b--home', provider: 'a', name: 'x' },
    { mesh: 'Home', provider: 'a', name: 'x' },
    { mesh: 'home', provider: 'A', name: 'x' },
    { mesh: 'home', provider: 'a.b', name: 'x' },
    { mesh: 'home', provider: 'x-1', name: 'x' },
  ].map(one => pageLabel(one, digest))
  assert.equal(new Set(labels).size, labels.length)
})

test('parsePageHost() takes nothing but a label below localhost, with a port', () => {
  assert.deepEqual(parsePageHost('notes--alice--home.localhost:7777'), {
    label: 'notes--alice--home',
    port: 7_777,
  })
  for (const host of [
    'localhost:7777',
    'a.localhost',
    'a.b.localhost:1',
    'A.localhost:1',
    'a.localhost.evil.com:1',
    'a.localhost:1@b:2',
    '.localhost:1',
  ])
    assert.equal(parsePageHost(host), undefined, host)
})
