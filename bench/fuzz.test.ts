import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseSeed } from '../src/testing/seeded-random.ts'
import { fuzz } from './fuzz.ts'
import { FUZZED_PARSERS } from './fuzz-parsers.ts'

test('every reader of what comes from outside answers spoilt inputs, or refuses them', () => {
  const seed = chooseSeed()
  assert.ok(FUZZED_PARSERS.length >= 20)
  for (const parser of FUZZED_PARSERS)
    assert.deepEqual(fuzz(parser, 500, seed).finds, [], `SEED=${seed} ${parser.name}`)
})

test('fuzz() finds a reader that breaks, and one that is slow', () => {
  const seeds = [Uint8Array.of(1, 2, 3)]
  const breaks = ([first]: Uint8Array) => first === 1 || (undefined as never as string).length
  assert.match(fuzz({ name: 'broken', seeds, read: breaks }, 200, 7).finds[0] ?? '', /^TypeError/)
  const waits = () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_100)
  assert.match(fuzz({ name: 'slow', seeds, read: waits }, 1, 7).finds[0] ?? '', / ms: /)
})
