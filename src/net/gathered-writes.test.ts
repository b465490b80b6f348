import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { gatherWrites } from './gathered-writes.ts'

/** A stream that notes what reaches it by each call. */
function createSink(): { sink: Writable; calls: string[] } {
  const calls: string[] = []
  const sink = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      calls.push(chunk)
      done()
    },
    writev(chunks, done) {
      calls.push(chunks.map(({ chunk }) => chunk).join(''))
      done()
    },
  })
  return { sink, calls }
}

const LARGE = 'x'.repeat(5_000)

test('gatherWrites() makes one call of what is written in one turn', async () => {
  const { sink, calls } = createSink()
  gatherWrites(sink)
  for (const text of [LARGE, ' turn']) sink.write(text)
  await nextTurn()
  for (const text of ['another', ' one']) sink.write(text)
  await nextTurn()
  assert.deepEqual(calls, [`${LARGE} turn`, 'another one'])
})

test('gatherWrites() writes a small piece at once while there is one in a turn', async () => {
  const { sink, calls } = createSink()
  gatherWrites(sink)
  const seen: string[][] = []
  for (const texts of [['a'], ['b'], ['c', 'd', 'e'], ['f'], ['g']]) {
    calls.length = 0
    for (const text of texts) sink.write(text)
    seen.push([...calls])
    await nextTurn()
    seen.push(calls.slice(seen.at(-1)?.length))
  }
  // The one after a turn with several may be the first of several, too.
  assert.deepEqual(seen, [['a'], [], ['b'], [], ['c'], ['de'], [], ['f'], ['g'], []])
})

test('gatherWrites() sends everything before the end', async () => {
  const { sink, calls } = createSink()
  gatherWrites(sink)
  sink.write('all of it, ')
  sink.end('and the end')
  await once(sink, 'finish')
  assert.equal(calls.join(''), 'all of it, and the end')
})

test('gatherWrites() tells the writer when the stream is destroyed before the turn ends', async () => {
  const { sink, calls } = createSink()
  gatherWrites(sink)
  const failed = new Promise(resolve => sink.write(LARGE, resolve))
  sink.destroy()
  assert.ok((await failed) instanceof Error)
  await nextTurn()
  assert.deepEqual(calls, [])
})
