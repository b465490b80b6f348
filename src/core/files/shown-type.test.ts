import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shownTypeOf } from './shown-type.ts'

test('shownTypeOf() knows pictures, films, sound, PDF and text by their names', () => {
  const kinds = [
    'a.PNG',
    'b.svg',
    'film.webm',
    'song.mp3',
    'x.y.pdf',
    'Makefile',
    'notes.md',
    'data.bin',
    'plain',
    '.png',
  ]
  assert.deepEqual(
    kinds.map(name => shownTypeOf(name).kind),
    ['picture', 'picture', 'video', 'audio', 'pdf', 'text', 'text', 'none', 'none', 'picture'],
  )
})

test('shownTypeOf() shows nothing as a document that could run a script', () => {
  for (const name of ['a.html', 'a.htm', 'a.xhtml', 'a.xml', 'a.js', 'a.mjs', 'a.css'])
    assert.equal(shownTypeOf(name).type, 'text/plain; charset=utf-8', name)
  for (const name of ['a.mht', 'a.swf', 'a.hta', 'a.shtml', 'a.constructor', 'a.__proto__', 'a.png\n.html2'])
    assert.deepEqual(shownTypeOf(name), { kind: 'none', type: 'application/octet-stream' }, name)
})
