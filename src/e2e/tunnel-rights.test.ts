import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fetchPage, type Page, startPage } from '../testing/page.ts'
import { createProcessMesh, type ProcessMesh } from '../testing/process-mesh.ts'
import { inboundPort } from '../testing/tunnel-lab.ts'

// Who may enter a tunnel, and whose it is. `home` and `office` are root's; bob and carol have one endpoint each.

let mesh: ProcessMesh
let page: Page

before(async () => {
  mesh = await createProcessMesh()
  page = await startPage('from home')
  await mesh.startHub()
  await Promise.all([mesh.join('home'), mesh.join('office')])
  await Promise.all(
    ['bob', 'carol'].map(async user => {
      const permit = join(mesh.folder, `${user}.json`)
      await mesh.run('home', 'invite', user, '--permit', permit)
      await mesh.join(user, { permit })
    }),
  )
})

after(async () => {
  await mesh[Symbol.asyncDispose]()
  await page[Symbol.asyncDispose]()
})

test('--users lets in the owner and those named, and nobody else', async () => {
  await openOutbound('home', 'tcp/web', '--users', 'bob')
  const [office = 0, bob = 0, carol = 0] = await openInbounds(['office', 'bob', 'carol'], 'tcp/web')
  assert.deepEqual(await Promise.all([fetchPage(office), fetchPage(bob)]), ['from home', 'from home'])
  await assert.rejects(fetchPage(carol))
  assert.equal(
    await lastError('carol', 'tcp/web'),
    'Cannot dial "tcp/web": no policy allows it: ask its owner to let you in',
  )
  assert.equal(await mesh.run('carol', 'get', 'service', '-o', 'name'), '')
  assert.match(await mesh.run('home', 'tunnel', 'get', 'outbound'), /^tcp\/web .* \(owner\),bob /m)
})

test('--users set at another endpoint of one’s own holds there just the same', async () => {
  await openOutbound('office', 'tcp/far', '--ep', 'home', '--users', 'bob')
  assert.deepEqual(await mesh.json('office', 'tunnel', 'get', 'outbound'), [])
  const outbound = (await mesh.json('home', 'tunnel', 'describe', 'outbound', 'tcp/far')) as object
  assert.deepEqual((outbound as { users: string[] }).users, ['bob'])
  const [bob = 0, carol = 0] = await openInbounds(['bob', 'carol'], 'tcp/far')
  assert.equal(await fetchPage(bob), 'from home')
  await assert.rejects(fetchPage(carol))
  assert.match(await lastError('carol', 'tcp/far'), /no policy allows it/)
})

test('--entrances keeps out every other endpoint, the owner’s own too, by a policy that is named', async () => {
  await openOutbound('home', 'tcp/desk', '--users', '*', '--entrances', 'office', 'bob')
  const [office = 0, bob = 0] = await openInbounds(['office', 'bob'], 'tcp/desk')
  assert.deepEqual(await Promise.all([fetchPage(office), fetchPage(bob)]), ['from home', 'from home'])
  const names = ['carol', 'home']
  for (const port of await openInbounds(names, 'tcp/desk')) await assert.rejects(fetchPage(port))
  for (const name of names)
    assert.match(
      await lastError(name, 'tcp/desk'),
      /denied by policy "entrances of tcp\/desk at [0-9a-f-]{36}"/,
    )
})

