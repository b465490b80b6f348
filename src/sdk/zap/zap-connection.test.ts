import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type ServerHttp2Stream,
} from 'node:http2'
import { connect, createServer, type Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import test, { type TestContext } from 'node:test'
import fc from 'fast-check'
import { encodeZapFrame, MAX_ZAP_FRAME_BYTES } from '../../core/codec/zap-frame.ts'
import { createStreamPair } from '../../testing/stream-pair.ts'
import { until } from '../../testing/until.ts'
import { openZapConnection, type ZapConnection } from './zap-connection.ts'

const utf8 = new TextEncoder()
const bytes = (text: string) => utf8.encode(text)
const text = (payload: Uint8Array) => new TextDecoder().decode(payload)

/** Both ends of a TCP connection on this computer. */
async function socketPair(t: TestContext): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = connect({ port: (server.address() as { port: number }).port, host: '127.0.0.1' })
  const [far] = (await once(server, 'connection')) as [Socket]
  server.close()
  t.after(() => {
    near.destroy()
    far.destroy()
  })
  return [near, far]
}

/** Both ends of a stream inside an HTTP/2 session, as those of the mesh are. */
async function http2Pair(t: TestContext): Promise<[Duplex, Duplex]> {
  const server = createHttp2Server({ maxSessionMemory: 256 }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const session = connectHttp2(`http://127.0.0.1:${port}`, { maxSessionMemory: 256 })
  t.after(() => {
    session.destroy()
    server.close()
  })
  const near = session.request({ ':method': 'CONNECT', ':authority': 'echo' })
  const [far] = (await once(server, 'stream')) as [ServerHttp2Stream]
  far.respond({ ':status': 200 })
  return [near, far]
}

const TRANSPORTS: Record<string, (t: TestContext) => Promise<[Duplex, Duplex]>> = {
  'a pair in memory': async () => duplexPair(),
  'a stream of the mesh': async () => createStreamPair(),
  'a TCP socket': socketPair,
  'an HTTP/2 stream': http2Pair,
}

for (const [name, open] of Object.entries(TRANSPORTS)) {
  test(`frames come whole and in order over ${name}`, async t => {
    const [near, far] = (await open(t)).map(stream => openZapConnection(stream)) as [
      ZapConnection,
      ZapConnection,
    ]
    const sizes = [0, 1, 4_096, 4_097, 0, 70_000, 300_000, 3]
    const sending = (async () => {
      for (const [index, size] of sizes.entries()) await near.send(new Uint8Array(size).fill(index))
      near.close()
    })()
    const got: [number, number | undefined][] = []
    for await (const frame of far) got.push([frame.length, frame.at(-1)])
    await sending
    assert.deepEqual(
      got,
      sizes.map((size, index) => [size, size === 0 ? undefined : index]),
    )
    await assert.rejects(far.recv(), { code: 'link-closed', message: /the other side ended it/ })
  })

  test(`a side that closes while the other still sends loses nothing of its own over ${name}`, async t => {
    const [near, far] = (await open(t)).map(stream => openZapConnection(stream)) as [
      ZapConnection,
      ZapConnection,
    ]
    const unread = far.send(new Uint8Array(500_000)).catch(() => {})
    await near.send(new Uint8Array(400_000).fill(1))
    await near.send(bytes('last words'))
    near.close()
    assert.equal((await far.recv()).length, 400_000)
    assert.equal(text(await far.recv()), 'last words')
    await assert.rejects(far.recv(), { code: 'link-closed', message: /the other side ended it/ })
    await unread
  })

  test(`a frame of 16 MiB passes over ${name}`, async t => {
    const [near, far] = (await open(t)).map(stream => openZapConnection(stream)) as [
      ZapConnection,
      ZapConnection,
    ]
    const payload = new Uint8Array(MAX_ZAP_FRAME_BYTES).fill(9)
    const [got] = await Promise.all([far.recv(), near.send(payload)])
    assert.ok(Buffer.compare(got, payload) === 0)
    near.close()
    far.close()
  })
}

test('recv() serves those who wait in their order, and never mixes frames up', async () => {
  const [stream, raw] = duplexPair()
  const connection = openZapConnection(stream)
  const answers = Promise.all(Array.from({ length: 5 }, () => connection.recv().then(text)))
  const frames = Buffer.concat(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(word => encodeZapFrame(bytes(word))))
  for (const byte of frames) raw.write(Uint8Array.of(byte))
  assert.deepEqual(await answers, ['a', 'b', 'c', 'd', 'e'])
  assert.equal(text(await connection.recv()), 'f')
  assert.equal(text(await connection.recv()), 'g')
})

test('recv() gives the second of two frames that came in one chunk, without more bytes', async () => {
  const [stream, raw] = duplexPair()
  const connection = openZapConnection(stream)
  raw.write(Buffer.concat([encodeZapFrame(bytes('one')), encodeZapFrame(bytes('two'))]))
  assert.equal(text(await connection.recv()), 'one')
  assert.equal(text(await connection.recv()), 'two')
})

test('a connection that is not asked stops reading, and goes on when it is', async () => {
  const [stream, raw] = duplexPair({ highWaterMark: 1_024 })
  const connection = openZapConnection(stream, { maxWaitingFrames: 4, maxWaitingBytes: 10_000 })
  let isTaken = true
  let sent = 0
  while (isTaken && sent < 1_000) {
    isTaken = raw.write(encodeZapFrame(new Uint8Array(100).fill(sent++)))
    if (!isTaken && sent < 20) isTaken = await Promise.race([once(raw, 'drain').then(() => true), tick()])
  }
  await until(() => connection.waitingCount >= 4, 'frames wait')
  assert.ok(sent < 1_000, 'the sender was stopped')
  assert.ok(connection.waitingCount < 20, `${connection.waitingCount} wait`)
  for (let index = 0; index < sent; index++) assert.equal((await connection.recv())[0], index % 256)
})

test('send() waits while the other side reads nothing, and fails when it goes away', async () => {
  const [stream, raw] = duplexPair({ highWaterMark: 1_024 })
  const connection = openZapConnection(stream)
  const first = connection.send(new Uint8Array(50_000))
  await tick()
  const second = connection.send(new Uint8Array(50_000))
  raw.resume()
  await Promise.all([first, second])
  raw.pause()
  const third = connection.send(new Uint8Array(50_000))
  const failed = assert.rejects(third, { code: 'link-closed' })
  raw.push(null)
  stream.destroy()
  await failed
  await assert.rejects(connection.send(bytes('a')), { code: 'link-closed' })
})

test('send() refuses a frame over 16 MiB and sends nothing of it', async () => {
  const [stream, raw] = duplexPair()
  const connection = openZapConnection(stream)
  await assert.rejects(connection.send(new Uint8Array(MAX_ZAP_FRAME_BYTES + 1)), { code: 'too-large' })
  await connection.send(bytes('next'))
  assert.equal(text(await openZapConnection(raw).recv()), 'next')
})

test('recv() that gives up leaves no listener, and loses no frame', async () => {
  const [stream, raw] = duplexPair()
  const connection = openZapConnection(stream)
  const listeners = () => ['data', 'end', 'close', 'error', 'drain'].map(name => stream.listenerCount(name))
  const before = listeners()
  const abort = new AbortController()
  const aborted = connection.recv({ signal: abort.signal })
  const timedOut = assert.rejects(connection.recv({ timeoutMs: 5 }), { code: 'timed-out' })
  abort.abort(new Error('enough'))
  await assert.rejects(aborted, { message: 'enough' })
  await timedOut
  await assert.rejects(connection.recv({ signal: abort.signal }), { message: 'enough' })
  assert.deepEqual(listeners(), before)
  const third = connection.recv({ timeoutMs: 60_000, signal: new AbortController().signal })
  raw.write(encodeZapFrame(bytes('kept')))
  assert.equal(text(await third), 'kept')
})

test('close() rejects whoever waits, and what came can still be had', async () => {
  const [stream, raw] = duplexPair()
  const connection = openZapConnection(stream)
  const waits = [connection.recv(), connection.recv({ timeoutMs: 60_000 })]
  connection.close()
  connection.close()
  for (const one of waits) await assert.rejects(one, { code: 'link-closed', message: /closed here/ })
  assert.equal(connection.isOpen, false)
  await once(raw.resume(), 'end')

  const [other, peer] = duplexPair()
  const late = openZapConnection(other)
  peer.end(encodeZapFrame(bytes('last words')))
  await until(() => !late.isOpen, 'the end was seen')
  assert.equal(text(await late.recv()), 'last words')
  await assert.rejects(late.recv(), { code: 'link-closed' })
})

test('a stream that ends inside a frame, breaks, or announces too much says so to who waits', async () => {
  const cases: [act: (raw: Duplex) => void, code: string, message: RegExp][] = [
    [raw => raw.end(Uint8Array.of(0, 0)), 'link-closed', /after 2 of 4 bytes of its header/],
    [raw => raw.end(Uint8Array.of(0, 0, 0, 9, 1)), 'link-closed', /after 1 of its 9 bytes/],
    [raw => raw.write(Uint8Array.of(1, 0, 0, 1)), 'too-large', /16777217 bytes announced/],
  ]
  for (const [act, code, message] of cases) {
    const [stream, raw] = duplexPair()
    const connection = openZapConnection(stream)
    const waiting = assert.rejects(connection.recv(), { code, message })
    act(raw)
    await waiting
  }
  const [stream] = duplexPair()
  const connection = openZapConnection(stream)
  const waiting = assert.rejects(connection.recv(), { code: 'link-closed', message: /broken/ })
  stream.destroy(new Error('reset'))
  await waiting
  await assert.rejects(openZapConnection(stream).recv(), { code: 'link-closed' })
})

test('any frames arrive, however the stream is cut', async () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(payloads, fc.integer({ min: 1, max: 50 }), async (sent, size) => {
      const [stream, raw] = duplexPair()
      const connection = openZapConnection(stream, { maxWaitingFrames: 2 })
      const all = Buffer.concat(sent.map(encodeZapFrame))
      for (let at = 0; at < all.length; at += size) raw.write(all.subarray(at, at + size))
      raw.end()
      const got: Uint8Array[] = []
      for await (const frame of connection) got.push(new Uint8Array(frame))
      assert.deepEqual(got, sent)
    }),
    { numRuns: 60 },
  )
})

function tick(): Promise<false> {
  return new Promise(resolve => setImmediate(() => setImmediate(() => resolve(false))))
}
