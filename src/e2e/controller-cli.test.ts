import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createProcessMesh, LAUNCHER, type ProcessMesh } from '../testing/process-mesh.ts'
import { inboundPort } from '../testing/tunnel-lab.ts'

// An operator's work with the controller, from the command line: a real hub, two agents of root and one of a guest.

let mesh: ProcessMesh

before(async () => {
  mesh = await createProcessMesh({ program: [LAUNCHER] })
  await mesh.startHub()
  await mesh.join('home')
  await mesh.run('home', 'invite', 'bob', '--permit', join(mesh.folder, 'bob.json'))
  await mesh.join('guest', { permit: join(mesh.folder, 'bob.json') })
})

after(() => mesh[Symbol.asyncDispose]())

const NETWORK = await readFile(join(import.meta.dirname, '../../examples/network.yaml'), 'utf8')

const declare = async (text: string) => {
  const file = join(mesh.folder, 'network.yaml')
  await writeFile(file, text)
  return (...words: string[]) => mesh.ztm('home', ['apply', '-f', file, ...words])
}

test('apply shows what it would do, does it, and does nothing a second time', async () => {
  const apply = await declare(NETWORK)
  const dry = await apply('--dry-run')
  assert.deepEqual([dry.code, dry.stderr], [0, ''])
  assert.match(dry.stdout, /^\+ service db\n( {4}.*\n)* {4}terminatorStrategy: sticky\n/m)
  assert.match(dry.stdout, /11 created, 0 changed, 0 deleted, 0 as declared \(dry run: nothing was done\)\n$/)
  assert.equal(await mesh.run('home', 'get', 'policies', '-o', 'name'), '')
  const made = await apply()
  assert.deepEqual([made.code, made.stderr], [0, ''])
  assert.equal(made.stdout, dry.stdout.replace(' (dry run: nothing was done)', ''))
  const again = await apply('--prune')
  assert.deepEqual(again, { code: 0, stdout: 'No change: 11 as declared\n', stderr: '' })
})

test('get and describe show what was declared', async () => {
  const [columns, row, ...others] = (await mesh.run('home', 'get', 'policies')).split('\n')
  assert.match(columns ?? '', /^NAME +TYPE +SEMANTIC +IDENTITIES +SERVICES +ID$/)
  assert.match(row ?? '', /^host-bind +Bind +AnyOf +@host,@home +@db +[0-9a-f-]{36}$/)
  assert.equal(others.length, 2)
  const services = (await mesh.json('home', 'get', 'services')) as {
    name: string
    declared?: { name: string }
  }[]
  assert.deepEqual(
    services.map(({ name, declared }) => [name, declared?.name]),
    [['tcp/db', 'db']],
  )
  assert.match(await mesh.run('home', 'describe', 'identity', 'ann'), /^External id: +ann@example\.com$/m)
  assert.match(await mesh.run('home', 'describe', 'service', 'db'), /^Terminator strategy: +sticky$/m)
  const filtered = ['get', 'identity', '--filter', 'anyOf(roleAttributes) = "eu"', '-o', 'name']
  assert.equal(await mesh.run('home', ...filtered), 'ann\n')
})

