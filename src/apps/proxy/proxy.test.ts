import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import dgram from 'node:dgram'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { encodeSocksDatagram, readSocksDatagram } from '../../core/codec/socks.ts'
import { connectTcp } from '../../net/host-sockets.ts'
import { curl, openProxyRig, openWeb, refOf } from '../../testing/proxy-rig.ts'
import { until } from '../../testing/until.ts'
import { PROXY_API } from './messages.ts'
import { proxyApp } from './proxy.ts'

test('curl fetches through the exit by SOCKS 5, by CONNECT and by a request in absolute form', async t => {
  const web = await openWeb(t)
  const { port } = await openProxyRig(t)
  const url = `http://localhost:${web}/a?b=1`
  const ways = [
    ['--socks5-hostname', `127.0.0.1:${port}`],
    ['-x', `http://127.0.0.1:${port}`, '-p'],
    ['-x', `http://127.0.0.1:${port}`],
  ]
  for (const way of ways) {
    const { code, text, errors } = await curl(...way, '-d', 'hello', url)
    assert.equal(code, 0, errors)
    const seen = JSON.parse(text)
    assert.deepEqual([seen.method, seen.url, seen.body], ['POST', '/a?b=1', 'hello'])
    assert.equal(seen.headers['proxy-connection'], undefined)
  }
})

test('an exit keeps its own computer and network closed, whatever they are called', async t => {
  const web = await openWeb(t)
  const { port, changeExit } = await openProxyRig(t)
  for (const host of [
    '127.0.0.1',
    '[::1]',
    '0.0.0.0',
    '127.1',
    '169.254.1.1',
    '10.0.0.1',
    '[::ffff:127.0.0.1]',
  ]) {
    const answer = await curl('-x', `http://127.0.0.1:${port}`, `http://${host}:${web}/`)
    assert.match(answer.text, /not open: its owner can open it/, host)
    const socks = await curl('--socks5-hostname', `127.0.0.1:${port}`, `http://${host}:${web}/`)
    assert.equal(socks.code, 97, `${host}: ${socks.errors}`)
  }
  await changeExit({ exit: { opens: ['127.0.0.0/8'] } })
  assert.equal((await curl('-x', `http://127.0.0.1:${port}`, `http://127.0.0.1:${web}/`)).code, 0)
  const byName = await curl('-x', `http://127.0.0.1:${port}`, `http://localhost:${web}/`)
  assert.equal(byName.code, 0, 'what is open by address is open by any name that leads there')
})

test('rules of the entry decide by target, port and client, the first that fits', async t => {
  const web = await openWeb(t)
  const { change, port, entry } = await openProxyRig(t)
  await change({
    clients: [
      { name: 'ann', password: 'a:b c' },
      { name: 'bob', password: 'two' },
    ],
    rules: [
      { targets: ['localhost'], ports: '1-1023', clients: [], action: 'deny', exits: [] },
      { targets: ['.example.com', '127.0.0.0/8'], ports: '*', clients: ['ann'], action: 'direct', exits: [] },
      { targets: ['127.0.0.1'], ports: '*', clients: [], action: 'deny', exits: [] },
    ],
  })
  const through = (client: string, url: string) => curl('-x', `http://127.0.0.1:${port}`, '-U', client, url)
  assert.match((await through('ann:a:b c', 'http://localhost:80/')).text, /rule 0 of the proxy denies it/)
  assert.equal((await through('ann:a:b c', `http://127.0.0.1:${web}/`)).code, 0)
  assert.match((await through('bob:two', `http://127.0.0.1:${web}/`)).text, /rule 2 of the proxy denies it/)
  assert.equal((await through('bob:two', `http://localhost:${web}/`)).code, 0)
  const tried = (body: { host: string; port: number; client?: string }) =>
    entry.call(PROXY_API.testTarget, { params: { endpoint: 'near' }, body })
  const { rule, action, error } = await tried({ host: '127.0.0.1', port: web, client: 'bob' })
  assert.deepEqual([rule, action], [2, 'deny'])
  assert.match(error ?? '', /rule 2/)
  const good = await tried({ host: 'localhost', port: web })
  assert.deepEqual(
    [good.rule, good.action, good.error, good.exit?.name],
    [undefined, 'exit', undefined, 'far'],
  )
})

