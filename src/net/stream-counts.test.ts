import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { createStreamPair } from '../testing/stream-pair.ts'
import { countStream } from './stream-counts.ts'

test('countStream() counts what both sides write, pipe and end with', async () => {
  const [near, far] = createStreamPair()
  far.write('early')
  await once(near, 'readable')
  const counts = countStream(near, 3)
  near.write('héllo')
  near.write(new Uint8Array(10))
  const source = new PassThrough()
  source.pipe(near, { end: false })
  source.end(Buffer.alloc(100_000))
  far.on('data', () => {})
  await once(source, 'end')
  near.end('bye')
  far.end(Buffer.alloc(50_000))
  near.resume()
  await Promise.all([once(near, 'end'), once(far, 'end')])
  assert.deepEqual([counts.readBytes, counts.writtenBytes], [5 + 50_000, 3 + 6 + 10 + 100_000 + 3])
})

test('countStream() does not count what never left', async () => {
  const [near, far] = createStreamPair()
  for (const side of [near, far]) side.on('error', () => {})
  const counts = countStream(near)
  for (let count = 0; count < 100; count += 1) near.write(Buffer.alloc(65_536))
  near.destroy()
  assert.ok(counts.writtenBytes < 100 * 65_536)
})
