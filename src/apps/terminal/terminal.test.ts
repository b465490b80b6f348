import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { type TestContext, test } from 'node:test'
import {
  createTerminalFrameDecoder,
  encodeTerminalHead,
  type TerminalFrameKind,
} from '../../core/codec/terminal-frame.ts'
import { MeshError, parseErrorBody } from '../../core/model/errors.ts'
import { parseName, parseUserName } from '../../core/model/names.ts'
import { encodeSmallMessage, readSmallMessage } from '../../sdk/for-apps/small-message.ts'
import { createTestMesh, type TestEndpoint } from '../../testing/test-host.ts'
import { until } from '../../testing/until.ts'
import { TERMINAL_LIMITS } from './limits.ts'
import { answerShape, TERMINAL_API, type TerminalRequest } from './messages.ts'
import { terminalServiceOf } from './pass-on.ts'
import { createTerminalApp } from './terminal.ts'

const size = { columns: 100, rows: 40 }

/** What came of a program: its output, its errors, and how it ended. */
interface Run {
  readonly stream: Duplex
  readonly session: string
  readonly from: number
  readonly output: () => Buffer
  readonly errors: () => string
  readonly ended: Promise<unknown>
  send(kind: TerminalFrameKind, payload?: Uint8Array | string): void
}

async function openRig(t: TestContext, limits: Partial<typeof TERMINAL_LIMITS> = {}) {
  const mesh = createTestMesh()
  t.after(() => mesh[Symbol.asyncDispose]())
  const app = createTerminalApp({ ...TERMINAL_LIMITS, ...limits })
  const [near, far] = [mesh.addEndpoint('near'), mesh.addEndpoint('far')]
  const farApp = await far.start(app)
  const ask = async (from: TestEndpoint, request: TerminalRequest) => {
    const dialing = from.host(app).dial(terminalServiceOf(parseUserName('root')))
    dialing.write(encodeSmallMessage(request))
    const { stream } = await dialing.opened
    stream.on('error', () => {})
    const answer = await readSmallMessage(stream, answerShape)
    if (answer.isGood) return { stream, answer }
    throw parseErrorBody(answer.error) ?? new MeshError('bug', 'no reason')
  }
  const run = async (request: TerminalRequest, from = near): Promise<Run> => {
    const { stream, answer } = await ask(from, request)
    return follow(stream, answer.session ?? '', answer.from ?? 0)
  }
  return { mesh, app, near, far, farApp, ask, run }
}

function follow(stream: Duplex, session: string, from: number): Run {
  const [output, errors]: [Buffer[], Buffer[]] = [[], []]
  const decoder = createTerminalFrameDecoder()
  const { promise: ended, resolve } = Promise.withResolvers<unknown>()
  stream.on('data', (chunk: Uint8Array) => {
    for (const { kind, payload } of decoder.push(chunk)) {
      if (kind === 'output') output.push(Buffer.from(payload))
      else if (kind === 'errors') errors.push(Buffer.from(payload))
      else resolve(JSON.parse(Buffer.from(payload).toString()))
    }
  })
  stream.once('close', () => resolve('closed'))
  return {
    stream,
    session,
    from,
    output: () => Buffer.concat(output),
    errors: () => Buffer.concat(errors).toString(),
    ended,
    send(kind, payload = '') {
      const bytes = Buffer.from(payload)
      stream.write(encodeTerminalHead(kind, bytes.length))
      stream.write(bytes)
    },
  }
}

test('a command gets its input, and gives its output, errors and exit code back, byte for byte', async t => {
  const { run } = await openRig(t)
  const bytes = randomBytes(3_000_000)
  const copy = await run({ kind: 'open', command: ['sh', '-c', 'cat; echo no >&2; exit 7'] })
  for (let at = 0; at < bytes.length; at += 60_000) copy.send('input', bytes.subarray(at, at + 60_000))
  copy.send('input-end')
  assert.deepEqual(await copy.ended, { code: 7 })
  assert.ok(copy.output().equals(bytes))
  assert.equal(copy.errors(), 'no\n')
})

