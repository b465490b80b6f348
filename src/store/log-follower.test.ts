import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, truncateSync } from 'node:fs'
import { describe, it } from 'node:test'

import type { Log } from '../core/model/log.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { openLogFile } from './log-file.ts'
import { followLogFile } from './log-follower.ts'

describe('followLogFile()', () => {
  it('gives what is logged from the call on, of its level', async () => {
    await using followed = openFollowed({ level: 'info' })
    followed.log.info('a.line', { index: 1 })
    followed.log.debug('a.line', { index: 2 })
    followed.log.warn('a.line', { index: 3 })
    assert.deepEqual(await followed.take(2), [1, 3])
    logLines(followed.log, 4, 5)
    assert.deepEqual(await followed.take(2), [4, 5])
  })

  it('gives every line once when the log goes on to new files', async () => {
    await using followed = openFollowed({ maxBytes: 1_000, keepCount: 4 })
    for (let from = 1; from <= 200; from += 20) {
      logLines(followed.log, from, from + 19)
      assert.deepEqual(await followed.take(20), range(from, from + 19))
    }
  })

  it('goes on with the oldest file that is kept when it was too slow', async () => {
    await using followed = openFollowed({ maxBytes: 1_000, keepCount: 2 })
    logLines(followed.log, 1, 5)
    assert.deepEqual(await followed.take(5), range(1, 5))
    logLines(followed.log, 6, 200)
    const taken: number[] = []
    while (taken.at(-1) !== 200) taken.push(...(await followed.take(1)))
    // First the rest of the file that it has open, then what is kept of the others: each line at most once.
    assert.equal(taken[0], 6)
    assert.deepEqual(
      taken,
      [...new Set(taken)].sort((x, y) => x - y),
    )
    assert.ok(taken.length < 60, `${taken.length} lines taken`)
  })

  it('goes on when the file was emptied', async () => {
    await using followed = openFollowed({})
    logLines(followed.log, 1, 5)
    assert.deepEqual(await followed.take(5), range(1, 5))
    truncateSync(followed.file)
    logLines(followed.log, 6, 7)
    assert.deepEqual(await followed.take(2), [6, 7])
  })

  it('gives the first lines of a file that was not there yet', async () => {
    using scratch = makeScratchFolder()
    const ending = new AbortController()
    const lines = followLogFile(scratch.file('hub.log'), { signal: ending.signal })[Symbol.asyncIterator]()
    const first = lines.next()
    await using log = openLogFile({ file: scratch.file('hub.log') })
    log.info('hub.started')
    assert.equal((await first).value?.event, 'hub.started')
    ending.abort()
    assert.deepEqual(await lines.next(), { done: true, value: undefined })
  })

  it('waits for the end of a line that is written in pieces, and skips what is none', async () => {
    await using followed = openFollowed({})
    const line = JSON.stringify({
      level: 'info',
      time: new Date(0).toISOString(),
      event: 'a.line',
      index: 1,
      text: 'é',
    })
    const bytes = Buffer.from(`text\n${line}\n`)
    const half = bytes.indexOf(0xc3) + 1
    appendFileSync(followed.file, bytes.subarray(0, half))
    const taken = followed.take(2)
    appendFileSync(followed.file, bytes.subarray(half))
    logLines(followed.log, 2, 2)
    assert.deepEqual(await taken, [1, 2])
  })

  it('ends without an error when aborted while it waits, and when aborted before', async () => {
    using scratch = makeScratchFolder()
    const ending = new AbortController()
    const lines = followLogFile(scratch.file('hub.log'), { signal: ending.signal })[Symbol.asyncIterator]()
    const waiting = lines.next()
    ending.abort()
    assert.deepEqual(await waiting, { done: true, value: undefined })
    for await (const line of followLogFile(scratch.file('hub.log'), { signal: ending.signal }))
      assert.fail(line.event)
  })

  it('fails as storage-failed when the log is no file', async () => {
    using scratch = makeScratchFolder()
    mkdirSync(scratch.file('hub.log'))
    const { signal } = new AbortController()
    const lines = followLogFile(scratch.file('hub.log'), { signal })[Symbol.asyncIterator]()
    await assert.rejects(lines.next(), { code: 'storage-failed' })
  })
})

interface Followed extends AsyncDisposable {
  readonly file: string
  readonly log: Log
  /** The `index` of the next so many lines. */
  take(count: number): Promise<number[]>
}

/** A log with one line, and a follower that came after it. */
function openFollowed(options: { level?: 'info'; maxBytes?: number; keepCount?: number }): Followed {
  const { level = 'debug', ...limits } = options
  const scratch = makeScratchFolder()
  const file = scratch.file('hub.log')
  const log = openLogFile({ file, level: 'debug', ...limits })
  log.error('a.line', { index: 0 })
  const ending = new AbortController()
  const lines = followLogFile(file, { level, signal: ending.signal })[Symbol.asyncIterator]()
  return {
    file,
    log,
    take: async count => {
      const indexes: number[] = []
      while (indexes.length < count) indexes.push(Number((await lines.next()).value?.fields.index))
      return indexes
    },
    [Symbol.asyncDispose]: async () => {
      ending.abort()
      await lines.return?.()
      await log[Symbol.asyncDispose]()
      scratch[Symbol.dispose]()
    },
  }
}

function logLines(log: Log, from: number, to: number): void {
  for (const index of range(from, to)) log.info('a.line', { index })
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, nth) => from + nth)
}
