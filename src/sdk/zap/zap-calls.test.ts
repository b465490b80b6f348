import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { duplexPair } from 'node:stream'
import test from 'node:test'
import { z } from 'zod'
import { MeshError } from '../../core/model/errors.ts'
import { until } from '../../testing/until.ts'
import { serveZap } from './serve-zap.ts'
import { openZapClient } from './zap-client.ts'
import type { ZapCallLimits } from './zap-limits.ts'
import { jsonCodec, TEXT, zapMethod } from './zap-method.ts'
import { answer, type ServingEnds, type ZapHandlers } from './zap-serving.ts'

const ECHO = zapMethod('echo')
const ADD = zapMethod('add', jsonCodec(z.tuple([z.number(), z.number()])), jsonCodec(z.number()))
const COUNT = zapMethod('count', jsonCodec(z.number()), jsonCodec(z.number()))
const WAIT = zapMethod('wait', TEXT, TEXT)

const bytes = (text: string) => new TextEncoder().encode(text)

const CALCULATOR: ZapHandlers = {
  echo: params => params,
  ...answer(ADD, ([a, b]) => a + b),
  ...answer(COUNT, async function* (upTo) {
    for (let number = 1; number <= upTo; number++) yield number
  }),
}

function serveInMemory(
  handlers: ZapHandlers,
  {
    server: serverOptions,
    client: clientOptions,
  }: { server?: ServingEnds; client?: Partial<ZapCallLimits> } = {},
) {
  const [near, far] = duplexPair()
  return { client: openZapClient(near, clientOptions), server: serveZap(far, handlers, serverOptions) }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

/** A handler that answers when it is told to. */
function slowHandler() {
  const signals: AbortSignal[] = []
  const release = Promise.withResolvers<void>()
  const handlers = answer(WAIT, async (text, call) => {
    signals.push(call.signal)
    await release.promise
    return text
  })
  return { signals, release: () => release.resolve(), handlers }
}

test('calls over a TCP listener give their results, many at once and in any order', async t => {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const first = Promise.withResolvers<void>()
  const server = serveZap(listener, {
    ...CALCULATOR,
    ...answer(WAIT, async text => {
      if (text === 'last') await first.promise
      else first.resolve()
      return text
    }),
  })
  const socket = connect((listener.address() as { port: number }).port, '127.0.0.1')
  const client = openZapClient(socket)
  t.after(() => {
    server.close()
    listener.close()
  })
  assert.equal(await client.call(ADD, [1, 2]), 3)
  const order: string[] = []
  await Promise.all(
    ['last', 'first'].map(async text => order.push(await client.call(WAIT, text, { deadlineMs: 60_000 }))),
  )
  assert.deepEqual(order, ['first', 'last'])
  const sums = await Promise.all(Array.from({ length: 500 }, (_, index) => client.call(ADD, [index, index])))
  assert.deepEqual(
    sums,
    [...Array(500).keys()].map(index => index * 2),
  )
  const large = new Uint8Array(3_000_000).fill(5)
  assert.ok(Buffer.compare(await client.call(ECHO, large), large) === 0)
  assert.deepEqual(await collect(client.stream(COUNT, 3)), [1, 2, 3])
  assert.deepEqual([client.callCount, server.callCount, server.connectionCount], [0, 0, 1])
  client.close()
  await until(() => server.connectionCount === 0, 'the server saw the end')
})

test('an error of a handler reaches the caller by its code, what is not meant for it does not', async () => {
  const seen: unknown[] = []
  const { client } = serveInMemory(
    {
      ...CALCULATOR,
      denied: () => {
        throw new MeshError('denied', 'Cannot look: denied by policy "night"')
      },
      secret: async () => {
        throw new Error('password is 1234')
      },
      huge: () => new Uint8Array(16_777_216),
    },
    { server: { onError: (error, method) => seen.push([String(error), method]) } },
  )
  const failing = async (name: string) => client.call(zapMethod(name), new Uint8Array(0))
  await assert.rejects(failing('denied'), {
    code: 'denied',
    message: 'Cannot look: denied by policy "night"',
  })
  await assert.rejects(failing('secret'), {
    code: 'call-failed',
    message: 'Cannot call "secret": the program failed',
  })
  assert.deepEqual(seen, [['Error: password is 1234', 'secret']])
  await assert.rejects(failing('nothing'), { code: 'not-found' })
  await assert.rejects(failing('toString'), { code: 'not-found' })
  await assert.rejects(failing('huge'), { code: 'too-large' })
  await assert.rejects(client.call(zapMethod('add'), bytes('[1,"2"]')), { code: 'bad-input' })
  await assert.rejects(client.call(zapMethod('add'), bytes('{')), { code: 'bad-input' })
  await assert.rejects(client.call(zapMethod('echo', TEXT, jsonCodec(z.number())), '"text"'), {
    code: 'bad-message',
  })
  await assert.rejects(client.call(COUNT, 3), { code: 'bad-usage', message: /gives a stream/ })
  assert.deepEqual(await collect(client.stream(ADD, [2, 3])), [5], 'one result is a stream of one')
  assert.equal(await client.call(ADD, [1, 1]), 2, 'the connection goes on')
})

test('zapMethod() takes a name of 1 to 256 bytes', () => {
  for (const name of ['', 'a'.repeat(257), 'ü'.repeat(129)]) {
    assert.throws(() => zapMethod(name), { code: 'bad-input' })
  }
  assert.equal(zapMethod('ü'.repeat(128)).name.length, 128)
})

test('a call that is cancelled tells the handler, and leaves nothing behind', async () => {
  const slow = slowHandler()
  const { client, server } = serveInMemory({ ...CALCULATOR, ...slow.handlers })
  const abort = new AbortController()
  const call = client.call(WAIT, 'a', { signal: abort.signal })
  await until(() => slow.signals.length === 1, 'the handler runs')
  abort.abort(new Error('changed my mind'))
  await assert.rejects(call, { message: 'changed my mind' })
  assert.equal(client.callCount, 0)
  await until(() => slow.signals[0]?.aborted === true, 'the handler heard of it')
  assert.equal(server.callCount, 1, 'it runs on until it minds')
  slow.release()
  await until(() => server.callCount === 0, 'it ended')
  assert.equal(await client.call(ADD, [1, 2]), 3)
  await assert.rejects(client.call(ADD, [1, 2], { signal: abort.signal }), { message: 'changed my mind' })
})

test('a call past its deadline fails at both ends', async () => {
  const slow = slowHandler()
  const { client } = serveInMemory(slow.handlers)
  await assert.rejects(client.call(WAIT, 'a', { deadlineMs: 5 }), { code: 'timed-out' })
  await until(() => slow.signals[0]?.aborted === true, 'the handler heard of it')
  for (const deadlineMs of [0, -1, Number.NaN, 2 ** 31]) {
    await assert.rejects(client.call(WAIT, 'a', { deadlineMs }), { code: 'bad-input' })
  }
})

test('a server keeps the deadline though its client forgets it', async () => {
  const slow = slowHandler()
  const [near, far] = duplexPair()
  serveZap(far, slow.handlers)
  const client = openZapClient(near)
  // A client without timers of its own: the call goes out, its clock stands.
  const original = globalThis.setTimeout
  globalThis.setTimeout = (() => undefined) as unknown as typeof setTimeout
  const call = client.call(WAIT, 'a', { deadlineMs: 7 })
  globalThis.setTimeout = original
  await assert.rejects(call, { code: 'timed-out', message: /no answer in 7 ms/ })
  assert.equal(slow.signals[0]?.aborted, true)
})

test('calls under way fail when the connection ends, and handlers hear of it', async () => {
  const slow = slowHandler()
  const [near, far] = duplexPair()
  const client = openZapClient(near)
  const server = serveZap(far, slow.handlers)
  const calls = [client.call(WAIT, 'a'), client.call(WAIT, 'b', { deadlineMs: 60_000 })]
  await until(() => slow.signals.length === 2, 'the handlers run')
  server.close()
  for (const call of calls) await assert.rejects(call, { code: 'link-closed' })
  assert.deepEqual(
    slow.signals.map(signal => signal.aborted),
    [true, true],
  )
  await assert.rejects(client.call(WAIT, 'c'), { code: 'link-closed' })
  await assert.rejects(collect(client.stream(COUNT, 2)), { code: 'link-closed' })
  assert.equal(client.isOpen, false)
})

test('over a limit calls are refused with too-many, at either end, and taken again later', async () => {
  const slow = slowHandler()
  const { client, server } = serveInMemory(
    { ...CALCULATOR, ...slow.handlers },
    { server: { maxCalls: 2, maxParamsBytes: 100 }, client: { maxCalls: 3 } },
  )
  const first = [client.call(WAIT, 'a'), client.call(WAIT, 'b')]
  await assert.rejects(client.call(ADD, [1, 2]), { code: 'too-many', message: /2 calls are under way/ })
  const third = client.call(WAIT, 'c')
  const fourth = client.call(WAIT, 'd')
  await assert.rejects(fourth, { code: 'too-many', message: /3 calls are under way/ })
  await assert.rejects(third, { code: 'too-many' })
  slow.release()
  assert.deepEqual(await Promise.all(first), ['a', 'b'])
  await assert.rejects(client.call(ECHO, new Uint8Array(101)), {
    code: 'too-many',
    message: /bytes of params/,
  })
  assert.equal((await client.call(ECHO, new Uint8Array(100))).length, 100)
  assert.equal(server.callCount, 0)
})

test('cancelling does not make room for more handlers than there may be', async () => {
  const slow = slowHandler()
  const { client, server } = serveInMemory(slow.handlers, { server: { maxCalls: 10 } })
  for (let round = 0; round < 50; round++) {
    const abort = new AbortController()
    const call = client.call(WAIT, 'a', { signal: abort.signal })
    abort.abort()
    await assert.rejects(call)
  }
  await assert.rejects(client.call(WAIT, 'a'), { code: 'too-many' })
  assert.equal(server.callCount, 10)
  slow.release()
})
