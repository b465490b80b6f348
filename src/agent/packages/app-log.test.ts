import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock } from '../../testing/manual-clock.ts'
import { createAppLog, MAX_APP_LOG_LINES } from './app-log.ts'

test('an app that floods its log pushes out its own lines, and no line is long', () => {
  const log = createAppLog(createManualClock())
  for (let count = 0; count < 10 * MAX_APP_LOG_LINES; count++)
    log.info('flood', { count, text: 'x'.repeat(100_000), more: Array(1_000).fill('y'.repeat(1_000)) })
  const lines = log.lines({ level: 'info', limit: 1_000_000 })
  assert.equal(lines.length, MAX_APP_LOG_LINES)
  assert.equal(lines.at(-1)?.fields.count, 10 * MAX_APP_LOG_LINES - 1)
  assert.ok(JSON.stringify(lines.at(-1)).length < 4_000)
})

test('lines are those since a moment, that matter so much, and cannot act on a terminal', () => {
  const clock = createManualClock()
  const log = createAppLog(clock)
  log.info('old')
  clock.advance(1_000)
  const sinceMs = clock.now()
  log.debug('small')
  log.warn('evil\u001b[2J', { 'k\u202e': 'v\n' })
  assert.deepEqual(
    log.lines({ sinceMs, level: 'info', limit: 10 }).map(({ event, fields }) => [event, fields]),
    [['evil\ufffd[2J', { 'k\ufffd': 'v\ufffd' }]],
  )
})
