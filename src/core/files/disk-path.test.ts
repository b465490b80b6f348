import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkLinkTarget, MAX_PATH_BYTES, parseDiskPath } from './disk-path.ts'

const CLIMBS = [
  '..',
  '../x',
  'a/..',
  'a/../b',
  'a/../../b',
  './a',
  'a/.',
  '/a',
  '/',
  'a/',
  'a//b',
  'a/..\0/b',
  'a\0b',
  '\ud800',
]

test('parseDiskPath() refuses every path that could lead out', () => {
  for (const path of CLIMBS)
    assert.throws(() => parseDiskPath(path), { code: 'bad-name' }, JSON.stringify(path))
  for (const value of [undefined, null, 3, [], ['a'], {}])
    assert.throws(() => parseDiskPath(value), { code: 'bad-name' })
})

test('parseDiskPath() takes what only looks like a way out, as the name that it is', () => {
  // Encoded, with look-alikes of dot and slash, as another system writes it: plain names on disk, never decoded.
  for (const path of [
    '%2e%2e%2fetc',
    '..%2f',
    '%252e%252e',
    '\u2025',
    '\uff0e\uff0e\uff0fetc',
    '\u2024\u2024',
    '..\u2215etc',
    '..\\etc',
    '...',
    '.. ',
    ' ..',
    '..a',
    'a..',
    '~',
    '-rf',
  ])
    assert.equal(parseDiskPath(path), path)
  assert.equal(parseDiskPath('ä/日本語/ملف/e\u0301'), 'ä/日本語/ملف/e\u0301')
})

test('parseDiskPath() for Windows refuses what that reads as another path', () => {
  for (const path of ['..\\etc', 'C:', 'C:\\x', 'a:b', 'con', 'a/NUL.txt', 'a.', 'a ', 'lpt1', 'a\u0001'])
    assert.throws(() => parseDiskPath(path, 'windows'), { code: 'bad-name' }, path)
  assert.equal(parseDiskPath('contents/a.b', 'windows'), 'contents/a.b')
})

test('parseDiskPath() has limits of length and depth', () => {
  assert.throws(() => parseDiskPath('ä'.repeat(128)), { code: 'bad-name' })
  assert.throws(() => parseDiskPath('a'.repeat(MAX_PATH_BYTES + 1)), { code: 'bad-name' })
  assert.throws(() => parseDiskPath('a/'.repeat(128).concat('a')), { code: 'bad-name' })
  assert.ok(parseDiskPath('ä'.repeat(127)))
})

test('checkLinkTarget() lets a link lead no further than its own folder, whatever other links are there', () => {
  const path = parseDiskPath('a/b/link')
  for (const target of ['x', '../x', '../../x', '.', '..', '../..', 'x/y', '../c/'])
    assert.equal(checkLinkTarget(path, target), target)
  for (const target of ['/etc', '../../..', '../../../x', 'x/../../../..', 'x/..', 'x/../y', '..//..//..'])
    assert.throws(() => checkLinkTarget(path, target), target)
  assert.throws(() => checkLinkTarget(path, ''), { code: 'bad-name' })
  assert.throws(() => checkLinkTarget(path, 'a\0b'), { code: 'bad-name' })
})
