import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { inParallel } from '../testing/in-parallel.ts'
import type { ProcessMesh } from '../testing/process-mesh.ts'
import { type CommandOptions, createProcessMesh, freePort, LAUNCHER } from '../testing/process-mesh.ts'

// What a command that fails says and ends with, and the ways to reach an agent.

let mesh: ProcessMesh
let address = ''
let token = ''

before(async () => {
  mesh = await createProcessMesh({ program: [LAUNCHER] })
  address = `127.0.0.1:${await freePort()}`
  await Promise.all([mesh.startHub(), mesh.startAgent('home', { args: ['--listen', address] })])
  await mesh.run('home', 'join', 'home', '--as', 'home', '--permit', mesh.permit)
  token = ((await mesh.json('home', 'gui', '--no-open')) as { token: string }).token
})

after(() => mesh[Symbol.asyncDispose]())

test('each kind of error has its exit code, and one line on stderr: what, state, what would help', async () => {
  const mute = net
    .createServer(() => {})
    .unref()
    .listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const muteAt = `127.0.0.1:${(mute.address() as net.AddressInfo).port}`
  const hub = [...mesh.daemons].find(({ role }) => role === 'hub') as unknown as { address: string }
  await writeFile(join(mesh.folder, 'cut.json'), (await readFile(mesh.permit)).subarray(0, 700))
  const cases: readonly (readonly [code: number, line: string, message: RegExp, how?: CommandOptions])[] = [
    [2, 'frobnicate', /unknown command 'frobnicate': type `ztm help`/],
    [2, 'get ep --frob', /unknown option '--frob': type `ztm help get`/],
    [2, 'tunnel open inbound tcp/x --listen nonsense', /Cannot read address "nonsense": write HOST:PORT/],
    [2, 'join a/b --as x --permit root.json', /Cannot use name "a\/b": no slash/, { cwd: mesh.folder }],
    [2, 'join other --as x --permit cut.json', /Cannot read permit: .*cut short/, { cwd: mesh.folder }],
    [3, 'describe ep nobody', /Cannot find endpoint "nobody": see `ztm get ep`/],
    [3, 'get ep --mesh other', /Cannot use mesh "other": joined are "home": join it with `ztm join`/],
    [4, 'get mesh', /Cannot use the agent: not logged in: .*ZTM_TOKEN/, { env: { ZTM_AGENT: address } }],
    [5, 'get mesh --data none', /Cannot reach the agent of \S+none: none runs there: start it with/],
    [6, 'run agent --listen off', /Cannot start agent: process \d+ runs on \S+home: stop it with/],
    [6, `tunnel open inbound tcp/x --listen ${hub.address}`, /the port is in use by another program: choose/],
    [
      7,
      'get mesh --timeout 1s',
      /Cannot list the meshes .*: no answer within \d/,
      { env: { ZTM_AGENT: muteAt } },
    ],
    [9, 'join m --as x --permit -', /over 65536 bytes: is it the right file/, { input: 'x'.repeat(70_000) }],
  ]
  await inParallel(cases, async ([code, line, message, how]) => {
    const result = await mesh.ztm('home', line.split(' '), how)
    assert.deepEqual([result.code, result.stdout], [code, ''], `${line}: ${result.stderr}`)
    assert.match(result.stderr, /^ztm: Cannot [^\n]+\n$/)
    assert.match(result.stderr, message)
  })
  mute.close()
})

test('an error is JSON where JSON was asked for, with the code of the table', async () => {
  const { code, stdout, stderr } = await mesh.ztm('home', ['describe', 'ep', 'nobody', '-o', 'json'])
  assert.deepEqual([code, stdout], [3, ''])
  assert.deepEqual(JSON.parse(stderr), {
    code: 'not-found',
    message: 'Cannot find endpoint "nobody": see `ztm get ep`',
  })
})

test('a state folder that others may write to, and one that is a file, are refused', async () => {
  const [open, file] = [join(mesh.folder, 'open'), join(mesh.folder, 'file')]
  await mkdir(open)
  await chmod(open, 0o777)
  await writeFile(file, '')
  const run = (data: string) => mesh.ztm('x', ['run', 'agent', '--listen', 'off', '--data', data])
  const [atOpen, atFile] = await Promise.all([run(open), run(file)])
  assert.equal(atOpen.code, 10)
  assert.match(atOpen.stderr, /^ztm: Cannot [^\n]*open[^\n]*chmod[^\n]*\n$/)
  assert.equal(atFile.code, 10)
  assert.match(atFile.stderr, /^ztm: Cannot [^\n]*file[^\n]*\n$/)
})

test('ZTM_AGENT and ZTM_TOKEN reach an agent over TCP, as does ztm config', async () => {
  const [, port] = address.split(':')
  const names = await inParallel([address, `:${port}`, `${port}`, `localhost:${port}`], at =>
    mesh.ztm('elsewhere', ['get', 'ep', '-o', 'name'], { env: { ZTM_AGENT: at, ZTM_TOKEN: token } }),
  )
  for (const { stdout, stderr } of names) assert.deepEqual([stdout, stderr], ['home\n', ''])

  await mesh.run('elsewhere', 'config', '--agent', address)
  const env = { ZTM_TOKEN: token }
  assert.equal((await mesh.ztm('elsewhere', ['get', 'ep', '-o', 'name'], { env })).stdout, 'home\n')
  const wrong = await mesh.ztm('elsewhere', ['get', 'ep'], { env: { ZTM_TOKEN: `${token}x` } })
  assert.deepEqual([wrong.code, /not logged in/.test(wrong.stderr)], [4, true])
})

test('a web page of another site, and a name made to point here, get nothing', async () => {
  const ask = (headers: Record<string, string>) =>
    new Promise<string>((resolve, reject) => {
      const [host = '', port = ''] = address.split(':')
      const socket = net.connect(Number(port), host)
      let text = ''
      socket.on('data', chunk => {
        text += chunk
      })
      socket.once('end', () => resolve(text.split('\r\n')[0] ?? ''))
      socket.once('error', reject)
      const own = { host: address, authorization: `Bearer ${token}`, connection: 'close', ...headers }
      const lines = Object.entries(own).map(pair => pair.join(': '))
      socket.write(`GET /api/meshes HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
    })
  assert.equal(await ask({}), 'HTTP/1.1 200 OK')
  assert.equal(await ask({ origin: 'https://evil.example' }), 'HTTP/1.1 403 Forbidden')
  assert.equal(await ask({ host: 'evil.example' }), 'HTTP/1.1 403 Forbidden')
})
