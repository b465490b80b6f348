import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEventReader } from './server-events.ts'

test('createEventReader() gives the same events however the text is cut, and passes over what is none', () => {
  const text =
    'event: a\ndata: {"x":1}\n\n: note\n\nevent: b\ndata: [1,\ndata: 2]\n\nevent: c\ndata: no\n\nevent: d\ndata: 1'
  const wanted = [
    { event: 'a', data: { x: 1 } },
    { event: 'b', data: [1, 2] },
  ]
  for (let cut = 0; cut <= text.length; cut += 1) {
    const read = createEventReader()
    assert.deepEqual([...read(text.slice(0, cut)), ...read(text.slice(cut))], wanted)
  }
})
