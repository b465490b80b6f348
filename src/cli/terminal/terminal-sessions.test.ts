import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plainLines } from './terminal-sessions.ts'

test('plainLines() leaves what a terminal showed last on each line', () => {
  assert.deepEqual(plainLines('one\r\n10%\r20%\r\r\nab\bc\n\r\n\u001b[31mred\u001b[0m\tx\n'), [
    'one',
    '20%',
    'ac',
    '',
    'red    x',
  ])
})

test('plainLines() takes no time for a line of returns that a program made up', () => {
  assert.deepEqual(plainLines(`${'\r'.repeat(2_000_000)}x\n`), ['x'])
  assert.deepEqual(plainLines(`x${'\r'.repeat(2_000_000)}y`), ['y'])
})