test('policy test says which policy decides', async () => {
  const ask = (identity: string, ...words: string[]) =>
    mesh.ztm('home', ['policy', 'test', '--identity', identity, '--service', 'db', ...words])
  const ann = await ask('ann')
  assert.match(ann.stdout, /^Dial: +allowed by policy sales-dial$/m)
  assert.match(ann.stdout, /^Bind: +denied: no policy allows it$/m)
  assert.match(ann.stdout, /#sales and #eu selects the identity, #data the service/)
  assert.match(ann.stdout, /^Hubs: +.+ \(online\)$/m)
  assert.equal((await ask('ann', '--type', 'Dial', '-q')).code, 0)
  assert.equal((await ask('ann', '--type', 'Bind', '-q')).code, 4)
  assert.match((await ask('host')).stdout, /^Bind: +allowed by policy host-bind$/m)
  await mesh.run('home', 'update', 'identity', 'ann', '--attributes', 'sales')
  const without = await ask('ann', '--type', 'Dial')
  assert.equal(without.code, 4)
  assert.match(
    without.stdout,
    /policy "sales-dial" selects the service, but not the identity: it wants AllOf #sales #eu/,
  )
})

test('apply puts right what somebody changed, and prunes what it made alone', async () => {
  await mesh.run('home', 'create', 'service', 'by-hand', '--attributes', 'x')
  const apply = await declare(NETWORK.replace(/ {2}- name: host-bind\n( {4}.*\n)+/, ''))
  const { stdout } = await apply('--prune')
  assert.equal(
    stdout,
    `~ identity ann
    roleAttributes: [sales] -> [sales, eu]
- policy host-bind
0 created, 1 changed, 1 deleted, 9 as declared
`,
  )
  assert.match(await mesh.run('home', 'get', 'service', '-o', 'name'), /^tcp\/by-hand$/m)
})

test('export gives what apply takes, with no change, here and from nothing', async () => {
  const text = await mesh.run('home', 'export')
  const apply = await declare(text)
  assert.match((await apply()).stdout, /^No change: \d+ as declared\n$/)
  assert.match(text, /name: by-hand/)
  const own = await mesh.run('home', 'export', '--network', 'default')
  assert.match((await (await declare(own))('--prune')).stdout, /^No change: 10 as declared\n$/)
  const emptied = await (await declare('# nothing\n'))('--prune')
  assert.match(emptied.stdout, /0 created, 0 changed, 10 deleted, 0 as declared\n$/)
  assert.equal(await mesh.run('home', 'export', '--network', 'default'), '')
  const remade = await (await declare(own))()
  assert.match(remade.stdout, /10 created, 0 changed, 0 deleted, 0 as declared\n$/)
  assert.equal(await mesh.run('home', 'export', '--network', 'default'), own)
})

test('a name that stands for nothing stops apply before the policy that has it, and says so', async () => {
  const apply = await declare("policies: [{ name: bad, type: Dial, identityRoles: ['@nobody'] }]")
  const { code, stderr } = await apply()
  assert.equal(code, 2)
  assert.match(stderr, /there is nothing called "nobody"/)
})

test('who is no administrator manages nothing', async () => {
  for (const words of [['get', 'identities'], ['create', 'service', 'mine'], ['export']]) {
    const { code, stderr } = await mesh.ztm('guest', words)
    assert.equal(code, 4, words.join(' '))
    assert.match(stderr, /only administrators may/)
  }
  assert.equal((await mesh.ztm('guest', ['get', 'service'])).code, 0, 'the services of the mesh are for all')
})

test('an identity is given ways in, and they are taken back', async () => {
  const jwt = join(mesh.folder, 'ci.jwt')
  await mesh.run('home', 'create', 'identity', 'ci', '--type', 'Service', '--ott', jwt)
  const key = (await mesh.run('home', 'create', 'authenticator', 'ci', '--expires', '1d')).trim()
  assert.match(key, /^\S{20,}$/)
  const [listed] = (await mesh.json('home', 'get', 'authenticators')) as { id: string; method: string }[]
  assert.equal(listed?.method, 'api-key')
  await mesh.run('home', 'delete', 'authenticator', listed?.id ?? '')
  assert.deepEqual(await mesh.json('home', 'get', 'authenticators'), [])
  await mesh.run('home', 'delete', 'identity', 'ci')
  assert.deepEqual(await mesh.json('home', 'get', 'enrollments'), [])
})

/** A server of one line: it greets, and then says what it is told. */
async function startGreeter(): Promise<{ port: number } & AsyncDisposable> {
  const server = net.createServer(socket => {
    socket.on('error', () => {})
    socket.write('hello\n')
    socket.pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  return { port, [Symbol.asyncDispose]: async () => void server.close() }
}

/** With an error or without: `once` would throw it. */
function closeOf(socket: net.Socket): Promise<void> {
  return new Promise(resolve => socket.once('close', () => resolve()))
}

/** What comes first from a port: a greeting, or nothing where the connection ends. */
async function greet(port: number): Promise<{ text: string; socket: net.Socket }> {
  const socket = net.connect(port, '127.0.0.1').on('error', () => {})
  const ended = closeOf(socket).then(() => '')
  const text = await Promise.race([once(socket, 'data').then(String, () => ''), ended])
  return { text, socket }
}

test('a policy lets a tunnel in that was opened with --policies, and its end ends what is open', async () => {
  await using greeter = await startGreeter()
  const open = [
    'tunnel',
    'open',
    'outbound',
    'tcp/greet',
    '--targets',
    `127.0.0.1:${greeter.port}`,
    '--policies',
  ]
  await mesh.run('home', 'create', 'service', 'greet', '--attributes', 'open')
  await mesh.run('home', ...open)
  assert.match(await mesh.run('home', 'get', 'terminators'), /^greet +home +/m)
  await mesh.run('guest', 'tunnel', 'open', 'inbound', 'tcp/greet', '--listen', '127.0.0.1:0')
  const port = await inboundPort(mesh, 'guest', 'tcp/greet')
  assert.equal((await greet(port)).text, '', 'no policy, no way in')
  await mesh.run(
    'home',
    'create',
    'policy',
    'bob-greet',
    '--type',
    'Dial',
    '--identities',
    '@bob',
    '--services',
    'open',
  )
  assert.match(await mesh.run('guest', 'get', 'service'), /^tcp\/greet +\(policies\) +home /m)
  const { text, socket } = await greet(port)
  assert.equal(text, 'hello\n')
  const closed = closeOf(socket)
  await mesh.run('home', 'delete', 'policy', 'bob-greet')
  await closed
  assert.equal((await greet(port)).text, '')
})
