import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '../../core/model/errors.ts'
import type { ScriptEvents } from './script-line.ts'
import { isGoing, isGood, MAX_AT_ONCE, startRuns } from './script-runs.ts'

const REQUEST = { kind: 'run', name: 'a.ts', language: 'mts', sourceBytes: 0 } as const

/** A script at so many endpoints, whose lines this test holds. */
function begin(count: number) {
  const lines = new Map<string, ScriptEvents>()
  const told: string[] = []
  let nowMs = 0
  const runs = startRuns(
    { mesh: 'home', request: REQUEST, source: new Uint8Array(0), input: new Uint8Array(0) },
    Array.from({ length: count }, (_, at) => ({ id: `id-${at}`, name: `ep-${at}` })),
    {
      open({ endpoint }, _, events) {
        lines.set(endpoint, events)
        return {
          stop: () => void told.push(`stop ${endpoint}`),
          close: () => void told.push(`close ${endpoint}`),
        }
      },
      now: () => nowMs,
      onChange() {},
    },
  )
  const at = (index: number) => lines.get(`id-${index}`) as ScriptEvents
  return { runs, lines, told, at, pass: (ms: number) => (nowMs += ms) }
}

test('each endpoint has its own state, output, end and time', () => {
  const { runs, at, pass } = begin(3)
  at(0).onStart('0123456789abcdef', 'kernel')
  at(1).onStart('0123456789abcdef', 'kernel')
  at(0).onWrite('output', new TextEncoder().encode('well\n'))
  pass(250)
  at(0).onEnd({ code: 0 })
  at(2).onFail(new MeshError('offline', 'Cannot reach it'))
  pass(250)
  const [first, second, third] = runs.read()
  assert.deepEqual(
    [first?.state.is, first?.durationMs, first?.output.pieces[0]?.text],
    ['over', 250, 'well\n'],
  )
  assert.deepEqual([second?.state.is, second?.durationMs], ['running', 500])
  assert.ok(third?.state.is === 'failed' && third.state.error.code === 'offline')
  assert.ok(first && second && third && isGood(first) && !isGood(second) && !isGood(third))
  assert.ok(isGoing(runs.read()))
  at(1).onEnd({ code: 3 })
  assert.ok(!isGoing(runs.read()) && !runs.read().every(isGood))
})

test('so many run at one time, and the next begins when one has ended', () => {
  const { runs, lines, at } = begin(MAX_AT_ONCE + 2)
  assert.equal(lines.size, MAX_AT_ONCE)
  at(5).onEnd({ signal: 'SIGKILL' })
  assert.equal(lines.size, MAX_AT_ONCE + 1)
  at(6).onFail(new MeshError('denied', 'no'))
  assert.equal(lines.size, MAX_AT_ONCE + 2)
  assert.ok(runs.read().every(({ state }) => state.is !== 'waiting'))
})

test('what runs is told to end, what has not begun does not begin', () => {
  const { runs, lines, told, at } = begin(MAX_AT_ONCE + 2)
  at(0).onStart('0123456789abcdef', 'node')
  runs.stop()
  assert.equal(lines.size, MAX_AT_ONCE)
  assert.equal(told.filter(one => one === 'stop id-0').length, 1)
  assert.equal(told.filter(one => one.startsWith('close')).length, MAX_AT_ONCE - 1)
  assert.equal(runs.read()[0]?.state.is, 'running')
  at(0).onEnd({ killed: 'told to end' })
  assert.ok(!isGoing(runs.read()))
})

test('one is stopped alone', () => {
  const { runs, told, at } = begin(2)
  at(0).onStart('0123456789abcdef', 'node')
  at(1).onStart('0123456789abcdef', 'node')
  runs.stop('id-1')
  assert.deepEqual(told, ['stop id-1'])
  runs.close()
  assert.deepEqual(told, ['stop id-1', 'close id-0', 'close id-1'])
})
