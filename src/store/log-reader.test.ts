import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'

import fc from 'fast-check'

import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { readLogFile } from './log-reader.ts'

describe('readLogFile()', () => {
  it('gives no line when there is no file', async () => {
    using scratch = makeScratchFolder()
    assert.deepEqual(await readLogFile({ file: scratch.file('hub.log') }), [])
  })

  it('gives the newest lines, oldest first, across files', async () => {
    using scratch = makeScratchFolder()
    writeFileSync(scratch.file('hub.log.2'), lineOf(1) + lineOf(2))
    writeFileSync(scratch.file('hub.log.1'), lineOf(3) + lineOf(4))
    writeFileSync(scratch.file('hub.log'), lineOf(5) + lineOf(6))
    assert.deepEqual(await secondsOf({ file: scratch.file('hub.log') }), [1, 2, 3, 4, 5, 6])
    assert.deepEqual(await secondsOf({ file: scratch.file('hub.log'), limit: 3 }), [4, 5, 6])
    assert.deepEqual(await secondsOf({ file: scratch.file('hub.log'), limit: 0 }), [])
  })

  it('gives only lines since a time and from a level on', async () => {
    using scratch = makeScratchFolder()
    const file = scratch.file('hub.log')
    writeFileSync(file, lineOf(1, 'error') + lineOf(2, 'info') + lineOf(3, 'warn') + lineOf(4, 'debug'))
    assert.deepEqual(await secondsOf({ file, level: 'warn' }), [1, 3])
    assert.deepEqual(await secondsOf({ file, sinceMs: 2_000 }), [2, 3, 4])
    assert.deepEqual(await secondsOf({ file, sinceMs: 2_000, level: 'info', limit: 1 }), [3])
  })

  it('skips what is no line: of another program, far too long, or cut short at the end', async () => {
    using scratch = makeScratchFolder()
    const file = scratch.file('hub.log')
    writeFileSync(file, `${lineOf(1)}\n\ntext\n${'x'.repeat(700_000)}\n${lineOf(2)}${'y'.repeat(200_000)}\n`)
    appendFileSync(file, lineOf(3) + lineOf(4).slice(0, 20))
    assert.deepEqual(await secondsOf({ file }), [1, 2, 3])
  })

  it('reads lines of any length and script whole, wherever its steps fall', async () => {
    using scratch = makeScratchFolder()
    const file = scratch.file('hub.log')
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 12 }), async lengths => {
        const texts = lengths.map(length => 'é'.repeat(length))
        writeFileSync(file, texts.map(text => lineOf(1, 'info', { text })).join(''))
        assert.deepEqual(
          (await readLogFile({ file })).map(({ fields }) => fields.text),
          texts,
        )
      }),
      { numRuns: 30 },
    )
  })

  it('fails as storage-failed when the log is no file', async () => {
    using scratch = makeScratchFolder()
    mkdirSync(scratch.file('hub.log'))
    await assert.rejects(readLogFile({ file: scratch.file('hub.log') }), { code: 'storage-failed' })
  })
})

async function secondsOf(options: Parameters<typeof readLogFile>[0]): Promise<number[]> {
  return (await readLogFile(options)).map(({ timeMs }) => timeMs / 1_000)
}

function lineOf(second: number, level = 'info', fields: object = {}): string {
  return `${JSON.stringify({ level, time: new Date(second * 1_000).toISOString(), event: 'a.line', ...fields })}\n`
}
