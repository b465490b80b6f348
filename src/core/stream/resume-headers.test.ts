import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../model/errors.ts'
import { isSessionName, parseCount } from './resume-headers.ts'

test('parseCount() reads every count that a header can have', () => {
  fc.assert(fc.property(fc.maxSafeNat(), count => parseCount(String(count)) === count))
})

test('parseCount() refuses everything else', () => {
  for (const value of [
    '',
    '-1',
    '1.5',
    '0x10',
    ' 1',
    '9007199254740992',
    '99999999999999999',
    undefined,
    7,
    ['1'],
  ])
    assert.throws(() => parseCount(value), MeshError, String(value))
})

test('isSessionName() takes 32 hex digits and nothing else', () => {
  assert.equal(isSessionName('0123456789abcdef0123456789abcdef'), true)
  for (const value of [
    '',
    '0123456789ABCDEF0123456789ABCDEF',
    `${'0'.repeat(33)}`,
    undefined,
    ['0'.repeat(32)],
  ])
    assert.equal(isSessionName(value), false, String(value))
})
