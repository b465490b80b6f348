import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { parseName, parseUserName } from '../../core/model/names.ts'
import { guestAccounts, openTerminalRig as openRig, size } from '../../testing/terminal-rig.ts'
import type { TestEndpoint } from '../../testing/test-host.ts'
import { until } from '../../testing/until.ts'
import { TERMINAL_LIMITS } from './limits.ts'
import { TERMINAL_API } from './messages.ts'
import { terminalServiceOf } from './terminal-service.ts'

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
      'stty size; echo $TERM; read x; stty size; trap "echo INT; exit 3" INT; echo "got $x"; while :; do sleep 0.1; done',
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
  const { run, list, near } = await openRig(t)
  const first = await run({
    kind: 'open',
    command: ['sh', '-c', 'echo one; read x; echo two $x; read y; echo three; exit 5'],
    terminal: size,
  })
  await until(() => first.output().includes('one'), 'the first line')
  const received = first.output().length
  first.stream.destroy()
  const detached = async () => (await list(near))[0]?.isAttached === false
  await until(detached, 'nobody is attached')
  const second = await run({ kind: 'attach', session: first.session, received })
  assert.equal(second.from, received)
  second.send('input', 'x\r')
  await until(() => second.output().includes('two x'), 'the second line')
  // Without saying what came before, all that is kept comes again.
  const third = await run({ kind: 'attach', session: first.session })
  await until(() => third.output().includes('two x'), 'all of it again')
  assert.ok(third.output().includes('one'))
  third.send('input', '\r')
  assert.deepEqual(await second.ended, { code: 5 })
  assert.deepEqual(await third.ended, { code: 5 })
  await assert.rejects(run({ kind: 'attach', session: first.session }), { code: 'not-found' })
})

test('a command without a terminal ends with its client', async t => {
  const { run, list, near } = await openRig(t)
  const sleeping = await run({ kind: 'open', command: ['sleep', '60'] })
  sleeping.stream.destroy()
  await until(async () => (await list(near)).length === 0, 'it has ended')
})

test('a terminal that nobody comes back to ends after its time', async t => {
  const { run, list, near, mesh } = await openRig(t)
  const shell = await run({ kind: 'open', command: ['sh', '-c', 'read x'], terminal: size })
  shell.stream.destroy()
  const { detachedMs } = TERMINAL_LIMITS
  await until(async () => (await list(near))[0]?.isAttached === false, 'detached')
  mesh.timers.advance(detachedMs)
  await until(async () => (await list(near)).length === 0, 'it has ended')
})

test('only the owner, and users it names, get terminals; each sees its own', async t => {
  const { mesh, run, ask, list, far, farApp, near } = await openRig(t)
  const guest = mesh.addEndpoint('guest', 'bob')
  await assert.rejects(run({ kind: 'open', command: ['true'] }, guest), { code: 'denied' })
  const params = { endpoint: 'far' }
  const bob = parseUserName('bob')
  await farApp.call(TERMINAL_API.changeConfig, { params, body: { users: [bob], accounts: guestAccounts } })
  const own = await run({ kind: 'open', command: ['sh', '-c', 'read x'], terminal: size })
  const theirs = await run({ kind: 'open', command: ['sh', '-c', 'read x'], terminal: size }, guest)
  const ids = async (from: TestEndpoint) => (await list(from)).map(({ id }) => id).sort()
  assert.deepEqual(await ids(near), [own.session, theirs.session].sort())
  assert.deepEqual(await ids(guest), [theirs.session])
  await assert.rejects(ask(guest, { kind: 'close', session: own.session }), { code: 'not-found' })
  await assert.rejects(run({ kind: 'attach', session: own.session }, guest), { code: 'not-found' })
  await ask(near, { kind: 'close', session: theirs.session })
  assert.equal(await theirs.ended, 'closed')
  await until(async () => (await ids(near)).length === 1, 'their program ended')
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
  const accounts = guestAccounts.bob === undefined ? {} : { '@ops': guestAccounts.bob }
  const body = { groups: [ops, gone], accounts }
  const config = await farApp.call(TERMINAL_API.changeConfig, { params, body })
  assert.deepEqual([config.users, config.groups], [[], ['ops', 'gone']])
  await assert.rejects(run({ kind: 'open', command: ['true'] }, guest), { code: 'denied' })
  mesh.groups.set('bob', [ops])
  assert.deepEqual(await (await run({ kind: 'open', command: ['true'] }, guest)).ended, { code: 0 })
  mesh.groups.set('bob', [parseName('sales')])
  await assert.rejects(run({ kind: 'open', command: ['true'] }, guest), { code: 'denied' })
  assert.deepEqual((far.records.get('config') as { groups: string[] }).groups, ['ops', 'gone'])
})

test('a program that does not want to end is ended', async t => {
  const { run, ask, list, near, mesh } = await openRig(t)
  const stubborn = await run({
    kind: 'open',
    command: ['sh', '-c', 'trap "" HUP TERM; echo ready; while :; do sleep 0.1; done'],
    terminal: size,
  })
  await until(() => stubborn.output().includes('ready'), 'it ignores signals')
  await ask(near, { kind: 'close', session: stubborn.session })
  mesh.timers.advance(5_000)
  await until(async () => (await list(near)).length === 0, 'it has ended')
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
