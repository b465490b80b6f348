import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../model/errors.ts'
import { readAsciicast } from './read-asciicast.ts'

const HEADER = '{"version":2,"width":80,"height":24,"title":"ann"}'

test('readAsciicast() gives what was shown, and sizes, in order; other events are passed over', () => {
  const text = `${HEADER}\n[0,"o","one"]\n[1.5,"r","90x30"]\n[1,"i","typed"]\n[1.25,"o","two"]\n`
  assert.deepEqual(readAsciicast(text, 'a'), {
    columns: 80,
    rows: 24,
    title: 'ann',
    events: [
      { atMs: 0, text: 'one' },
      { atMs: 1_500, columns: 90, rows: 30 },
      { atMs: 1_500, text: 'two' },
    ],
  })
})

test('readAsciicast() takes an unfinished last line only of a session that goes on', () => {
  const text = `${HEADER}\n[0,"o","one"]\n[1,"o","tw`
  assert.equal(readAsciicast(text, 'a', true).events.length, 1)
  assert.throws(() => readAsciicast(text, 'a'), { code: 'bad-input', message: /line 3 / })
})

test('readAsciicast() refuses what is no recording, with the line, and never fails otherwise', () => {
  for (const text of [
    '',
    'hello',
    '{"version":1,"width":80,"height":24}',
    '{"version":2,"width":0,"height":1e9}',
  ])
    assert.throws(() => readAsciicast(text, 'a'), { code: 'bad-input', message: /line 1 / }, text)
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.json())), fc.boolean(), (lines, isCut) => {
      try {
        readAsciicast([HEADER, ...lines].join('\n'), 'a', isCut)
      } catch (error) {
        assert.ok(error instanceof MeshError && error.code === 'bad-input')
      }
    }),
  )
})