test('a terminal is a terminal: its size, TERM, echo and keys that interrupt', async t => {
  const { run } = await openRig(t)
  const shell = await run({
    kind: 'open',
    command: [
      'sh',
      '-c',
      'stty size; echo $TERM; read x; stty size; echo "got $x"; trap "echo INT; exit 3" INT; while :; do sleep 0.1; done',
    ],
    env: { TERM: 'screen' },
    terminal: size,
  })
  const shows = (text: string) => until(() => shell.output().includes(text), text)
  await shows('40 100\r\nscreen\r\n')
  shell.send('resize', JSON.stringify({ columns: 90, rows: 20 }))
  shell.send('input', 'hällo\r')
  await shows('20 90')
  await shows('got hällo')
  shell.send('input', '\u0003')
  assert.deepEqual(await shell.ended, { code: 3 })
  assert.match(shell.output().toString(), /INT/)
})

test('a program that cannot be run, or is ended by a signal, is told as such', async t => {
  const { run } = await openRig(t)
  await assert.rejects(run({ kind: 'open', command: ['/no/such/program'] }), { code: 'not-found' })
  await assert.rejects(run({ kind: 'open', command: [''] }), { code: 'bad-input' })
  const sleeping = await run({ kind: 'open', command: ['sleep', '60'] })
  sleeping.send('signal', 'SIGTERM')
  assert.deepEqual(await sleeping.ended, { signal: 'SIGTERM' })
})

test('a terminal goes on without its client, which comes back to what it missed', async t => {
  const { run, ask, near } = await openRig(t)
  const first = await run({
    kind: 'open',
    command: ['sh', '-c', 'echo one; read x; echo two $x; read y; echo three; exit 5'],
    terminal: size,
  })
  await until(() => first.output().includes('one'), 'the first line')
  const received = first.output().length
  first.stream.destroy()
  const detached = async () => (await ask(near, { kind: 'list' })).answer.sessions?.[0]?.isAttached === false
  await until(detached, 'nobody is attached')
  const second = await run({ kind: 'attach', session: first.session, received })
  assert.equal(second.from, received)
  second.send('input', 'x\r')
  await until(() => second.output().includes('two x'), 'the second line')
  // Without saying what came before, all that is kept comes again.
  const third = await run({ kind: 'attach', session: first.session })
  await until(() => third.output().includes('two x'), 'all of it again')
  assert.ok(third.output().includes('one'))
  assert.equal(await second.ended, 'closed')
  third.send('input', '\r')
  assert.deepEqual(await third.ended, { code: 5 })
  await assert.rejects(run({ kind: 'attach', session: first.session }), { code: 'not-found' })
})

test('a command without a terminal ends with its client', async t => {
  const { run, ask, near } = await openRig(t)
  const sleeping = await run({ kind: 'open', command: ['sleep', '60'] })
  sleeping.stream.destroy()
  await until(async () => (await ask(near, { kind: 'list' })).answer.sessions?.length === 0, 'it has ended')
})

test('a terminal that nobody comes back to ends after its time', async t => {
  const { run, ask, near, mesh } = await openRig(t)
  const shell = await run({ kind: 'open', command: ['sh', '-c', 'read x'], terminal: size })
  shell.stream.destroy()
  const { detachedMs } = TERMINAL_LIMITS
  await until(
    async () => (await ask(near, { kind: 'list' })).answer.sessions?.[0]?.isAttached === false,
    'detached',
  )
  mesh.timers.advance(detachedMs)
  await until(async () => (await ask(near, { kind: 'list' })).answer.sessions?.length === 0, 'it has ended')
})

