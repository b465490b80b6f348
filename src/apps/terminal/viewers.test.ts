import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { parseUserName } from '../../core/model/names.ts'
import { guestAccounts, openTerminalRig, size } from '../../testing/terminal-rig.ts'
import { until } from '../../testing/until.ts'
import { TERMINAL_API } from './messages.ts'

const bob = parseUserName('bob')
const HOUR_MS = 3_600_000

/** A shell that says what it reads, and ends with `q`. */
const ECHOING = ['sh', '-c', 'stty -echo; echo ready; while read x && [ "$x" != q ]; do echo "got $x"; done']

async function openShared(t: TestContext) {
  const rig = await openTerminalRig(t)
  const guest = rig.mesh.addEndpoint('guest', 'bob')
  const first = await rig.run({ kind: 'open', command: ECHOING, terminal: size })
  await until(() => first.output().includes('ready'), 'the shell is ready')
  return { ...rig, guest, first, session: first.session }
}

test('several look at one terminal and type; who only looks types nothing', async t => {
  const { run, list, near, first, session } = await openShared(t)
  const second = await run({ kind: 'attach', session })
  const looking = await run({ kind: 'attach', session, isReadOnly: true })
  second.send('input', 'two\r')
  await until(() => [first, second, looking].every(one => one.output().includes('got two')), 'all see it')
  looking.send('input', 'three\r')
  looking.send('signal', 'SIGKILL')
  looking.send('input-end')
  looking.send('resize', JSON.stringify({ columns: 1, rows: 1 }))
  first.send('input', 'four\r')
  await until(() => looking.output().includes('got four'), 'it goes on')
  assert.doesNotMatch(first.output().toString(), /three/)
  const [{ viewers = [] } = {}] = await list(near)
  assert.deepEqual(
    viewers.map(({ isReadOnly }) => isReadOnly),
    [false, false, true],
  )
  second.send('input', 'q\r')
  for (const one of [first, second, looking]) assert.deepEqual(await one.ended, { code: 0 })
  assert.deepEqual(await list(near), [])
})

test('a link lets any user look at one session, and do nothing else', async t => {
  const { ask, run, list, guest, near, first, session, mesh } = await openShared(t)
  await assert.rejects(list(guest), { code: 'denied' })
  const other = await run({ kind: 'open', command: ECHOING, terminal: size })
  const { answer } = await ask(near, { kind: 'share', session, forMs: HOUR_MS })
  const key = answer.key ?? ''
  const looking = await run({ kind: 'attach', session, key }, guest)
  looking.send('input', 'mine\r')
  first.send('input', 'theirs\r')
  await until(() => looking.output().includes('got theirs'), 'the guest sees it')
  assert.doesNotMatch(looking.output().toString(), /mine/)
  const wrong = `${key.slice(0, 21)}${key.endsWith('A') ? 'Q' : 'A'}`
  for (const request of [
    { kind: 'attach', session } as const,
    { kind: 'attach', session, key: wrong } as const,
    { kind: 'attach', session: other.session, key } as const,
    { kind: 'close', session } as const,
    { kind: 'show', session } as const,
    { kind: 'share', session, forMs: HOUR_MS } as const,
    { kind: 'unshare', session } as const,
  ]) {
    await assert.rejects(ask(guest, request), { code: 'not-found' }, JSON.stringify(request))
  }
  for (const request of [
    { kind: 'open' } as const,
    { kind: 'forward', host: '127.0.0.1', port: 1 } as const,
  ]) {
    await assert.rejects(ask(guest, request), { code: 'denied' }, request.kind)
  }
  assert.deepEqual(await list(guest), [])
  mesh.timers.advance(HOUR_MS)
  assert.equal(await looking.ended, 'closed')
  await assert.rejects(run({ kind: 'attach', session, key }, guest), { code: 'denied' })
})

test('users who are invited by name take part until it is taken back', async t => {
  const { ask, run, list, guest, near, first, session } = await openShared(t)
  await assert.rejects(ask(near, { kind: 'share', session, mayType: true, forMs: HOUR_MS }), {
    code: 'bad-input',
  })
  await ask(near, { kind: 'share', session, users: [bob], mayType: true, forMs: HOUR_MS })
  assert.deepEqual(
    (await list(guest)).map(({ id }) => id),
    [session],
  )
  const theirs = await run({ kind: 'attach', session }, guest)
  theirs.send('input', 'hello\r')
  await until(() => first.output().includes('got hello'), 'what the guest typed')
  await ask(near, { kind: 'unshare', session })
  assert.equal(await theirs.ended, 'closed')
  first.send('input', 'still here\r')
  await until(() => first.output().includes('got still here'), 'it goes on')
})

test('a user whose right is taken away loses terminals that run', async t => {
  const { run, list, guest, near, farApp } = await openShared(t)
  const params = { endpoint: 'far' }
  await farApp.call(TERMINAL_API.changeConfig, { params, body: { users: [bob], accounts: guestAccounts } })
  const theirs = await run({ kind: 'open', command: ['sh', '-c', 'read x'], terminal: size }, guest)
  await farApp.call(TERMINAL_API.changeConfig, { params, body: { users: [] } })
  assert.equal(await theirs.ended, 'closed')
  await until(async () => (await list(near)).every(({ user }) => user !== 'bob'), 'it has ended')
})

test('who never reads does not stop the others, and is told so when it does', async t => {
  const { run, list, near, ask, first } = await openShared(t)
  first.send('input', 'q\r')
  const noisy = await run({
    kind: 'open',
    command: ['sh', '-c', 'read x; head -c 3000000 /dev/zero | tr "\\0" x; echo done; read y'],
    terminal: size,
  })
  const { stream: silent } = await ask(near, { kind: 'attach', session: noisy.session })
  noisy.send('input', '\r')
  await until(() => noisy.output().includes('done'), 'all of it came')
  assert.ok(noisy.output().length >= 3_000_000)
  await until(async () => (await list(near))[0]?.viewers.length === 1, 'the silent one was cut off')
  let heard = ''
  silent.on('data', chunk => {
    heard += String(chunk)
  })
  await until(() => heard.includes('fell behind'), 'it hears why')
})

test('one that only looks cannot hold a terminal up, one that takes part can', async t => {
  const { run, ask, near, list } = await openTerminalRig(t)
  const noisy = await run({
    kind: 'open',
    command: ['sh', '-c', 'read x; head -c 3000000 /dev/zero | tr "\\0" x; echo done; read y'],
    terminal: size,
  })
  await ask(near, { kind: 'attach', session: noisy.session, isReadOnly: true })
  noisy.send('input', '\r')
  await until(() => noisy.output().length > 0, 'it began')
  noisy.stream.destroy()
  await until(async () => ((await list(near))[0]?.outputBytes ?? 0) >= 3_000_000, 'it went on to its end')
})
