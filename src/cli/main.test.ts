import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { MeshError } from '../core/model/errors.ts'
import { FAKE_MESH } from '../testing/fake-answers.ts'
import { startFakeDaemons } from '../testing/fake-daemons.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { createRecordedWorld, openLab, type RecordedWorldOptions } from './recorded-world.ts'

function emptyWorld(t: TestContext, options: Partial<RecordedWorldOptions> = {}) {
  const folder = makeScratchFolder()
  t.after(() => folder[Symbol.dispose]())
  mkdirSync(folder.file('data'), { mode: 0o700 })
  return { folder, ...createRecordedWorld({ folder: folder.path, ...options }) }
}

const servedWorld = (t: TestContext, options: Partial<RecordedWorldOptions> = {}) =>
  openLab(t, startFakeDaemons, options)

test('an error is one line on standard error, with the exit code of its kind', async t => {
  const { ztm, folder } = emptyWorld(t)
  assert.deepEqual(await ztm('get', 'ep'), {
    code: 5,
    stdout: '',
    stderr: `ztm: Cannot reach the agent of ${folder.file('data')}: none runs there: start it with \`ztm start agent\` or \`ztm run agent\`\n`,
  })
})

test('an error is JSON on standard error with -o json, also for a bad command line', async t => {
  const { ztm } = emptyWorld(t)
  const { stdout, stderr } = await ztm('get', 'ep', '-o', 'json')
  assert.deepEqual({ stdout, code: JSON.parse(stderr).code }, { stdout: '', code: 'agent-down' })
  assert.equal(JSON.parse((await ztm('gte', '-o', 'json')).stderr).code, 'bad-usage')
})

test('an error of the agent keeps its code and message, made safe to print', async t => {
  const { ztm, daemons } = await servedWorld(t)
  daemons.answer('agent.listUsers', () => {
    throw new MeshError('denied', 'Cannot list users: denied by policy "\u001b[31mx"')
  })
  const { code, stderr } = await ztm('get', 'users')
  assert.equal(code, 4)
  assert.match(stderr, /^ztm: Cannot list users: denied by policy "\P{Cc}+x"$/mu)
})

test('causes and stacks are shown with ZTM_DEBUG alone', async t => {
  const { ztm } = emptyWorld(t, { env: { ZTM_DEBUG: '1' } })
  const { stderr } = await ztm('get', 'ep')
  assert.match(stderr, /^ {4}at /m)
  assert.match(stderr, /caused by/)
})

test('a bad command line says what is wrong, what was meant, and where help is', async t => {
  const { ztm } = emptyWorld(t)
  const lines = {
    gte: "ztm: Cannot read command line: unknown command 'gte' (did you mean get?): type `ztm help`",
    'join home --as x':
      "ztm: Cannot read command line: required option '-p, --permit <file>' not specified: type `ztm help join`",
    'get mesh --frob': "ztm: Cannot read command line: unknown option '--frob': type `ztm help get`",
    'ping ep x -c 0':
      "ztm: Cannot read command line: option '-c, --count <n>' argument '0' is invalid. write a number from 1 to 1000000: type `ztm help ping`",
    'proxy get':
      "ztm: Cannot read command line: unknown command 'get' (did you mean test?): type `ztm help proxy`",
    'publish x.txt': "ztm: Cannot read command line: unknown command 'x.txt': type `ztm help publish`",
    'file publish a b':
      "ztm: Cannot read command line: too many arguments for 'publish'. Expected 1 argument but got 2: type `ztm help file publish`",
    'tunnel get':
      "ztm: Cannot read command line: missing required argument 'type' (tunnel, inbound, outbound): type `ztm help tunnel get`",
    'get endpiont':
      "ztm: Cannot read command line: there is no type 'endpiont' (did you mean endpoint?): type `ztm help get`",
    'status angent':
      "ztm: Cannot read command line: there is no role 'angent' (did you mean agent?): type `ztm help status`",
    'status x': "ztm: Cannot read command line: there is no role 'x' (agent, hub): type `ztm help status`",
    mesh: 'ztm: Cannot read command line: no name after "mesh": write ztm mesh MESH COMMAND',
  }
  for (const [line, message] of Object.entries(lines)) {
    const { code, stdout, stderr } = await ztm(...line.split(' '))
    assert.deepEqual({ code, stdout, stderr }, { code: 2, stdout: '', stderr: `${message}\n` }, line)
  }
})

test('a command that needs a word more prints its help on standard error', async t => {
  const { ztm } = emptyWorld(t)
  const { code, stdout, stderr } = await ztm('tunnel', 'open')
  assert.deepEqual({ code, stdout }, { code: 2, stdout: '' })
  assert.match(stderr, /^Usage: ztm tunnel open /)
})

