import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type KeptRun, keepRun, MAX_KEPT_RUNS, parseKeptRuns } from './kept-runs.ts'
import { FIRST_DRAFT } from './script-draft.ts'

const run = (id: string, source = ''): KeptRun => ({
  id,
  atMs: 1,
  draft: { ...FIRST_DRAFT, source },
  results: [{ name: 'office', isGood: true, end: '0' }],
})

test('runs are kept, the last first, and only so many', () => {
  let kept: readonly KeptRun[] = []
  for (let at = 0; at < MAX_KEPT_RUNS + 5; at++) kept = keepRun(kept, run(String(at)))
  assert.equal(kept.length, MAX_KEPT_RUNS)
  assert.equal(kept[0]?.id, String(MAX_KEPT_RUNS + 4))
  assert.deepEqual(parseKeptRuns(JSON.stringify(kept)), kept)
})

test('a run that goes on takes its own place', () => {
  const kept = keepRun(keepRun(keepRun([], run('a')), run('b')), run('a', 'new'))
  assert.deepEqual(
    kept.map(({ id, draft }) => [id, draft.source]),
    [
      ['b', ''],
      ['a', 'new'],
    ],
  )
})

test('large scripts take the place of several, and one that is too large is not kept', () => {
  const large = keepRun(
    keepRun(keepRun([], run('a', 'x'.repeat(600_000))), run('b')),
    run('c', 'x'.repeat(600_000)),
  )
  assert.deepEqual(
    large.map(({ id }) => id),
    ['c', 'b'],
  )
  assert.deepEqual(keepRun([], run('d', 'x'.repeat(1_000_001))), [])
})

test('what is no list of runs is none', () => {
  for (const text of [null, '', '{}', '[1]', '[{"id":"a"}]']) assert.deepEqual(parseKeptRuns(text), [])
})
