import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import test from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { decodeEnvelope, encodeEnvelope, type ZapEnvelope } from '../../core/codec/zap-envelope.ts'
import { createZapFrameDecoder, encodeZapFrame } from '../../core/codec/zap-frame.ts'
import { MeshError } from '../../core/model/errors.ts'
import { until } from '../../testing/until.ts'
import { serveZap } from './serve-zap.ts'
import { openZapClient } from './zap-client.ts'
import { jsonCodec, zapMethod } from './zap-method.ts'
import { answer } from './zap-serving.ts'

/** How many random inputs: `ZTM_FUZZ_RUNS=1000000 node --test src/sdk/zap/zap-streams.test.ts`. */
const FUZZ_RUNS = Number(process.env.ZTM_FUZZ_RUNS ?? 200)

const ITEMS = zapMethod('items')
const COUNT = zapMethod('count', jsonCodec(z.number()), jsonCodec(z.number()))
const nothing = new Uint8Array(0)

/** A server that gives items of `size` bytes for ever, and what it did. */
function endlessServer(size: number) {
  const seen = { made: 0, isOver: false }
  return {
    seen,
    handlers: answer(ITEMS, async function* (_, call) {
      try {
        while (!call.signal.aborted) {
          seen.made += 1
          yield new Uint8Array(size).fill(seen.made)
        }
      } finally {
        seen.isOver = true
      }
    }),
  }
}

/** A peer that speaks by hand: what it hears, and how it says something. */
function byHand(bufferBytes?: number) {
  const [stream, raw] = duplexPair(bufferBytes === undefined ? {} : { highWaterMark: bufferBytes })
  const decoder = createZapFrameDecoder()
  const heard: ZapEnvelope[] = []
  raw.on('data', chunk => heard.push(...decoder.push(chunk).map(payload => decodeEnvelope(payload))))
  return {
    stream,
    raw,
    heard,
    say(...envelopes: ZapEnvelope[]) {
      raw.write(Buffer.concat(envelopes.flatMap(one => encodeEnvelope(one))))
    },
  }
}

test('a stream sends no further ahead than its window, and goes on as items are taken', async () => {
  const { seen, handlers } = endlessServer(936)
  const [near, far] = duplexPair()
  serveZap(far, handlers)
  const client = openZapClient(near, { windowBytes: 10_000 })
  const items = client.stream(ITEMS, nothing)[Symbol.asyncIterator]()
  await items.next()
  // An item costs 1,000: ten fit the window, one more was made and waits.
  await until(() => seen.made >= 11, 'the window is full')
  await new Promise(setImmediate)
  assert.equal(seen.made, 11)
  for (let index = 2; index <= 200; index++) assert.equal((await items.next()).value?.[0], index % 256)
  assert.ok(seen.made >= 200 && seen.made <= 211, `${seen.made} were made`)
  await items.return?.(undefined)
  await until(() => seen.isOver, 'the server stopped')
  assert.equal(client.callCount, 0)
})

test('an item larger than the window passes', async () => {
  const [near, far] = duplexPair()
  const sizes = [5_000_000, 0, 3_000_000, 1]
  serveZap(
    far,
    answer(ITEMS, async function* () {
      for (const size of sizes) yield new Uint8Array(size)
    }),
  )
  const got: number[] = []
  for await (const item of openZapClient(near).stream(ITEMS, nothing)) got.push(item.length)
  assert.deepEqual(got, sizes)
})

test('a slow reader of one stream does not hold up another', async () => {
  const { handlers } = endlessServer(10_000)
  const [near, far] = duplexPair()
  serveZap(far, {
    ...handlers,
    ...answer(COUNT, async function* (upTo) {
      for (let number = 0; number < upTo; number++) yield number
    }),
  })
  const client = openZapClient(near)
  const stuck = client.stream(ITEMS, nothing)[Symbol.asyncIterator]()
  await stuck.next()
  let sum = 0
  for await (const number of client.stream(COUNT, 5_000)) sum += number
  assert.equal(sum, 12_497_500)
  await stuck.return?.(undefined)
})

test('a stream that fails gives its items first, then the error', async () => {
  const [near, far] = duplexPair()
  serveZap(
    far,
    answer(COUNT, async function* () {
      yield 1
      yield 2
      throw new MeshError('storage-full', 'Cannot count: disk full')
    }),
  )
  const got: number[] = []
  await assert.rejects(
    async () => {
      for await (const number of openZapClient(near).stream(COUNT, 9)) got.push(number)
    },
    { code: 'storage-full', message: 'Cannot count: disk full' },
  )
  assert.deepEqual(got, [1, 2])
})

