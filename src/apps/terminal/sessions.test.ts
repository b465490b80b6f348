import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { openTerminalRig, size } from '../../testing/terminal-rig.ts'
import { until } from '../../testing/until.ts'
import { TERMINAL_LIMITS } from './limits.ts'
import { TERMINAL_API } from './messages.ts'

const params = { endpoint: 'far' }

test('a terminal where nobody types ends after the time its owner set, and says why', async t => {
  const { run, list, near, farApp, mesh } = await openTerminalRig(t)
  const shell = await run({
    kind: 'open',
    command: ['sh', '-c', 'while read x; do echo $x; done'],
    terminal: size,
  })
  await farApp.call(TERMINAL_API.changeConfig, { params, body: { idleMs: 60_000 } })
  mesh.timers.advance(59_000)
  shell.send('input', 'awake\r')
  await until(() => shell.output().includes('awake\r\nawake'), 'it was read')
  mesh.timers.advance(59_000)
  assert.equal((await list(near)).length, 1)
  mesh.timers.advance(1_000)
  assert.deepEqual(await shell.ended, { signal: 'SIGHUP' })
  assert.match(shell.notices.join(), /nothing was typed/)
})

test('what ended while nobody looked tells how, to who comes back in time', async t => {
  const { run, list, near, mesh } = await openTerminalRig(t)
  const command = ['sh', '-c', 'read x; sleep 0.2; echo last words; exit 7']
  const first = await run({ kind: 'open', command, terminal: size })
  first.send('input', '\r')
  await until(() => first.output().length > 0, 'it reads')
  first.stream.destroy()
  await until(async () => (await list(near))[0]?.isOver === true, 'it has ended')
  const second = await run({ kind: 'attach', session: first.session, received: first.output().length })
  assert.deepEqual(await second.ended, { code: 7 })
  assert.match(second.output().toString(), /last words/)
  assert.deepEqual(await list(near), [])
  const forgotten = await run({ kind: 'open', command, terminal: size })
  forgotten.send('input', '\r')
  await until(() => forgotten.output().length > 0, 'it reads')
  forgotten.stream.destroy()
  await until(async () => (await list(near))[0]?.isOver === true, 'it has ended')
  mesh.timers.advance(TERMINAL_LIMITS.endedMs)
  assert.deepEqual(await list(near), [])
})

test('the owner sees who ran what, how long, and how it ended; a bounded number of them', async t => {
  const { run, farApp, mesh, far, near } = await openTerminalRig(t, { maxHistory: 2 })
  for (const code of [1, 2, 3]) {
    const command = ['sh', '-c', `read x; exit ${code}`, '\u001b]0;evil\u0007']
    const session = await run({ kind: 'open', command })
    mesh.timers.advance(5_000)
    session.send('input', '\n')
    assert.deepEqual(await session.ended, { code })
  }
  const { sessions } = await farApp.call(TERMINAL_API.listHistory, { params })
  assert.deepEqual(
    sessions.map(({ end, durationMs, user, endpoint }) => [end, durationMs, user, endpoint]),
    [3, 2].map(code => [{ code }, 5_000, 'root', near.identity.endpoint]),
  )
  const lines = far.log.fieldsOf('terminal.ended')
  assert.deepEqual(
    lines.map(({ code, durationMs, user }) => [code, durationMs, user]),
    [1, 2, 3].map(code => [code, 5_000, 'root']),
  )
})

test('a storm of sizes leaves the last, and a terminal that answers', async t => {
  const { run } = await openTerminalRig(t)
  const shell = await run({
    kind: 'open',
    command: ['sh', '-c', 'echo ok; read x; stty size; read y'],
    terminal: size,
  })
  await until(() => shell.output().includes('ok'), 'it is ready')
  for (let count = 1; count <= 10_000; count++) {
    shell.send('resize', JSON.stringify({ columns: 1 + (count % 500), rows: 1 + (count % 200) }))
  }
  for (const odd of ['', '{}', '[1]', '{"columns":0,"rows":1}', '{"columns":1e9,"rows":1}']) {
    if (odd !== '') shell.send('resize', odd)
  }
  shell.send('resize', JSON.stringify({ columns: 77, rows: 11 }))
  shell.send('input', '\r')
  await until(() => shell.output().includes('11 77'), 'the last size')
})

test('every byte passes a raw terminal both ways, and what a screen asks and is answered', async t => {
  const { run } = await openTerminalRig(t)
  const script = 'stty raw -echo; printf "\\033[6n\\033[c\\033[?1049h"; printf go; head -c 2048; exit 0'
  const raw = await run({ kind: 'open', command: ['sh', '-c', script], terminal: size })
  await until(() => raw.output().includes('go'), 'it is raw')
  const asked = '\u001b[6n\u001b[c\u001b[?1049hgo'
  const bytes = Buffer.concat([
    Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
    randomBytes(1_792),
  ])
  raw.send('input', bytes)
  assert.deepEqual(await raw.ended, { code: 0 })
  assert.ok(raw.output().equals(Buffer.concat([Buffer.from(asked), bytes])))
})

test('odd values of TERM and locale are refused, as is a request that is none', async t => {
  const { ask, near, run } = await openTerminalRig(t)
  for (const env of [
    { TERM: '../../tmp/evil' },
    { TERM: 'xterm\n' },
    { LANG: '\u001b[2J' },
    { TERM: '' },
    { LC_ALL: 'x'.repeat(200) },
    { PATH: 'here' },
    { LD_PRELOAD: 'x.so' },
  ]) {
    await assert.rejects(
      ask(near, { kind: 'open', command: ['true'], env: env as Record<string, string> }),
      { code: 'bad-message' },
      JSON.stringify(env),
    )
  }
  const odd = await run({
    kind: 'open',
    command: ['sh', '-c', 'tput cols; echo $?'],
    env: { TERM: 'no-such-terminal' },
  })
  await odd.ended
  assert.match(odd.output().toString(), /\d/)
})
