import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MeshError } from '../core/model/errors.ts'
import { createStreamPair } from './stream-pair.ts'

describe('createStreamPair()', () => {
  it('carries bytes and ends both ways', async () => {
    const [one, other] = createStreamPair()
    one.end('question')
    assert.equal(Buffer.concat(await other.toArray()).toString(), 'question')
    other.end('answer')
    assert.equal(Buffer.concat(await one.toArray()).toString(), 'answer')
  })

  it('stops a writer whose reader does not read', () => {
    const [one] = createStreamPair()
    let writtenCount = 0
    while (one.write(Buffer.alloc(1_024)) && writtenCount < 1_000) writtenCount += 1
    assert.ok(writtenCount < 200, `${writtenCount} KiB were taken`)
  })

  it('breaks the other side when one is destroyed before its end', async () => {
    const [one, other] = createStreamPair()
    const { promise, resolve } = Promise.withResolvers<unknown>()
    other.once('error', resolve)
    one.destroy()
    const error = await promise
    assert.ok(error instanceof MeshError && error.code === 'link-closed')
    assert.equal(other.readableEnded, false)
  })
})
