import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fetchPage, type Page, startPage } from '../testing/page.ts'
import { freePort } from '../testing/process-mesh.ts'
import { createTunnelLab, inboundPort, type TunnelLab } from '../testing/tunnel-lab.ts'
import { until } from '../testing/until.ts'

// Tunnels with more than one target or exit, and of every kind of address. `home` and `away` host, `work` dials.

let lab: TunnelLab
let atHome: Page
let atAway: Page

before(async () => {
  ;[atHome, atAway, lab] = await Promise.all([startPage('home'), startPage('away'), createTunnelLab()])
  await lab.join('away')
})

after(async () => {
  await lab[Symbol.asyncDispose]()
  await Promise.all([atHome[Symbol.asyncDispose](), atAway[Symbol.asyncDispose]()])
})

test('connections go to the targets in turn; one that is dead is passed over in the same attempt', async () => {
  const dead = `127.0.0.1:${await freePort()}`
  const port = await lab.tunnel('tcp/targets', atHome.at, dead, atAway.at)
  const answers: string[] = []
  for (let i = 0; i < 6; i += 1) answers.push(await fetchPage(port))
  assert.deepEqual(answers.toSorted(), ['away', 'away', 'away', 'home', 'home', 'home'])
  const { targets, health, failedCount } = (await lab.json(
    'home',
    ...['tunnel', 'describe', 'outbound', 'tcp/targets'],
  )) as { targets: { health: string; lastError?: string }[]; health: string; failedCount: number }
  assert.deepEqual(
    targets.map(target => target.health),
    ['up', 'down', 'up'],
  )
  assert.match(targets[1]?.lastError ?? '', /nothing listens|refused/)
  assert.deepEqual([health, failedCount], ['partly', 0])
  assert.match(
    await lab.run('work', 'tunnel', 'describe', 'tunnel', 'tcp/targets'),
    /^outbound +home +online +partly /m,
  )
})

test('least-connections sends a new connection where fewest are open', async () => {
  const words = ['--targets', atHome.at, atAway.at, '--balance', 'least-connections']
  await lab.run('home', 'tunnel', 'open', 'outbound', 'tcp/least', ...words)
  const port = await openInbound('tcp/least')
  const held = await greet(port)
  const others: string[] = []
  for (let i = 0; i < 3; i += 1) {
    others.push(await fetchPage(port))
    await untilOneIsOpen('tcp/least')
  }
  held.socket.destroy()
  assert.equal(new Set(others).size, 1)
  assert.notEqual(others[0], held.page)
})

test('two endpoints host one service: both are used, --exits takes one of them, and one may die', async () => {
  for (const [data, page] of [
    ['home', atHome],
    ['away', atAway],
  ] as const)
    await lab.run(data, 'tunnel', 'open', 'outbound', 'tcp/exits', '--targets', page.at)
  const port = await openInbound('tcp/exits')
  const answers = new Set<string>()
  for (let i = 0; i < 4; i += 1) answers.add(await fetchPage(port))
  assert.deepEqual([...answers].toSorted(), ['away', 'home'])

  await openInbound('tcp/exits', '--exits', 'away')
  for (let i = 0; i < 3; i += 1) assert.equal(await fetchPage(port), 'away')

  await openInbound('tcp/exits')
  await daemon('home').stop('SIGKILL')
  for (let i = 0; i < 4; i += 1) assert.equal(await fetchPage(port), 'away')
  await openInbound('tcp/exits', '--exits', 'home')
  await assert.rejects(fetchPage(port))
  assert.match(
    await lab.run('work', 'tunnel', 'describe', 'inbound', 'tcp/exits'),
    /^Last error: +Cannot dial "tcp\/exits": offline is "home": start the agent there$/m,
  )
  await lab.startAgent('home')
  await until(
    () =>
      fetchPage(port).then(
        text => text === 'home',
        () => false,
      ),
    'home is back',
  )
})

test('a range of ports goes one to one, and is shown as one', async () => {
  const [first, targets] = await Promise.all([freeRange(3), freeRange(3)])
  const pages = await Promise.all(
    ['one', 'two', 'three'].map((text, i) => startPage(text, { host: '127.0.0.1', port: targets + i })),
  )
  const range = `127.0.0.1:${targets}-${targets + 2}`
  await lab.run('home', 'tunnel', 'open', 'outbound', 'tcp/range', '--targets', range)
  await lab.run('work', 'tunnel', 'open', 'inbound', 'tcp/range', '--listen', `${first}-${first + 2}`)
  for (const _ of [1, 2]) {
    const answers = await Promise.all([0, 1, 2].map(i => fetchPage(first + i)))
    assert.deepEqual(answers, ['one', 'two', 'three'])
  }
  assert.match(
    await lab.run('work', 'tunnel', 'get', 'inbound', 'range'),
    new RegExp(` 127\\.0\\.0\\.1:${first}-${first + 2} `),
  )
  assert.match(await lab.run('home', 'tunnel', 'get', 'outbound', 'range'), new RegExp(` ${range} `))
  for (const page of pages) await page[Symbol.asyncDispose]()
})