test('nothing typed prints the help', async t => {
  const { ztm } = emptyWorld(t)
  const { code, stdout } = await ztm()
  assert.equal(code, 0)
  assert.match(stdout, /^Usage: ztm /)
})

test('a daemon that never answers does not hold the command longer than its time', async t => {
  const { ztm, folder } = emptyWorld(t)
  const sockets = new Set<net.Socket>()
  const mute = net.createServer(socket => sockets.add(socket)).listen(folder.file('data/agent.sock'))
  t.after(() => {
    mute.close()
    for (const socket of sockets) socket.destroy()
  })
  const { code, stderr } = await ztm('get', 'ep', '--timeout', '300ms')
  assert.deepEqual(
    { code, stderr },
    { code: 7, stderr: 'ztm: Cannot list the meshes this agent has joined: no answer within 0.3 s\n' },
  )
})

test('a command that waits for what never comes ends in its time', async t => {
  const { ztm, world } = emptyWorld(t)
  Object.assign(world, { readStdin: () => new Promise(() => {}) })
  const { code, stderr } = await ztm('join', 'm', '--as', 'e', '-p', '-', '--timeout', '100ms')
  assert.equal(code, 7)
  assert.equal(
    stderr,
    'ztm: Cannot finish "join": not done within 100 ms: see `ztm doctor`, or give a longer --timeout\n',
  )
})

test('the mesh is that of flag or prefix, then ZTM_MESH, then the settings, then the only one', async t => {
  const { ztm, daemons, world } = await servedWorld(t)
  daemons.answer('agent.listMeshes', () => ({
    meshes: ['home', 'work', 'club', 'gym'].map(name => ({ ...FAKE_MESH, name })),
  }))
  const chosen = async (...words: string[]) => {
    const before = daemons.calls.length
    const { stderr } = await ztm(...words)
    const call = daemons.calls.slice(before).find(({ route }) => route === 'agent.listUsers')
    return call?.params.mesh ?? stderr
  }
  assert.match(
    String(await chosen('get', 'user')),
    /^ztm: Cannot choose a mesh: several are joined, "home", "work", "club", "gym": name one with --mesh/,
  )
  await ztm('config', '--mesh', 'club')
  assert.equal(await chosen('get', 'user'), 'club')
  Object.assign(world.env, { ZTM_MESH: 'gym' })
  assert.equal(await chosen('get', 'user'), 'gym')
  assert.equal(await chosen('get', 'user', '--mesh=work'), 'work')
  assert.equal(await chosen('mesh', 'home', 'get', 'user'), 'home')
  assert.equal(await chosen('ep', 'home/office', 'get', 'user'), 'home')
  assert.equal(await chosen('get', 'user', '--ep', 'home/office'), 'home')
  assert.match(
    String(await chosen('mesh', 'home', 'get', 'user', '--mesh', 'work')),
    /two mesh names, "home" and "work"/,
  )
  assert.match(
    String(await chosen('get', 'user', '--mesh', 'nope')),
    /^ztm: Cannot use mesh "nope": joined are "home"/,
  )
})

test('an endpoint is refused where only the agent here can act', async t => {
  const { ztm } = await servedWorld(t)
  for (const line of ['leave home', 'identity', 'status', 'stop agent', 'gui', 'doctor']) {
    const { code, stderr } = await ztm('ep', 'office', ...line.split(' '))
    assert.equal(code, 2, line)
    assert.match(stderr, /at endpoint "office": it acts on the agent of this computer/)
  }
})

test('ZTM_AGENT and ZTM_TOKEN reach an agent over TCP', async t => {
  const seen: (string | undefined)[] = []
  const { createServer } = await import('node:http')
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization)
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ meshes: [FAKE_MESH] }))
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as net.AddressInfo
  const { ztm } = emptyWorld(t, { env: { ZTM_AGENT: `:${port}`, ZTM_TOKEN: 'abc' } })
  assert.equal((await ztm('get', 'mesh', '-o', 'name')).stdout, 'home\n')
  assert.deepEqual(seen, ['Bearer abc'])
})

test('an answer that is not of its form is an error, not a crash', async t => {
  const { ztm, daemons } = await servedWorld(t)
  daemons.answer('agent.listMeshes', () => ({ meshes: [{ name: 1 }] }))
  const { code, stderr } = await ztm('get', 'mesh')
  assert.equal(code, 9)
  assert.match(stderr, /answer is not of its form/)
})