test('leaving a loop early cancels the call, as do signal and deadline', async () => {
  for (const how of ['break', 'signal', 'deadline']) {
    const { seen, handlers } = endlessServer(100)
    const [near, far] = duplexPair()
    const server = serveZap(far, handlers)
    const abort = new AbortController()
    const client = openZapClient(near)
    const options = how === 'deadline' ? { deadlineMs: 10 } : { signal: abort.signal }
    const reading = (async () => {
      for await (const _ of client.stream(ITEMS, nothing, options)) {
        if (how === 'break') break
        if (how === 'signal') abort.abort(new Error('enough'))
      }
    })()
    if (how === 'break') await reading
    else await assert.rejects(reading, how === 'signal' ? { message: 'enough' } : { code: 'timed-out' })
    await until(() => seen.isOver && server.callCount === 0, 'the server stopped')
    assert.equal(client.callCount, 0)
  }
})

test('a stream can be left while its next item is waited for, and asked several times at once', async () => {
  const { stream, heard, say } = byHand()
  const client = openZapClient(stream)
  const items = client.stream(COUNT, 1)[Symbol.asyncIterator]()
  const asked = [items.next(), items.next(), items.next()]
  await until(() => heard.length === 1, 'the call came')
  const item = (number: number) => ({ kind: 'item', id: 1, value: Buffer.from(String(number)) }) as const
  say(item(1), item(2))
  assert.deepEqual(await Promise.all(asked.slice(0, 2)), [{ value: 1 }, { value: 2 }])
  await items.return?.()
  assert.deepEqual(await asked[2], { done: true, value: undefined })
  assert.deepEqual(await items.next(), { done: true, value: undefined })
  await until(() => heard.at(-1)?.kind === 'cancel', 'the server heard of it')
  assert.equal(client.callCount, 0)
})

test('a client that reads no answers is asked for no more calls', async () => {
  const { stream, raw, say } = byHand(1_024)
  raw.removeAllListeners('data').pause()
  let count = 0
  const server = serveZap(stream, {
    big() {
      count += 1
      return new Uint8Array(20_000)
    },
  })
  const call = (id: number): ZapEnvelope => ({
    kind: 'call',
    id,
    method: 'big',
    params: nothing,
    deadlineMs: 0,
    window: 0,
  })
  // Many in one chunk, then one by one.
  say(...Array.from({ length: 300 }, (_, index) => call(index)))
  for (let id = 300; id < 400; id++) {
    say(call(id))
    await new Promise(setImmediate)
  }
  assert.ok(count < 10, `${count} calls were answered`)
  raw.resume()
  await until(() => count === 400, 'the rest was answered')
  server.close()
})

test('a server that sends more than it may is cut off, one that only fills memory loses the stream', async () => {
  const greedy = byHand()
  const client = openZapClient(greedy.stream, { windowBytes: 1_000 })
  const items = client.stream(ITEMS, nothing)[Symbol.asyncIterator]()
  const first = items.next()
  await until(() => greedy.heard.length === 1, 'the call came')
  greedy.say(
    ...Array.from({ length: 20 }, () => ({ kind: 'item', id: 1, value: new Uint8Array(136) }) as const),
  )
  await first
  await until(() => !client.isOpen, 'the connection was ended')
  await assert.rejects(
    async () => {
      while (!(await items.next()).done);
    },
    { code: 'bad-message', message: /without credit/ },
  )

  const heavy = byHand()
  const other = openZapClient(heavy.stream, { windowBytes: 1_000, maxWaitingBytes: 50_000 })
  const streams = [1, 2].map(() => other.stream(ITEMS, nothing)[Symbol.asyncIterator]())
  const starts = streams.map(stream => stream.next())
  await until(() => heavy.heard.length === 2, 'the calls came')
  const item = (id: number, size: number): ZapEnvelope => ({ kind: 'item', id, value: new Uint8Array(size) })
  heavy.say(item(1, 1), item(2, 1), item(1, 1), item(2, 1))
  await Promise.all(starts)
  heavy.say(item(1, 40_000), item(2, 40_000))
  await until(() => other.callCount === 1, 'one was given up')
  assert.deepEqual(heavy.heard.at(-1), { kind: 'cancel', id: 2 })
  await assert.rejects(streams[1]?.next() ?? Promise.resolve(), { code: 'too-large' })
  assert.equal((await streams[0]?.next())?.value?.length, 1)
  assert.equal((await streams[0]?.next())?.value?.length, 40_000)
  other.close()
})

