import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2, { type ClientHttp2Stream, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { answerWithFirstBytes } from './answer-later.ts'

/** A stream from a client to a server that does with it what `take` does. */
async function open(
  take: (stream: ServerHttp2Stream) => void,
): Promise<{ stream: ClientHttp2Stream } & AsyncDisposable> {
  const server = http2.createServer()
  server.on('stream', stream => {
    stream.on('error', () => {})
    take(stream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const stream = session.request({ ':method': 'POST' })
  return {
    stream,
    async [Symbol.asyncDispose]() {
      session.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

test('answerWithFirstBytes() answers when something is written, after what came was read', async () => {
  const heard: string[] = []
  await using opened = await open(stream => {
    answerWithFirstBytes(stream, { ':status': 200, kind: 'late' })
    stream.once('data', chunk => {
      heard.push(String(chunk), String(stream.headersSent))
      stream.write('and ')
      heard.push(String(stream.headersSent))
      stream.end('gone')
    })
  })
  opened.stream.write('said first')
  const [headers] = await once(opened.stream, 'response')
  opened.stream.end()
  assert.deepEqual([headers[':status'], headers.kind], [200, 'late'])
  assert.equal(await text(opened.stream), 'and gone')
  assert.deepEqual(heard, ['said first', 'false', 'true'])
})

test('answerWithFirstBytes() answers a stream that is ended without a byte', async () => {
  await using opened = await open(stream => {
    answerWithFirstBytes(stream, { ':status': 200, kind: 'empty' })
    stream.end()
  })
  opened.stream.end()
  const [headers] = await once(opened.stream, 'response')
  assert.equal(headers.kind, 'empty')
  assert.equal(await text(opened.stream), '')
})

test('answerWithFirstBytes() says nothing on a stream that was broken', async () => {
  await using opened = await open(stream => {
    answerWithFirstBytes(stream, { ':status': 200 })
    stream.close(http2.constants.NGHTTP2_CANCEL)
    stream.write('too late')
  })
  const seen: string[] = []
  opened.stream.on('response', () => seen.push('answer'))
  opened.stream.on('error', () => {})
  await once(opened.stream, 'close')
  assert.deepEqual(seen, [])
})
