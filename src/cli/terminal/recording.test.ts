import assert from 'node:assert/strict'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { readAsciicast } from '../../core/codec/read-asciicast.ts'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import { openRecorder } from './recording.ts'

const size = { columns: 80, rows: 24 }

test('a recording is an asciicast: its size, what was shown and when, characters whole', async () => {
  using folder = makeScratchFolder()
  const file = join(folder.path, 'a.cast')
  let steady = 5_000
  const now = { steadyMs: () => steady, calendarMs: 1_790_000_000_123 }
  {
    await using recorder = await openRecorder(file, size, now)
    recorder.output(Buffer.from('one\r\n'))
    steady += 1_500
    const letter = Buffer.from('ä')
    recorder.output(letter.subarray(0, 1))
    recorder.output(letter.subarray(1))
    recorder.resized({ columns: 90, rows: 30 })
    steady += 250
    recorder.output(Buffer.from([0xff]))
  }
  const text = await readFile(file, 'utf8')
  assert.deepEqual(
    text
      .trim()
      .split('\n')
      .map(line => JSON.parse(line)),
    [
      { version: 2, width: 80, height: 24, timestamp: 1_790_000_000 },
      [0, 'o', 'one\r\n'],
      [1.5, 'o', 'ä'],
      [1.5, 'r', '90x30'],
      [1.75, 'o', '\ufffd'],
    ],
  )
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.deepEqual(readAsciicast(text, file).events, [
    { atMs: 0, text: 'one\r\n' },
    { atMs: 1_500, text: 'ä' },
    { atMs: 1_500, columns: 90, rows: 30 },
    { atMs: 1_750, text: '\ufffd' },
  ])
  await assert.rejects(openRecorder(file, size, now), { code: 'storage-failed' })
})