test('what is no envelope, or not for this side, ends the connection and nothing else', async () => {
  const call: ZapEnvelope = {
    kind: 'call',
    id: 1,
    method: 'items',
    params: nothing,
    deadlineMs: 0,
    window: 9,
  }
  const answers: ZapEnvelope[] = [
    { kind: 'result', id: 1, value: nothing },
    { kind: 'item', id: 1, value: nothing },
    { kind: 'end', id: 1 },
    { kind: 'error', id: 1, code: 'bug', message: '' },
  ]
  const toServer = [nothing, new Uint8Array(64), ...answers.map(payload), Buffer.from('{"call":1}')]
  for (const frame of [...toServer, payload(call)]) {
    const { stream, raw } = byHand()
    const ends: string[] = []
    serveZap(stream, endlessServer(10).handlers, { onEnd: error => ends.push(error.code) })
    // The call twice: its id is in use.
    raw.write(encodeZapFrame(frame))
    raw.write(encodeZapFrame(frame))
    await until(() => ends.length > 0, 'it was cut off')
    assert.deepEqual(ends, ['bad-message'])
  }
  const toClient = [nothing, new Uint8Array(64), payload(call), payload({ kind: 'more', id: 1, credit: 1 })]
  toClient.push(payload({ kind: 'cancel', id: 1 }), payload({ kind: 'item', id: 1, value: nothing }))
  for (const frame of toClient) {
    const { stream, raw } = byHand()
    const waiting = openZapClient(stream).call(COUNT, 1)
    raw.write(encodeZapFrame(frame))
    await assert.rejects(waiting, { code: 'bad-message' })
  }
})

test('a code of an error that is not ours becomes call-failed, fit to print', async () => {
  const { stream, say, heard } = byHand()
  const client = openZapClient(stream)
  const waiting = client.call(COUNT, 1)
  await until(() => heard.length === 1, 'the call came')
  say(
    { kind: 'result', id: 77, value: nothing },
    { kind: 'error', id: 1, code: 'E_42', message: 'no\x1b[2J' },
  )
  await assert.rejects(waiting, { code: 'call-failed', message: 'Cannot call "count": "E_42": no\ufffd[2J' })
})

test('a server outlives whatever it is sent', async () => {
  const envelopes = fc.oneof(
    fc.record({ kind: fc.constantFrom('cancel' as const, 'end' as const), id: fc.nat({ max: 3 }) }),
    fc.record({
      kind: fc.constant('more' as const),
      id: fc.nat({ max: 3 }),
      credit: fc.nat({ max: 0xffffffff }),
    }),
    fc.record({
      kind: fc.constant('call' as const),
      id: fc.nat({ max: 3 }),
      method: fc.constantFrom('items', 'echo', 'fail', 'none'),
      params: fc.uint8Array({ maxLength: 9 }),
      deadlineMs: fc.constant(0),
      window: fc.constantFrom(0, 1, 500),
    }),
  )
  const change = fc.option(fc.tuple(fc.nat({ max: 90 }), fc.nat({ max: 255 })), { freq: 4 })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(envelopes, change), { maxLength: 20 }), async said => {
      const { stream, raw } = byHand()
      let end: MeshError | undefined
      const server = serveZap(
        stream,
        {
          ...endlessServer(10).handlers,
          echo: async params => params,
          fail: () => {
            throw new Error('no')
          },
        },
        { onEnd: error => (end = error) },
      )
      for (const [envelope, place] of said) {
        const bytes = Buffer.concat(encodeEnvelope(envelope))
        if (place !== null && bytes.length > place[0] + 4) bytes[place[0] + 4] = place[1]
        raw.write(bytes)
      }
      raw.end()
      await until(() => end !== undefined && server.callCount === 0, 'it is over')
      assert.ok(end instanceof MeshError && /^(link-closed|bad-message)$/.test(end.code), String(end))
    }),
    { numRuns: FUZZ_RUNS },
  )
})

function payload(envelope: ZapEnvelope): Uint8Array {
  return Buffer.concat(encodeEnvelope(envelope)).subarray(4)
}
