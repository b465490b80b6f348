import assert from 'node:assert/strict'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createProcessMesh, freePort, type ProcessMesh, readText } from '../testing/process-mesh.ts'
import { until } from '../testing/until.ts'

const EXAMPLE = join(import.meta.dirname, '../../examples/board')
let mesh: ProcessMesh
let folder: string
const ports = new Map<string, number>()

before(async () => {
  mesh = await createProcessMesh()
  await mesh.startHub()
  await Promise.all(['home', 'office'].map(start))
  for (const name of ['home', 'office'])
    await mesh.run(name, 'join', 'home', '--as', name, '--permit', mesh.permit)
  folder = join(mesh.folder, 'board')
  cpSync(EXAMPLE, folder, { recursive: true })
})
after(() => mesh[Symbol.asyncDispose]())

async function start(name: string) {
  const port = ports.get(name) ?? (await freePort())
  ports.set(name, port)
  return mesh.startAgent(name, { args: ['--listen', `127.0.0.1:${port}`] })
}

/** Ask the board at an endpoint, as a program of its user does. */
async function ask(name: string, init: RequestInit = {}): Promise<unknown> {
  const token = (await readText(join(mesh.folder, name, 'agent.token'))).trim()
  const url = `http://localhost:${ports.get(name)}/api/meshes/home/apps/root/board/`
  const response = await fetch(url, { ...init, headers: { authorization: `Bearer ${token}` } })
  assert.ok(response.ok, await response.clone().text())
  return response.json()
}

/** The notes of all endpoints, as one of them reads them. */
async function read(name: string): Promise<unknown[]> {
  return ((await ask(name)) as { value: unknown }[]).map(({ value }) => value)
}

interface Shown {
  readonly installed: { version: string; state: string; pid?: number; restartCount: number }
}

const show = async (...words: string[]) =>
  ((await mesh.json('home', ...words, 'describe', 'app', 'board')) as Shown).installed

/** Raise the version in app.json. */
function raise(version: string): void {
  const file = join(folder, 'app.json')
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), version }))
}

test('the example is published on one agent, installed on two, and one reads what was written at the other', async () => {
  assert.match(
    await mesh.run('home', 'publish', 'app', folder),
    /^Published root\/board 1\.0\.0 in channel stable/,
  )
  assert.match(await mesh.run('office', 'get', 'app'), /^root\/board +1\.0\.0 +stable +available/m)
  const refused = await mesh.ztm('office', ['install', 'app', 'root/board'])
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /keep records of its own here {2}\[storage\]/)
  await mesh.run('office', 'install', 'app', 'root/board', '--yes')
  await mesh.run('home', 'install', 'app', 'board', '--grant', 'storage')
  await ask('office', { method: 'POST', body: 'hello' })
  await until(async () => JSON.stringify(await ask('home')).includes('hello'), 'the note is read at home')
  assert.deepEqual(await read('home'), [{ text: 'hello', by: 'office' }])
})

test('an app is looked after at another endpoint of one’s own: stop, start, log, update, roll back', async () => {
  await mesh.run('home', 'ep', 'office', 'stop', 'app', 'board')
  assert.equal((await show('ep', 'office')).state, 'stopped')
  await mesh.run('home', 'ep', 'office', 'start', 'app', 'root/board')
  assert.equal((await show('ep', 'office')).state, 'running')
  raise('1.1.0')
  await mesh.run('home', 'publish', 'app', folder)
  assert.match(
    await mesh.run('home', 'ep', 'office', 'get', 'app'),
    /^root\/board +1\.0\.0 +stable +running +1\.1\.0/m,
  )
  await mesh.run('home', 'ep', 'office', 'update', 'app', 'board')
  assert.equal((await show('ep', 'office')).version, '1.1.0')
  await mesh.run('home', 'ep', 'office', 'rollback', 'app', 'board')
  const { version, state } = await show('ep', 'office')
  assert.deepEqual([version, state], ['1.0.0', 'running'])
  // What it kept is there whatever its version.
  assert.deepEqual(await read('office'), [{ text: 'hello', by: 'office' }])
  assert.equal((await mesh.ztm('home', ['ep', 'office', 'log', 'app', 'root/board'])).code, 0)
})

test('an app whose process was killed runs again, and so it does when the agent was', async () => {
  const before = await show()
  process.kill(before.pid ?? 0, 'SIGKILL')
  await until(async () => {
    const now = await show()
    return now.state === 'running' && now.restartCount > before.restartCount
  }, 'the app runs again')
  const [home] = [...mesh.daemons].filter(({ name }) => name === 'home')
  await home?.stop('SIGKILL')
  await start('home')
  await until(async () => (await show()).state === 'running', 'the app runs with the agent')
  await until(
    async () => JSON.stringify(await ask('home').catch(() => '')).includes('hello'),
    'it finds the others',
  )
})

test('what is erased is gone, and what is taken back is offered no more', async () => {
  await mesh.run('home', 'ep', 'office', 'erase', 'app', 'board')
  assert.doesNotMatch(await mesh.run('office', 'get', 'app'), /board +1\.0\.0/)
  await mesh.run('home', 'unpublish', 'app', 'board')
  const { code, stderr } = await mesh.ztm('office', ['install', 'app', 'root/board', '--yes'])
  assert.equal(code, 3)
  assert.match(stderr, /nothing of it is published/)
})
