import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameOfComputer } from './computer-name.ts'

test('nameOfComputer() takes the first part of a host name, if that is a name', () => {
  const names = [
    'desk',
    'desk.lan.example',
    'localhost',
    'localhost.localdomain',
    '',
    '.lan',
    'a/b',
    'x'.repeat(65),
  ]
  assert.deepEqual(names.map(nameOfComputer), ['desk', 'desk', ...names.slice(2).map(() => undefined)])
})
