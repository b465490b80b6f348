import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { spawn as spawnTerminal } from '@lydell/node-pty'
import { writeAppFolder } from '../testing/app-folder.ts'
import { createProcessMesh, freePort, type ProcessMesh, readText } from '../testing/process-mesh.ts'

const PROBE = `
import { defineApp } from 'ztm/app'
let listener
export default defineApp({
  async onRequest(request, host) {
    const { pathname, search } = new URL(request.url)
    const given = decodeURIComponent(search.slice(1))
    const ways = {
      '/listen': async () =>
        (listener = await host.listen('127.0.0.1', 0, connection => connection.end('hello from an app\\n'))),
      '/close': () => listener.close(),
      '/find': () => host.files.find({ tag: given }),
      '/read': async () => (await host.files.read(given)).text(),
      '/publish': () => host.files.publish('note.txt', 'written by an app', { everyone: true }),
      '/fetch': async () => (await fetch(given)).text(),
      '/settings': () => host.settings(),
    }
    try {
      return Response.json((await ways[pathname]()) ?? null)
    } catch (error) {
      return Response.json({ code: error.code })
    }
  },
})
`
const COMMANDS = `
import { text } from 'node:stream/consumers'
import { args, fetch } from 'ztm/cli'
if (args[0] === 'orders') process.stdout.write('\\x1b[31mred\\x1b[0m \\x1b]52;c;cm0gLXJmIH4=\\x07\\x1b[c\\n')
else if (args[0] === 'settings') console.log(JSON.stringify(await (await fetch('/settings')).json()))
else console.log(args.join('+'), (await text(process.stdin)).length)
process.exitCode = args[0] === 'settings' ? 0 : 7
`
let mesh: ProcessMesh
let server: Server
let port: number
const serverPort = () => (server.address() as AddressInfo).port

before(async () => {
  mesh = await createProcessMesh()
  server = createServer((_, response) => response.end('from outside')).listen(0, '127.0.0.1')
  await mesh.startHub()
  port = await freePort()
  await mesh.startAgent('office', { args: ['--listen', `127.0.0.1:${port}`] })
  await mesh.startAgent('home')
  for (const name of ['home', 'office'])
    await mesh.run(name, 'join', 'home', '--as', name, '--permit', mesh.permit)
  const shared = join(mesh.folder, 'shared')
  mkdirSync(shared)
  await mesh.run('office', 'file', 'config', '--local-dir', shared)
  const capabilities = {
    listen: ['127.0.0.1:*'],
    meshFiles: 'write',
    network: [`127.0.0.1:${serverPort()}`, 'example.com:443'],
  }
  const manifest = { entry: 'app.ts', cli: 'cli.ts', capabilities }
  const folder = writeAppFolder(join(mesh.folder, 'probe'), '1.0.0', {
    name: 'probe',
    manifest,
    files: { 'app.ts': PROBE, 'cli.ts': COMMANDS },
  })
  await mesh.run('home', 'publish', 'app', folder)
})
after(async () => {
  server?.close()
  await mesh?.[Symbol.asyncDispose]()
})

/** Ask the app at the office. */
async function ask(path: string): Promise<unknown> {
  const token = (await readText(join(mesh.folder, 'office', 'agent.token'))).trim()
  const url = `http://localhost:${port}/api/meshes/home/apps/root/probe${path}`
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  return response.json()
}

test('what an app asks for is shown, and without consent none of it is there', async () => {
  const refused = await mesh.ztm('office', ['install', 'app', 'root/probe'])
  assert.match(refused.stderr, /accept connections at 127\.0\.0\.1:\* {2}\[listen:127\.0\.0\.1:\*\]/)
  assert.match(refused.stderr, /read and publish files of the mesh {2}\[mesh-files:write\]/)
  await mesh.run('office', 'install', 'app', 'root/probe', '--grant', 'none')
  for (const path of [
    '/listen',
    '/find?x',
    '/read?x',
    '/publish',
    `/fetch?http://127.0.0.1:${serverPort()}/`,
  ])
    assert.deepEqual(await ask(path), { code: 'denied' }, path)
})