test('a unix socket can be the target', async () => {
  const path = join(lab.folder, 'page.sock')
  await using _page = await startPage('over a unix socket', { path })
  assert.equal(await fetchPage(await lab.tunnel('tcp/unix', `unix:${path}`)), 'over a unix socket')
})

test('IPv6 can be listened on and be the target', async t => {
  const hasIpv6 = Object.values(networkInterfaces()).some(some =>
    some?.some(({ address }) => address === '::1'),
  )
  if (!hasIpv6) {
    t.skip('this machine has no IPv6 loopback address')
    return
  }
  await using page = await startPage('over IPv6', { host: '::1', port: 0 })
  await lab.run('home', 'tunnel', 'open', 'outbound', 'tcp/six', '--targets', page.at)
  await lab.run('work', 'tunnel', 'open', 'inbound', 'tcp/six', '--listen', '[::1]:0')
  assert.equal(await fetchPage(`[::1]:${await inboundPort(lab, 'work', 'tcp/six')}`), 'over IPv6')
})

test('closing either end breaks the connections through it', async () => {
  const port = await lab.tunnel('tcp/close', atHome.at)
  for (const [data, end] of [
    ['home', 'outbound'],
    ['work', 'inbound'],
  ] as const) {
    const { socket } = await greet(port)
    const closed = new Promise(resolve => socket.once('close', resolve))
    await lab.run(data, 'tunnel', 'close', end, 'tcp/close')
    await closed
    await assert.rejects(fetchPage(port))
    if (end === 'outbound')
      await lab.run('home', 'tunnel', 'open', 'outbound', 'tcp/close', '--targets', atHome.at)
  }
})

test('tunnels survive a restart of both agents, on the same port', async () => {
  const port = await lab.tunnel('tcp/again', atHome.at)
  assert.equal(await fetchPage(port), 'home')
  await Promise.all(
    ['home', 'work'].map(async name => {
      await daemon(name).stop()
      await lab.startAgent(name)
    }),
  )
  await until(
    () =>
      fetchPage(port).then(
        text => text === 'home',
        () => false,
      ),
    'the tunnel is back',
  )
})

function daemon(name: string) {
  const found = [...lab.daemons].find(one => one.name === name)
  assert.ok(found, `${name} does not run`)
  return found
}

/** Open an inbound at `work`, or change it. @returns its port, the same as before */
async function openInbound(name: string, ...words: string[]): Promise<number> {
  await lab.run('work', 'tunnel', 'open', 'inbound', name, '--listen', '127.0.0.1:0', ...words)
  return inboundPort(lab, 'work', name)
}

/** Ask for a page and keep the connection. */
async function greet(port: number): Promise<{ socket: net.Socket; page: string }> {
  const socket = net.connect(port, '127.0.0.1').on('error', () => {})
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  const [head] = await once(socket, 'data')
  return { socket, page: String(head).split('\r\n\r\n')[1] ?? '' }
}

/** So many ports in a row that are free now. */
async function freeRange(count: number): Promise<number> {
  for (;;) {
    const first = await freePort()
    const servers = Array.from({ length: count }, (_, i) => net.createServer().listen(first + i, '127.0.0.1'))
    const opened = await Promise.allSettled(servers.map(server => once(server, 'listening')))
    await Promise.allSettled(servers.map(server => server.listening && once(server.close(), 'close')))
    if (opened.every(({ status }) => status === 'fulfilled')) return first
  }
}

/** Resolves when the outbound at `home` counts one connection: a page that was fetched may still be closing. */
async function untilOneIsOpen(name: string): Promise<void> {
  for (let left = 50; left > 0; left -= 1) {
    const { targets } = (await lab.json('home', 'tunnel', 'describe', 'outbound', name)) as {
      targets: { connectionCount: number }[]
    }
    if (targets.reduce((sum, { connectionCount }) => sum + connectionCount, 0) === 1) return
  }
  assert.fail(`connections of ${name} are still counted`)
}

test('reach says of a service whose host answers that what it leads to does not', async () => {
  const nobody = `127.0.0.1:${await freePort()}`
  const port = await lab.tunnel('tcp/nobody', nobody)
  await assert.rejects(fetchPage(port))
  const reach = () => lab.ztm('work', ['reach', 'tcp/nobody'])
  await until(async () => (await reach()).code === 5, 'the target is known to be down')
  const { stdout } = await reach()
  assert.match(stdout, /^Verdict: +no: its host answered, but what it leads to there does not$/m)
  assert.match(stdout, /^home +root +online +down /m)
  await lab.tunnel('tcp/somebody', atHome.at)
  assert.equal((await lab.ztm('work', ['reach', 'tcp/somebody'])).code, 0)
})
