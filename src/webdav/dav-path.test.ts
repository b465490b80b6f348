import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatHref, parseDavPath } from './dav-path.ts'

const HOSTS = new Set(['127.0.0.1:7788'])

test('every path is read as it was written', () => {
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .filter(one => !/^\.\.?$|[/\0]/.test(one))
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 5 }), fc.boolean(), (names, isFolder) => {
      const path = names.join('/')
      fc.pre(path.isWellFormed())
      for (const before of ['', 'http://127.0.0.1:7788'])
        assert.deepEqual(parseDavPath(before + formatHref(path, isFolder), HOSTS), { path, isFolder })
    }),
  )
})

test('no spelling makes a path that leads out, and another server is told apart', () => {
  const part = fc.constantFrom(
    '/',
    '.',
    '..',
    '%2e',
    '%2E',
    '%2f',
    '%2F',
    '%5c',
    '\\',
    '%00',
    '%',
    '%25',
    'a',
    '?',
    '#',
    ';',
    ':',
    '%c0%ae',
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), parts => {
      let found: ReturnType<typeof parseDavPath>
      try {
        found = parseDavPath(`/${parts.join('')}`, HOSTS)
      } catch {
        return
      }
      const names = found?.path.split('/') ?? []
      assert.ok(!names.includes('..') && !names.includes('.') && !found?.path.startsWith('/'))
      assert.ok(!found?.path.includes('\0'))
    }),
  )
  assert.equal(parseDavPath('http://evil.example/a', HOSTS), undefined)
  assert.equal(parseDavPath('http://127.0.0.1:7788@evil.example/a', HOSTS), undefined)
  assert.deepEqual(parseDavPath('http://127.0.0.1:7788', HOSTS), { path: '', isFolder: true })
})
