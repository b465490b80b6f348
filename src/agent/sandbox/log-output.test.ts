import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { finished } from 'node:stream/promises'
import { test } from 'node:test'
import { ms } from '../../core/model/time.ts'
import { createRecordedLog } from '../../testing/recorded-log.ts'
import { limitStorage } from './app-records.ts'
import { APP_LOG_LIMITS, logOutput, logWords } from './log-output.ts'

test('what a process prints is lines of its log, however it is cut, and fit to print', async () => {
  const log = createRecordedLog()
  const output = new PassThrough()
  logOutput(output, { log, level: 'info', clock: { now: () => ms(0) } })
  for (const part of ['on', 'e\ntw', 'o\n\u001b[2Jthree', '\nrest']) output.write(part)
  output.end()
  await finished(output)
  assert.deepEqual(
    log.fieldsOf('app.printed').map(({ text }) => text),
    ['one', 'two', '\ufffd[2Jthree', 'rest'],
  )
})

test('a flood of lines, and a line without end, are cut; what is left out is counted', async () => {
  const log = createRecordedLog()
  const output = new PassThrough()
  let now = ms(0)
  logOutput(output, { log, level: 'info', clock: { now: () => now } })
  output.write('x\n'.repeat(10_000))
  output.write('y'.repeat(1_000_000))
  await new Promise(resolve => setImmediate(resolve))
  now = ms(60_000)
  output.end('\nafter\n')
  await finished(output)
  assert.ok(log.events.length <= APP_LOG_LIMITS.lineBurst * 2)
  assert.ok(log.fieldsOf('app.lines-dropped').some(({ count }) => Number(count) >= 9_000))
  assert.ok(log.fieldsOf('app.printed').some(({ text }) => text === 'after'))
  assert.ok(log.events.every(({ fields }) => String(fields.text ?? '').length <= APP_LOG_LIMITS.lineBytes))
})

test('words of an app that are no line of a log are none', () => {
  const log = createRecordedLog()
  const note = logWords(log, { now: () => ms(0) })
  note({ level: 'info', text: 'hello', fields: { count: 2 } })
  for (const bad of [
    null,
    'x',
    { level: 'fatal', text: '', fields: {} },
    { level: 'info', text: 'x', fields: { a: {} } },
  ])
    note(bad)
  assert.deepEqual(
    log.events.map(({ event, fields }) => [event, fields]),
    [
      ['app.log', { count: 2, text: 'hello' }],
      ...Array.from({ length: 4 }, () => ['app.log-unreadable', {}]),
    ],
  )
})

test('an app keeps no more records than it may, also at once', async () => {
  const records = new Map<string, unknown>()
  const storage = limitStorage({
    get: async key => records.get(key) as never,
    list: async () => [...records].map(([key, value]) => ({ key, value: value as never })),
    put: async (key, value) => void records.set(key, value),
    delete: async key => void records.delete(key),
  })
  const large = 'x'.repeat(250_000)
  const puts = await Promise.allSettled(Array.from({ length: 200 }, (_, i) => storage.put(`key-${i}`, large)))
  const refused = puts
    .filter(one => one.status === 'rejected')
    .map(one => (one.reason as { code: string }).code)
  assert.deepEqual(new Set(refused), new Set(['storage-full']))
  assert.ok(records.size > 100 && records.size < 140)
  await storage.delete('key-0')
  await storage.put('again', large)
  await assert.rejects(storage.put('too-large', 'x'.repeat(300_000)), { code: 'too-large' })
})
