import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '../model/errors.ts'
import type { Json } from '../model/store.ts'
import { type Bridge, createBridge } from './bridge.ts'
import type { BridgeMessage } from './bridge-message.ts'
import { BRIDGE_LIMITS, type BridgeStream } from './bridge-stream.ts'

/** Both ends, joined; what is said arrives in the next turn. */
function createPair(onCall: (op: string, args: Json, app: Bridge) => Promise<Json>) {
  const sent: BridgeMessage[] = []
  const end = (side: 'agent' | 'app', other: () => Bridge, call: (op: string, args: Json) => Promise<Json>) =>
    createBridge({
      side,
      sendMessage: message => {
        sent.push(message)
        queueMicrotask(() => other().receive(message))
      },
      sendData: (stream, bytes) => queueMicrotask(() => other().receiveData(stream, bytes)),
      onCall: call,
      onTell() {},
    })
  const agent: Bridge = end(
    'agent',
    () => app,
    async () => null,
  )
  const app: Bridge = end(
    'app',
    () => agent,
    async (op, args) => onCall(op, args, app),
  )
  return { agent, app, sent }
}

function read(stream: BridgeStream): Promise<number> {
  let count = 0
  return new Promise((resolve, reject) =>
    stream.listen({
      onData: bytes => {
        count += bytes.length
        stream.used(bytes.length)
      },
      onEnd: () => resolve(count),
      onReset: reject,
    }),
  )
}

test('a call is answered with what came of it, or why nothing did', async () => {
  const { agent } = createPair(async (op, args) => {
    if (op === 'fail') throw new MeshError('denied', 'Cannot do it')
    return args
  })
  assert.deepEqual(await agent.call('echo', { a: [1] }), { a: [1] })
  await assert.rejects(agent.call('fail', null), { code: 'denied', message: 'Cannot do it' })
})

test('a stream carries much more than its window, as it is read', async () => {
  const { agent, app } = createPair(async () => null)
  const stream = agent.open()
  await Promise.resolve()
  const far = app.take(stream.id)
  const [there, back] = [read(far), read(stream)]
  await stream.write(new Uint8Array(3_000_000))
  stream.end()
  far.end()
  assert.deepEqual(await Promise.all([there, back]), [3_000_000, 0])
  assert.deepEqual(
    [agent.load, app.load],
    [
      { calls: 0, streams: 0 },
      { calls: 0, streams: 0 },
    ],
  )
})

test('who does not read is sent no more than the window', async () => {
  const { agent, app } = createPair(async () => null)
  const stream = agent.open()
  await Promise.resolve()
  const far = app.take(stream.id)
  let count = 0
  far.listen({
    onData: bytes => {
      count += bytes.length
    },
    onEnd() {},
    onReset() {},
  })
  const writing = stream.write(new Uint8Array(1_000_000))
  writing.catch(() => {})
  for (let turn = 0; turn < 100; turn++) await Promise.resolve()
  assert.equal(count, BRIDGE_LIMITS.windowBytes)
  far.reset('enough')
  await assert.rejects(writing, { code: 'link-closed' })
})

test('who sends a stream in crumbs that nobody reads loses that stream alone', () => {
  const said: BridgeMessage[] = []
  const bridge = createBridge({
    side: 'agent',
    sendMessage: message => said.push(message),
    sendData() {},
    onCall: async () => null,
    onTell() {},
  })
  bridge.receive({ say: 'open', stream: 1 })
  for (let count = 0; count < 20_000; count++) bridge.receiveData(1, new Uint8Array(1))
  assert.deepEqual(
    said.map(({ say }) => say),
    ['reset'],
  )
  assert.equal(bridge.load.streams, 0)
})

test('everything fails when the bridge is closed', async () => {
  const { agent } = createPair(() => new Promise(() => {}))
  const called = agent.call('never', null)
  const stream = agent.open()
  const reading = read(stream)
  agent.close(new MeshError('link-closed', 'gone'))
  await assert.rejects(called, { code: 'link-closed' })
  await assert.rejects(reading, { code: 'link-closed' })
  assert.throws(() => agent.open(), { code: 'link-closed' })
  await assert.rejects(agent.call('more', null), { code: 'link-closed' })
})

test('an end that does not keep to the rules is told so, each way', () => {
  const bad: [string, (bridge: Bridge) => void][] = [
    ['answer to nothing', bridge => bridge.receive({ say: 'answer', id: 1, value: null })],
    ['failure of nothing', bridge => bridge.receive({ say: 'fail', id: 9, code: 'denied', message: '' })],
    ['stream of the other side', bridge => bridge.receive({ say: 'open', stream: 2 })],
    ['stream not the next', bridge => bridge.receive({ say: 'open', stream: 5 })],
    [
      'stream twice',
      bridge => {
        for (const stream of [1, 1]) bridge.receive({ say: 'open', stream })
      },
    ],
    ['bytes of no stream', bridge => bridge.receiveData(1, new Uint8Array(1))],
    ['credit of no stream', bridge => bridge.receive({ say: 'credit', stream: 4, bytes: 1 })],
    [
      'more credit than a window',
      bridge => {
        bridge.receive({ say: 'open', stream: 1 })
        bridge.receive({ say: 'credit', stream: 1, bytes: 1 })
      },
    ],
    [
      'more bytes than a window',
      bridge => {
        bridge.receive({ say: 'open', stream: 1 })
        for (let count = 0; count <= BRIDGE_LIMITS.windowBytes; count += 65_536)
          bridge.receiveData(1, new Uint8Array(65_536))
      },
    ],
    [
      'bytes after the end',
      bridge => {
        bridge.receive({ say: 'open', stream: 1 })
        bridge.receive({ say: 'end', stream: 1 })
        bridge.receiveData(1, new Uint8Array(1))
      },
    ],
    [
      'two ends',
      bridge => {
        bridge.receive({ say: 'open', stream: 1 })
        for (const stream of [1, 1]) bridge.receive({ say: 'end', stream })
      },
    ],
    [
      'too many streams',
      bridge => {
        for (let id = 1; id < 1_000; id += 2) bridge.receive({ say: 'open', stream: id })
      },
    ],
  ]
  for (const [name, act] of bad) {
    const bridge = createBridge({
      side: 'agent',
      sendMessage() {},
      sendData() {},
      onCall: async () => null,
      onTell() {},
    })
    assert.throws(() => act(bridge), { code: 'bad-message' }, name)
  }
})

test('calls over the limit are refused on both sides', async () => {
  const { agent } = createPair(() => new Promise(() => {}))
  for (let count = 0; count < BRIDGE_LIMITS.maxCalls; count++) agent.call('wait', null)
  await assert.rejects(agent.call('one more', null), { code: 'too-many' })
  const said: BridgeMessage[] = []
  const alone = createBridge({
    side: 'agent',
    sendMessage: message => said.push(message),
    sendData() {},
    onCall: () => new Promise(() => {}),
    onTell() {},
  })
  for (let id = 0; id <= BRIDGE_LIMITS.maxCalls; id++) alone.receive({ say: 'call', id, op: 'x', args: null })
  assert.deepEqual(
    said.map(one => one.say === 'fail' && one.code),
    ['too-many'],
  )
})
