import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parseUserName } from '../../core/model/names.ts'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import { guestAccounts, openTerminalRig, size } from '../../testing/terminal-rig.ts'
import { until } from '../../testing/until.ts'
import type { TERMINAL_LIMITS } from './limits.ts'
import { TERMINAL_API } from './messages.ts'

const params = { endpoint: 'far' }

async function openRecordedRig(t: TestContext, limits: Partial<typeof TERMINAL_LIMITS> = {}) {
  const folder = makeScratchFolder()
  t.after(() => folder[Symbol.dispose]())
  const rig = await openTerminalRig(t, limits)
  await rig.farApp.call(TERMINAL_API.changeConfig, { params, body: { recordings: folder.path } })
  const list = async () => (await rig.farApp.call(TERMINAL_API.listRecordings, { params })).recordings
  const place = join(folder.path, 'test')
  return { ...rig, listRecordings: list, place }
}

test('an endpoint writes down what terminals show; its owner alone fetches and erases it', async t => {
  const { run, ask, mesh, farApp, listRecordings, place } = await openRecordedRig(t)
  const bob = parseUserName('bob')
  const guest = mesh.addEndpoint('guest', 'bob')
  await farApp.call(TERMINAL_API.changeConfig, { params, body: { users: [bob], accounts: guestAccounts } })
  const request = {
    kind: 'open',
    command: ['sh', '-c', 'echo hällo; read x'],
    terminal: size,
  } as const
  const theirs = await ask(guest, { ...request, command: [...request.command] })
  assert.equal(theirs.answer.isRecorded, true)
  const session = theirs.answer.session ?? ''
  const written = () => readdirSync(place).map(name => readFileSync(join(place, name), 'utf8'))
  await until(() => written().some(text => text.includes('"o","hällo')), 'it is written')
  assert.deepEqual(
    (await listRecordings()).map(({ session: id, title, isOpen }) => [id, title, isOpen]),
    [[session, 'bob@far', true]],
  )
  await assert.rejects(farApp.call(TERMINAL_API.eraseRecording, { params: { ...params, session } }), {
    code: 'conflict',
  })
  await assert.rejects(ask(guest, { kind: 'recording', session }), { code: 'denied' })
  await run({ kind: 'close', session })
  await until(async () => (await listRecordings())[0]?.isOpen === false, 'it ended')
  const fetched = await run({ kind: 'recording', session })
  assert.deepEqual(await fetched.ended, { code: 0 })
  const [name = ''] = readdirSync(place)
  assert.equal(statSync(join(place, name)).mode & 0o777, 0o600)
  assert.equal(fetched.output().toString(), readFileSync(join(place, name), 'utf8'))
  assert.match(fetched.output().toString(), /"o","hällo\\r\\n"/)
  await farApp.call(TERMINAL_API.eraseRecording, { params: { ...params, session } })
  assert.deepEqual([await listRecordings(), readdirSync(place)], [[], []])
  await assert.rejects(run({ kind: 'recording', session }), { code: 'not-found' })
})

test("a recording plays in Debian's asciinema", async t => {
  const { run, place, listRecordings } = await openRecordedRig(t)
  const script = 'printf "\\033[31mred\\033[0m \\303\\244\\n"; stty size; read x'
  const shell = await run({ kind: 'open', command: ['sh', '-c', script], terminal: size })
  await until(() => shell.output().includes('40 100'), 'it began')
  shell.send('resize', JSON.stringify({ columns: 90, rows: 20 }))
  shell.send('input', 'typed\r')
  await shell.ended
  const [name = ''] = readdirSync(place)
  await until(async () => (await listRecordings())[0]?.isOpen === false, 'it is written')
  // It wants a terminal itself.
  const player = await run({
    kind: 'open',
    command: ['env', `HOME=${place}`, 'asciinema', 'cat', join(place, name)],
    env: { LC_ALL: 'C.UTF-8' },
    terminal: size,
  })
  assert.deepEqual(await player.ended, { code: 0 })
  const lines = (text: Buffer) => text.toString().split(/[\r\n]+/)
  assert.deepEqual(lines(player.output()), lines(shell.output()))
})

test('a terminal that cannot be recorded does not run', async t => {
  const { run, farApp, list, near } = await openRecordedRig(t, { maxRecordingBytes: 20_000 })
  const noisy = await run({ kind: 'open', command: ['sh', '-c', 'yes; read x'], terminal: size })
  assert.deepEqual(await noisy.ended, { signal: 'SIGHUP' })
  assert.match(noisy.notices.join(), /cannot be recorded any more: it is too long/)
  await until(async () => (await list(near)).length === 0, 'it is gone')
  await farApp.call(TERMINAL_API.changeConfig, { params, body: { recordings: '/no/such/folder' } })
  await assert.rejects(run({ kind: 'open', command: ['sh'], terminal: size }), { code: 'not-found' })
  // Pipes carry files: they are not written down.
  const piped = await run({ kind: 'open', command: ['true'] })
  assert.deepEqual(await piped.ended, { code: 0 })
  await farApp.call(TERMINAL_API.changeConfig, { params, body: { recordings: null } })
  const free = await run({ kind: 'open', command: ['true'], terminal: size })
  assert.deepEqual(await free.ended, { code: 0 })
})

test('the oldest recordings go when there are too many, and what is none of ours stays', async t => {
  const { run, mesh, listRecordings, place } = await openRecordedRig(t, { maxRecordings: 2 })
  const sessions: string[] = []
  for (let count = 0; count < 4; count++) {
    mesh.timers.advance(1_000)
    const shell = await run({ kind: 'open', command: ['true'], terminal: size })
    await shell.ended
    await until(async () => (await listRecordings()).every(({ isOpen }) => !isOpen), 'it is written')
    sessions.unshift(shell.session)
    if (count === 0) writeFileSync(join(place, 'notes.txt'), 'mine')
  }
  assert.deepEqual(
    (await listRecordings()).map(({ session }) => session),
    sessions.slice(0, 2),
  )
  assert.ok(readdirSync(place).includes('notes.txt'))
})
