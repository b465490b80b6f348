import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEscapeKeys } from './escape-keys.ts'

/** What goes to the far end of keys that come in these pieces, and whether one left. */
function type(...pieces: string[]): [string, boolean] {
  const keys = createEscapeKeys()
  let sent = ''
  for (const piece of pieces) {
    const { bytes, isDetach } = keys.push(Buffer.from(piece))
    sent += Buffer.from(bytes).toString()
    if (isDetach) return [sent, true]
  }
  return [sent, false]
}

test('~. at the beginning of a line leaves, and nowhere else', () => {
  assert.deepEqual(type('~.'), ['', true])
  assert.deepEqual(type('ls\r~.rest'), ['ls\r', true])
  assert.deepEqual(type('ls\r', '~', '.'), ['ls\r', true])
  assert.deepEqual(type('cd ~.'), ['cd ~.', false])
  assert.deepEqual(type('~~.'), ['~.', false])
  assert.deepEqual(type('~', '/x\r'), ['~/x\r', false])
  assert.deepEqual(type('\r~\r~.'), ['\r~\r', true])
  assert.deepEqual(type('hällo ~ü\r'), ['hällo ~ü\r', false])
})
