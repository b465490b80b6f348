import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createProcessMesh } from '../testing/process-mesh.ts'
import { createTunnelLab, type TunnelLab } from '../testing/tunnel-lab.ts'

// What goes wrong on real computers, with real processes.

let lab: TunnelLab
let web: { port: number; close(): Promise<unknown> }
let port = 0

before(async () => {
  lab = await createTunnelLab()
  web = await startPage()
  port = await lab.tunnel('tcp/web', `127.0.0.1:${web.port}`)
})

after(async () => {
  await lab[Symbol.asyncDispose]()
  await web.close()
})

test('hub killed and started again: endpoints are back within 3 s and the tunnel works, five times', async t => {
  const slowest = { ms: 0 }
  for (let round = 0; round < 5; round += 1) {
    const hub = [...lab.daemons].find(({ role }) => role === 'hub')
    await hub?.stop('SIGKILL')
    await lab.startHub()
    const started = performance.now()
    assert.equal(await untilFetched(port), 'page')
    slowest.ms = Math.max(slowest.ms, performance.now() - started)
  }
  t.diagnostic(`slowest return after a killed hub: ${Math.round(slowest.ms)} ms`)
  assert.ok(slowest.ms < 3_000, `${slowest.ms} ms`)
})

test('agents killed and started again: state is intact, tunnels open by themselves', async () => {
  for (const name of ['home', 'work']) {
    const daemon = [...lab.daemons].find(other => other.name === name)
    await daemon?.stop('SIGKILL')
    await lab.startAgent(name)
    assert.equal(await untilFetched(port), 'page')
  }
})

test('a second agent on the same state folder refuses, naming the first', async () => {
  const first = [...lab.daemons].find(({ name }) => name === 'home')
  const { code, stderr } = await lab.ztm('home', ['run', 'agent', '--listen', 'off'])
  assert.equal(code, 6)
  assert.match(stderr, new RegExp(`^ztm: .*${first?.child.pid}`, 'm'))
})

test('a second hub on a port in use says so and ends', async () => {
  const hub = [...lab.daemons].find(({ role }) => role === 'hub') as unknown as { address: string }
  const { code, stderr } = await lab.ztm('hub2', [
    'run',
    'hub',
    '--listen',
    hub.address,
    '--names',
    hub.address,
  ])
  assert.equal(code, 6)
  assert.match(stderr, /port is in use/)
})

test('permits: cut short, of another mesh, used up, expired: each says what it is', async () => {
  await lab.startAgent('guest')
  const join_ = async (permit: string) => {
    const file = join(lab.folder, 'permit.json')
    await writeFile(file, permit)
    return lab.ztm('guest', ['join', 'home', '--as', 'guest', '--permit', file])
  }
  const root = await readFile(lab.permit, 'utf8')
  const cut = await join_(root.slice(0, 500))
  assert.deepEqual([cut.code, /cut short/.test(cut.stderr)], [2, true], cut.stderr)

  await using other = await createProcessMesh()
  await other.startHub()
  const mixed = { ...JSON.parse(root), ca: JSON.parse(await readFile(other.permit, 'utf8')).ca }
  const foreign = await join_(JSON.stringify(mixed))
  assert.equal(foreign.code, 8, foreign.stderr)

  await lab.run('home', 'invite', 'bob', '--permit', join(lab.folder, 'bob.json'))
  const invitation = await readFile(join(lab.folder, 'bob.json'), 'utf8')
  await lab.startAgent('bob')
  await lab.run('bob', 'join', 'home', '--as', 'bobs-pc', '--permit', join(lab.folder, 'bob.json'))
  const used = await join_(invitation)
  assert.deepEqual([used.code, /used/.test(used.stderr)], [4, true], used.stderr)

  await lab.run('home', 'invite', 'carol', '--expires', '1s', '--permit', join(lab.folder, 'carol.json'))
  await new Promise(resolve => setTimeout(resolve, 1_100))
  const expired = await join_(await readFile(join(lab.folder, 'carol.json'), 'utf8'))
  assert.deepEqual([expired.code, /expired|ended/.test(expired.stderr)], [4, true], expired.stderr)
})

test('a user who was evicted is out within 2 s, and back when it is undone', async () => {
  await lab.run(
    'home',
    'tunnel',
    'open',
    'outbound',
    'tcp/web',
    '--targets',
    `127.0.0.1:${web.port}`,
    '--users',
    'bob',
  )
  await lab.run('bob', 'tunnel', 'open', 'inbound', 'tcp/web', '--listen', '127.0.0.1:0')
  const inbound = (await lab.json('bob', 'tunnel', 'describe', 'inbound', 'tcp/web')) as {
    listens: { port: number }[]
  }
  const bobPort = inbound.listens[0]?.port as number
  assert.equal(await untilFetched(bobPort), 'page')
  await lab.run('home', 'evict', 'bob', '--reason', 'test')
  const evicted = performance.now()
  await assert.rejects(fetchPage(bobPort))
  assert.ok(performance.now() - evicted < 2_000)
  const evictions = (await lab.json('home', 'get', 'eviction')) as { id: string; user: string }[]
  const [eviction] = Array.isArray(evictions)
    ? evictions
    : (evictions as { evictions: { id: string; user: string }[] }).evictions
  assert.equal(eviction?.user, 'bob')
  await lab.run('home', 'evict', '--undo', eviction.id)
})

async function startPage(): Promise<{ port: number; close(): Promise<unknown> }> {
  const server = createServer((_, response) => response.end('page'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.closeAllConnections()
      return new Promise(resolve => server.close(resolve))
    },
  }
}

async function fetchPage(at: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${at}/`, {
    headers: { connection: 'close' },
    signal: AbortSignal.timeout(10_000),
  })
  return response.text()
}

/** As a person would: try until it works; the test's own clock says how long that took. */
async function untilFetched(at: number): Promise<string> {
  const deadline = performance.now() + 15_000
  for (;;) {
    try {
      return await fetchPage(at)
    } catch (error) {
      if (performance.now() > deadline) throw error
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}