test('only the owner, and users it names, get terminals; each sees its own', async t => {
  const { mesh, run, ask, far, farApp, near } = await openRig(t)
  const guest = mesh.addEndpoint('guest', 'bob')
  await assert.rejects(run({ kind: 'open', command: ['true'] }, guest), { code: 'denied' })
  const params = { endpoint: 'far' }
  await farApp.call(TERMINAL_API.changeConfig, { params, body: { users: ['bob'] } })
  const own = await run({ kind: 'open', command: ['sh', '-c', 'read x'], terminal: size })
  const theirs = await run({ kind: 'open', command: ['sh', '-c', 'read x'], terminal: size }, guest)
  const list = async (from: TestEndpoint) =>
    (await ask(from, { kind: 'list' })).answer.sessions?.map(({ id }) => id).sort()
  assert.deepEqual(await list(near), [own.session, theirs.session].sort())
  assert.deepEqual(await list(guest), [theirs.session])
  await assert.rejects(ask(guest, { kind: 'close', session: own.session }), { code: 'not-found' })
  await assert.rejects(run({ kind: 'attach', session: own.session }, guest), { code: 'not-found' })
  await ask(near, { kind: 'close', session: theirs.session })
  assert.equal(await theirs.ended, 'closed')
  await until(async () => (await list(near))?.length === 1, 'their program ended')
  await farApp.call(TERMINAL_API.changeConfig, { params, body: { isEnabled: false } })
  await assert.rejects(run({ kind: 'open', command: ['true'] }))
  assert.deepEqual(
    far.log.fieldsOf('terminal.attached').map(({ program }) => program),
    ['sh', 'sh'],
  )
  assert.doesNotMatch(JSON.stringify(far.log.events), /read x/)
})

test('members of the groups it names get terminals, while they are in one', async t => {
  const { mesh, run, farApp, far } = await openRig(t)
  const guest = mesh.addEndpoint('guest', 'bob')
  const [ops, gone] = [parseName('ops'), parseName('gone')]
  const params = { endpoint: 'far' }
  const config = await farApp.call(TERMINAL_API.changeConfig, { params, body: { groups: [ops, gone] } })
  assert.deepEqual([config.users, config.groups], [[], ['ops', 'gone']])
  await assert.rejects(run({ kind: 'open', command: ['true'] }, guest), { code: 'denied' })
  mesh.groups.set('bob', [ops])
  assert.deepEqual(await (await run({ kind: 'open', command: ['true'] }, guest)).ended, { code: 0 })
  mesh.groups.set('bob', [parseName('sales')])
  await assert.rejects(run({ kind: 'open', command: ['true'] }, guest), { code: 'denied' })
  assert.deepEqual((far.records.get('config') as { groups: string[] }).groups, ['ops', 'gone'])
})

test('a program that does not want to end is ended', async t => {
  const { run, ask, near, mesh } = await openRig(t)
  const stubborn = await run({
    kind: 'open',
    command: ['sh', '-c', 'trap "" HUP TERM; echo ready; while :; do sleep 0.1; done'],
    terminal: size,
  })
  await until(() => stubborn.output().includes('ready'), 'it ignores signals')
  await ask(near, { kind: 'close', session: stubborn.session })
  mesh.timers.advance(5_000)
  await until(async () => (await ask(near, { kind: 'list' })).answer.sessions?.length === 0, 'it has ended')
})

test('an endpoint gives no more terminals than it may, and cuts off who says nothing', async t => {
  const { run, near, app, mesh } = await openRig(t, { maxSessionsPerUser: 2 })
  for (let count = 0; count < 2; count++)
    await run({ kind: 'open', command: ['sh', '-c', 'read x'], terminal: size })
  await assert.rejects(run({ kind: 'open', command: ['true'] }), { code: 'too-many' })
  const { stream } = await near.host(app).dial(terminalServiceOf(parseUserName('root'))).opened
  const closed = new Promise(resolve => stream.once('close', resolve))
  stream.on('error', () => {})
  mesh.timers.advance(TERMINAL_LIMITS.helloTimeoutMs)
  await closed
})