test('who is left out of --users later is out at once, in the middle of a connection', async () => {
  await openOutbound('home', 'tcp/while', '--users', 'bob')
  const [bob = 0] = await openInbounds(['bob'], 'tcp/while')
  const socket = net.connect(bob, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(socket, 'data')
  const closed = new Promise(resolve => socket.once('close', resolve))
  socket.on('error', () => {})
  await openOutbound('home', 'tcp/while', '--users', 'carol')
  await closed
  await assert.rejects(fetchPage(bob))
})

test('--groups lets in who is in the group, and whoever leaves it is out in the middle of a connection', async () => {
  await mesh.run('home', 'create', 'group', 'ops', '--add-user', 'bob')
  await openOutbound('home', 'tcp/ops', '--groups', 'ops', 'nobody')
  const [bob = 0, carol = 0] = await openInbounds(['bob', 'carol'], 'tcp/ops')
  const socket = net.connect(bob, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(socket, 'data')
  await assert.rejects(fetchPage(carol))
  const closed = new Promise(resolve => socket.once('close', resolve))
  socket.on('error', () => {})
  await mesh.run('home', 'users', 'group', 'ops', '--add-users', 'carol', '--remove-users', 'bob')
  await closed
  await assert.rejects(fetchPage(bob))
  assert.equal(await fetchPage(carol), 'from home')
  assert.match(await mesh.run('carol', 'users', 'list'), /^ops +carol /m)
  await mesh.run('home', 'delete', 'group', 'ops')
  await assert.rejects(fetchPage(carol))
})

test('an administrator invites, and is none any more once another says so', async () => {
  const invite = ['invite', 'dave', '--permit', join(mesh.folder, 'dave.json')]
  assert.equal((await mesh.ztm('bob', invite)).code, 4)
  await mesh.run('home', 'update', 'user', 'bob', '--role', 'admin')
  await mesh.run('bob', ...invite)
  const shown = await mesh.run('bob', 'describe', 'user', 'dave')
  assert.match(shown, /^Last seen: +never$/m)
  assert.match(shown, /^Invitations: +1 open$/m)
  await mesh.run('bob', 'update', 'user', 'bob', '--role', 'member')
  assert.equal((await mesh.ztm('bob', ['get', 'invitation'])).code, 4)
})

test('nobody takes the name of another’s service, or manages another’s endpoint', async () => {
  const open = ['tunnel', 'open', 'outbound', 'tcp/web', '--targets', page.at]
  const taken = await mesh.ztm('bob', open)
  assert.deepEqual([taken.code, taken.stdout], [6, ''])
  assert.match(taken.stderr, /^ztm: Cannot .*"tcp\/web".*: .*\n$/)
  assert.deepEqual(await mesh.json('bob', 'tunnel', 'get', 'outbound'), [])
  for (const words of [open, ['tunnel', 'get', 'outbound'], ['tunnel', 'close', 'outbound', 'tcp/web']]) {
    const { code, stderr } = await mesh.ztm('bob', ['ep', 'home', ...words])
    assert.deepEqual([code, stderr.slice(0, 11)], [4, 'ztm: Cannot'], stderr)
  }
  const { owner } = (await mesh.json('bob', 'describe', 'service', 'tcp/web')) as { owner: string }
  assert.equal(owner, 'root')
})

test('an inbound keeps to the owner it met: another user who gets the name later is refused', async () => {
  await using other = await startPage('from bob')
  await openOutbound('home', 'tcp/pin', '--users', '*')
  const [carol = 0] = await openInbounds(['carol'], 'tcp/pin')
  assert.equal(await fetchPage(carol), 'from home')
  await mesh.run('home', 'tunnel', 'close', 'outbound', 'tcp/pin')
  await mesh.run('bob', 'tunnel', 'open', 'outbound', 'tcp/pin', '--targets', other.at, '--users', '*')
  await assert.rejects(fetchPage(carol))
  assert.match(
    await lastError('carol', 'tcp/pin'),
    /it was root's and is bob's now: close and open the inbound/,
  )
  await mesh.run('carol', 'tunnel', 'close', 'inbound', 'tcp/pin')
  const [again = 0] = await openInbounds(['carol'], 'tcp/pin')
  assert.equal(await fetchPage(again), 'from bob')
})

async function openOutbound(data: string, name: string, ...words: string[]): Promise<void> {
  await mesh.run(data, 'tunnel', 'open', 'outbound', name, '--targets', page.at, ...words)
}

/** Open the inbound at each of these agents. @returns the ports */
function openInbounds(datas: readonly string[], name: string): Promise<number[]> {
  return Promise.all(
    datas.map(async data => {
      await mesh.run(data, 'tunnel', 'open', 'inbound', name, '--listen', '127.0.0.1:0')
      return inboundPort(mesh, data, name)
    }),
  )
}

async function lastError(data: string, name: string): Promise<string> {
  const inbound = await mesh.json(data, 'tunnel', 'describe', 'inbound', name)
  return (inbound as { lastError?: string }).lastError ?? ''
}