test('clients must log in where names and passwords are set, and nobody may listen to the world without', async t => {
  const web = await openWeb(t)
  const { change, port, entry } = await openProxyRig(t)
  await assert.rejects(change({ listen: { ip: '0.0.0.0', port: 0 } }), { code: 'bad-input' })
  await change({ clients: [{ name: 'ann', password: 'secret' }] })
  const url = `http://localhost:${web}/`
  for (const way of ['http', 'socks5h']) {
    const proxy = (login: string) => [
      '-x',
      `${way}://${login}127.0.0.1:${port}`,
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
    ]
    assert.equal((await curl(...proxy('ann:secret@'), url)).text, '200', way)
    for (const login of ['', 'ann:wrong@', 'eve:secret@']) {
      const refused = await curl(...proxy(login), url)
      assert.ok(refused.text === '407' || refused.code === 97, `${way} ${login}: ${JSON.stringify(refused)}`)
    }
  }
  const shown = await entry.call(PROXY_API.showConfig, { params: { endpoint: 'near' } })
  assert.deepEqual(shown.clients, ['ann'])
  assert.doesNotMatch(JSON.stringify(shown), /secret/)
  // One more, without knowing the password of the first.
  await change({ clients: [{ name: 'ann' }, { name: 'bob', password: 'other' }] })
  const proxy = (login: string) => [
    '-x',
    `http://${login}@127.0.0.1:${port}`,
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
  ]
  assert.equal((await curl(...proxy('ann:secret'), url)).text, '200')
  assert.equal((await curl(...proxy('bob:other'), url)).text, '200')
  await assert.rejects(change({ clients: [{ name: 'eve' }] }), { code: 'bad-input' })
})

test('the next exit is taken where one is away; one that refuses has the last word', async t => {
  const web = await openWeb(t)
  const { mesh, change, port, exitEndpoint, changeExit } = await openProxyRig(t)
  const spare = mesh.addEndpoint('spare')
  const spareApp = await spare.start(proxyApp)
  const body = { exit: { opens: ['localhost'] } } as never
  await spareApp.call(PROXY_API.changeConfig, { params: { endpoint: 'spare' }, body })
  const exits = [refOf(exitEndpoint), refOf(spare)]
  await change({ rules: [{ targets: ['*'], ports: '*', clients: [], action: 'exit', exits }] })
  exitEndpoint.isOnline = false
  const fetched = await curl('-x', `http://127.0.0.1:${port}`, `http://localhost:${web}/`)
  assert.equal(fetched.code, 0, fetched.errors)
  exitEndpoint.isOnline = true
  await changeExit({
    exit: {
      opens: ['localhost'],
      rules: [{ targets: ['localhost'], ports: '*', users: [], action: 'deny' }],
    },
  })
  const refused = await curl('-x', `http://127.0.0.1:${port}`, `http://localhost:${web}/`)
  assert.match(refused.text, /rule 0 of the exit denies it/)
})

test('an exit lets those users leave whom its owner named, and no others', async t => {
  const web = await openWeb(t)
  const { mesh, changeExit, exitEndpoint } = await openProxyRig(t)
  const guest = mesh.addEndpoint('guest', 'bob')
  const app = await guest.start(proxyApp)
  const params = { endpoint: 'guest' }
  const { listen } = await app.call(PROXY_API.changeConfig, {
    params,
    body: { listen: { ip: '127.0.0.1', port: 0 } },
  })
  const way = ['-x', `http://127.0.0.1:${listen?.port}`, `http://localhost:${web}/`]
  const fetch = () => curl(...way)
  const status = async () => (await curl(...way, '-o', '/dev/null', '-w', '%{http_code}')).text
  const body = {
    rules: [{ targets: ['*'], ports: '*', clients: [], action: 'exit', exits: [refOf(exitEndpoint)] }],
  } as never
  await app.call(PROXY_API.changeConfig, { params, body })
  assert.match((await fetch()).text, /Cannot dial "tcp\/\.exit\.root": not allowed/)
  await changeExit({ exit: { users: ['bob' as never] } })
  assert.equal((await fetch()).code, 0)
  // By a group, while they are in it; a rule for a group that nobody is in is for nobody.
  const groups = ['ops' as never]
  await changeExit({ exit: { users: [], groups } })
  assert.match((await fetch()).text, /not allowed/)
  mesh.groups.set('bob', groups)
  assert.equal((await fetch()).code, 0)
  const deny = (names: string[]) => ({
    rules: [{ targets: ['*'], ports: '*', users: [], groups: names as never, action: 'deny' as const }],
  })
  await changeExit({ exit: deny(['gone']) })
  assert.equal((await fetch()).code, 0)
  await changeExit({ exit: deny(['gone', 'ops']) })
  assert.match((await fetch()).text, /rule 0 of the exit denies it/)
  await changeExit({ exit: { rules: [], users: ['bob' as never] } })
  // Unasked nobody's exit is taken but one's own: whoever opens one to all must not get the traffic of all.
  await app.call(PROXY_API.changeConfig, { params, body: { rules: [] } })
  assert.notEqual(await status(), '200')
})

