import assert from 'node:assert/strict'
import { once } from 'node:events'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { CLIENT_PREFACE, request } from '../testing/http2-frames.ts'
import { until } from '../testing/until.ts'
import { createStreamHttpServer } from './stream-http-server.ts'

test('createStreamHttpServer() outlives clients of HTTP/2 that end their half at any moment of an answer', async () => {
  const server = createStreamHttpServer(
    {
      onRequest(_, response) {
        const body = Buffer.alloc(100_000) as never
        response.writeHead(200, {})
        response.write(body)
        setImmediate(() => response.end(body))
      },
      onUpgrade: (_, socket) => socket.destroy(),
      onConnect() {},
      onGarbage() {},
    },
    { headMs: 10_000, idleMs: 10_000 },
  )
  for (let round = 0; round < 200; round++) {
    const [near, far] = duplexPair()
    near.on('error', () => {})
    server.accept(far, {})
    near.write(CLIENT_PREFACE)
    near.write(Buffer.concat([request(1, '/'), request(3, '/')]))
    if (round % 2 === 0) near.resume()
    else await once(near, 'readable')
    for (let turns = 0; turns < round % 9; turns++) await turn()
    near.end()
    await turn()
    near.resume()
  }
  await until(() => server.streamCount === 0, 'all have ended')
  assert.equal(server.streamCount, 0)
  server.destroy()
})