test('an app that was granted it listens, uses files of the mesh, and reaches what was named', async () => {
  await mesh.run('office', 'erase', 'app', 'root/probe')
  await mesh.run('office', 'install', 'app', 'root/probe', '--yes')
  const { port: open } = (await ask('/listen')) as { port: number }
  assert.equal(await text(net.connect(open, '127.0.0.1')), 'hello from an app\n')
  await ask('/close')
  await assert.rejects(text(net.connect(open, '127.0.0.1')), { code: 'ECONNREFUSED' })

  writeFileSync(join(mesh.folder, 'letter'), 'dear app')
  await mesh.run('home', 'file', 'publish', join(mesh.folder, 'letter'), '--tag', 'post')
  const found = (await ask('/find?post')) as { path: string; holders: string[] }[]
  assert.deepEqual(
    found.map(({ path, holders }) => [path, holders]),
    [['/users/root/letter', ['home']]],
  )
  assert.equal(await ask('/read?/users/root/letter'), 'dear app')
  assert.equal(((await ask('/publish')) as { path: string }).path, '/users/root/apps/root/probe/note.txt')
  const copy = join(mesh.folder, 'copy')
  await mesh.run('home', 'file', 'get', 'apps/root/probe/note.txt', '--to', copy)
  assert.equal(await readText(copy), 'written by an app')

  assert.equal(await ask(`/fetch?http://127.0.0.1:${serverPort()}/`), 'from outside')
  assert.deepEqual(await ask(`/fetch?http://127.0.0.1:${port}/`), { code: 'denied' })
})

test('settings that a person makes are what the app reads', async () => {
  await mesh.run('office', 'app', 'settings', 'root/probe', 'color=red', 'size=3')
  assert.deepEqual(await ask('/settings'), { color: 'red', size: 3 })
  await mesh.run('office', 'app', 'settings', 'root/probe', 'size=')
  assert.match(await mesh.run('office', 'app', 'settings', 'root/probe'), /color/)
  assert.deepEqual(await ask('/settings'), { color: 'red' })
})

test('commands of an app are run by its name, here and about another endpoint', async () => {
  const ran = await mesh.ztm('office', ['root/probe', 'list', '--all', '-o', 'x'], { input: 'some input' })
  assert.deepEqual([ran.code, ran.stdout], [7, 'list+--all+-o+x 10\n'], ran.stderr)
  assert.deepEqual(JSON.parse(await mesh.run('office', 'probe', 'settings')), { color: 'red' })
  assert.match((await mesh.ztm('office', ['prob', 'settings'])).stderr, /unknown command 'prob'/)
  await mesh.run('home', 'install', 'app', 'root/probe', '--yes')
  assert.deepEqual(JSON.parse(await mesh.run('home', 'probe', 'settings')), {})
  assert.deepEqual(JSON.parse(await mesh.run('home', 'ep', 'office', 'probe', 'settings')), { color: 'red' })
})

test('commands of an app order nobody’s terminal about, and files get every byte', async () => {
  const orders = '\u001b[31mred\u001b[0m \u001b]52;c;cm0gLXJmIH4=\u0007\u001b[c\n'
  assert.equal((await mesh.ztm('office', ['probe', 'orders'])).stdout, orders)
  const [file = '', ...args] = mesh.commandLine('office', 'probe', 'orders')
  const window = spawnTerminal(file, args, { name: 'xterm' })
  let shown = ''
  window.onData(piece => {
    shown += piece
  })
  assert.equal(await new Promise(resolve => window.onExit(({ exitCode }) => resolve(exitCode))), 7)
  assert.match(shown, /\u001b\[31mred\u001b\[0m \\u\{1b\}\]52;c;cm0gLXJmIH4=\\u\{7\}\\u\{1b\}\[c\r\n/u)
})
