import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearestWord } from './nearest-word.ts'

test('nearestWord() finds what was meant, and nothing where nothing is near', () => {
  const words = ['agent', 'hub', 'endpoint', 'service']
  const typed = ['agnet', 'Hubb', 'endpiont', 'srvice', 'hub', 'ho', 'policy', '', 'x'.repeat(100_000)]
  assert.deepEqual(
    typed.map(word => nearestWord(word, words)),
    ['agent', 'hub', 'endpoint', 'service', 'hub', undefined, undefined, undefined, undefined],
  )
})