test('datagrams go out by UDP ASSOCIATE, and answers come back', async t => {
  const echo = dgram.createSocket('udp4')
  echo.on('message', (bytes, from) =>
    echo.send(Buffer.concat([bytes, Buffer.from('!')]), from.port, from.address),
  )
  echo.bind(0, '127.0.0.1')
  await once(echo, 'listening')
  t.after(() => echo.close())
  const { port, change } = await openProxyRig(t)
  const connection = await connectTcp({ kind: 'address', host: '127.0.0.1', port }, { timeoutMs: 5_000 })
  connection.write(Uint8Array.of(5, 1, 0))
  assert.deepEqual([...(await once(connection, 'data'))[0]], [5, 0])
  connection.write(Uint8Array.of(5, 3, 0, 1, 0, 0, 0, 0, 0, 0))
  const [reply] = (await once(connection, 'data')) as [Buffer]
  assert.equal(reply[1], 0)
  const client = dgram.createSocket('udp4')
  t.after(() => client.close())
  const ask = async (host: string, text: string) => {
    const payload = Buffer.from(text)
    client.send(
      encodeSocksDatagram({ host, port: echo.address().port, payload }),
      reply.readUInt16BE(8),
      '127.0.0.1',
    )
    const [bytes] = (await once(client, 'message')) as [Buffer]
    return Buffer.from(readSocksDatagram(bytes)?.payload ?? []).toString()
  }
  assert.equal(await ask('localhost', 'by an exit'), 'by an exit!')
  await change({ rules: [{ targets: ['127.0.0.1'], ports: '*', clients: [], action: 'direct', exits: [] }] })
  assert.equal(await ask('127.0.0.1', 'from here'), 'from here!')
  connection.destroy()
})

test('the proxy tells browsers how to use it, and says what it is', async t => {
  const { port } = await openProxyRig(t)
  const pac = await curl(`http://127.0.0.1:${port}/proxy.pac`)
  const find = new Function('isPlainHostName', 'dnsDomainIs', `${pac.text}; return FindProxyForURL`)(
    (host: string) => !host.includes('.'),
    (host: string, below: string) => host.endsWith(below),
  )
  assert.equal(
    find('http://example.com/', 'example.com'),
    `SOCKS5 127.0.0.1:${port}; PROXY 127.0.0.1:${port}`,
  )
  assert.equal(find('http://printer/', 'printer'), 'DIRECT')
  assert.match((await curl(`http://127.0.0.1:${port}/`)).text, /This is a proxy/)
})

test('a proxy is there again after a restart, on its port, and gone when it is told so', async t => {
  const web = await openWeb(t)
  const { entry, entryEndpoint, change, port } = await openProxyRig(t)
  await change({ clients: [{ name: 'ann', password: 'secret' }] })
  await entry[Symbol.asyncDispose]()
  const here = { kind: 'address', host: '127.0.0.1', port } as const
  await assert.rejects(connectTcp(here, { timeoutMs: 5_000 }))
  const again = await entryEndpoint.start(proxyApp)
  const fetched = await curl('-x', `http://ann:secret@127.0.0.1:${port}`, `http://localhost:${web}/`)
  assert.equal(fetched.code, 0, fetched.errors)
  const body = { listen: null }
  const { listen } = await again.call(PROXY_API.changeConfig, { params: { endpoint: 'near' }, body })
  assert.equal(listen, undefined)
  await assert.rejects(connectTcp(here, { timeoutMs: 5_000 }))
})

test('an upload and a download of 20 MB come through whole', async t => {
  const { port } = await openProxyRig(t)
  const bytes = randomBytes(20_000_000)
  const server = http.createServer((request, response) => request.pipe(response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  const web = (server.address() as AddressInfo).port
  for (const way of [
    ['--socks5-hostname', `127.0.0.1:${port}`],
    ['-x', `http://127.0.0.1:${port}`],
  ]) {
    const child = execFile('curl', ['-sS', ...way, '--data-binary', '@-', `http://localhost:${web}/`], {
      encoding: 'buffer',
      maxBuffer: 30_000_000,
    })
    const chunks: Buffer[] = []
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stdin?.end(bytes)
    await once(child, 'close')
    assert.ok(Buffer.concat(chunks).equals(bytes), way[0])
  }
})

test('a client that says nothing, or nonsense, is cut off', async t => {
  const { port, mesh } = await openProxyRig(t)
  const silent = await connectTcp({ kind: 'address', host: '127.0.0.1', port }, { timeoutMs: 5_000 })
  const gone = new Promise(resolve => silent.once('close', resolve))
  await until(() => mesh.timers.pendingCount > 0, 'the limit of the silent one is set')
  mesh.timers.advance(10_000)
  await gone
  // Answered without a login, and then held on to.
  for (const path of ['/proxy.pac', '/']) {
    const held = await connectTcp({ kind: 'address', host: '127.0.0.1', port }, { timeoutMs: 5_000 })
    const broken = new Promise(resolve => held.once('close', resolve))
    held.resume().write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await once(held, 'end')
    mesh.timers.advance(10_000)
    const writing = setInterval(() => held.write('x'), 50)
    await broken
    clearInterval(writing)
  }
  for (const bytes of ['\u0004\u0001', 'GET\r\n\r\n', `${'x'.repeat(40_000)}`]) {
    const wild = await connectTcp({ kind: 'address', host: '127.0.0.1', port }, { timeoutMs: 5_000 })
    wild.resume().end(Buffer.from(bytes, 'latin1'))
    await new Promise(resolve => wild.once('close', resolve))
  }
})
