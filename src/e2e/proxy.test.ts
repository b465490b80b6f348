import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startBrowser } from '../testing/browser.ts'
import { execute, startNginx, startProgram, startSshd } from '../testing/programs.ts'
import { createTunnelLab, type TunnelLab } from '../testing/tunnel-lab.ts'

let lab: TunnelLab

before(async () => {
  lab = await createTunnelLab()
})

after(async () => {
  await lab[Symbol.asyncDispose]()
})

test('curl and ssh leave the mesh at another endpoint, by rules set on the command line', async () => {
  await using sshd = await startSshd(join(lab.folder, 'sshd'))
  await using nginx = await startNginx(join(lab.folder, 'nginx'))
  await lab.run('home', 'proxy', 'config', '--exit', 'on', '--open', 'localhost', '127.0.0.1')
  const config = (await lab.json('work', 'proxy', 'config', '--listen', '127.0.0.1:0')) as {
    listen: { port: number }
  }
  const proxy = `127.0.0.1:${config.listen.port}`
  const url = `http://localhost:${nginx.port}/`
  for (const way of ['socks5h', 'http']) {
    const { stdout } = await execute('curl', [
      '-sS',
      '--noproxy',
      '',
      '-x',
      `${way}://${proxy}`,
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      url,
    ])
    assert.match(stdout, /^[24]\d\d$/, way)
  }
  const command = `ProxyCommand=socat - PROXY:127.0.0.1:%h:%p,proxyport=${config.listen.port}`
  const said = await execute('ssh', [
    ...sshd.login,
    '-o',
    command,
    '-p',
    String(sshd.port),
    '127.0.0.1',
    'echo far',
  ])
  assert.equal(said.stdout, 'far\n')

  await lab.run('work', 'proxy', 'rules', 'add', 'localhost', '--deny')
  await lab.run('work', 'proxy', 'rules', 'add', '*', '--exits', 'home')
  const rules = (await lab.json('work', 'proxy', 'rules')) as { targets: string[]; action: string }[]
  assert.deepEqual(
    rules.map(({ targets, action }) => [...targets, action]),
    [
      ['localhost', 'deny'],
      ['*', 'exit'],
    ],
  )
  const refused = await execute('curl', ['-sS', '--noproxy', '', '-x', `http://${proxy}`, url])
  assert.match(refused.stdout, /rule 0 of the proxy denies it/)
  const tried = (await lab.json('work', 'proxy', 'test', `http://127.0.0.1:${nginx.port}`)) as Record<
    string,
    unknown
  >
  assert.deepEqual([tried.rule, tried.action, (tried.exit as { name: string }).name], [1, 'exit', 'home'])
  await lab.run('work', 'proxy', 'rules', 'delete', '0')
  const again = await execute('curl', [
    '-sS',
    '--noproxy',
    '',
    '-x',
    `http://${proxy}`,
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    url,
  ])
  assert.match(again.stdout, /^[24]\d\d$/)
})

test('Chromium loads pages through SOCKS 5, HTTP and the PAC file', async t => {
  // Browsers go to loopback by themselves when a PAC file is used, whatever it says.
  const own = Object.values(networkInterfaces()).flatMap(rows => rows ?? [])
  const address = own.find(({ internal, family }) => !internal && family === 'IPv4')?.address
  const web = http.createServer((request, response) =>
    response.setHeader('content-type', 'text/html').end(`<title>${request.url}</title>`),
  )
  web.listen(0)
  await once(web, 'listening')
  t.after(() => web.close().closeAllConnections())
  const { port: webPort } = web.address() as AddressInfo
  const opens = ['127.0.0.1', 'localhost', ...(address === undefined ? [] : [address])]
  await lab.run('home', 'proxy', 'config', '--exit', 'on', '--open', ...opens)
  const { listen } = (await lab.json('work', 'proxy', 'config', '--listen', '127.0.0.1:0')) as {
    listen: { port: number }
  }
  const proxy = `127.0.0.1:${listen.port}`
  const total = async () => ((await lab.json('work', 'proxy', 'config')) as { totalCount: number }).totalCount
  const ways: [args: string[], host: string][] = [
    [[`--proxy-server=socks5://${proxy}`, '--proxy-bypass-list=<-loopback>'], 'localhost'],
    [[`--proxy-server=http://${proxy}`, '--proxy-bypass-list=<-loopback>'], 'localhost'],
  ]
  if (address !== undefined) ways.push([[`--proxy-pac-url=http://${proxy}/proxy.pac`], address])
  for (const [args, host] of ways) {
    const before = await total()
    await using browser = await startBrowser(args)
    const page = await browser.newPage()
    await page.goto(`http://${host}:${webPort}/${args[0]?.slice(8, 20)}`)
    assert.equal(await page.title(), `/${args[0]?.slice(8, 20)}`)
    assert.ok((await total()) > before, `${args[0]}: not by the proxy`)
  }
  const refused = await startBrowser([`--proxy-server=http://${proxy}`, '--proxy-bypass-list=<-loopback>'])
  const page = await refused.newPage()
  const answer = await page.goto(`http://10.255.255.1:${webPort}/`)
  assert.equal(answer?.status(), 403)
  await refused.close()
})

test('a name is looked up at a real DNS server through UDP ASSOCIATE', async () => {
  await using dns = await startProgram(port => [
    'dnsmasq',
    ...[
      '--keep-in-foreground',
      '--no-resolv',
      '--no-hosts',
      '--no-daemon',
      '--bind-interfaces',
      '--user=root',
    ],
    ...['--listen-address=127.0.0.1', `--port=${port}`, '--address=/mesh.test/192.0.2.7'],
  ])
  await lab.run('home', 'proxy', 'config', '--exit', 'on', '--open', '127.0.0.1')
  const { listen } = (await lab.json('work', 'proxy', 'config', '--listen', '127.0.0.1:0')) as {
    listen: { port: number }
  }
  const control = net.connect(listen.port, '127.0.0.1')
  control.write(Buffer.from([5, 1, 0]))
  assert.deepEqual([...((await once(control, 'data')) as [Buffer])[0]], [5, 0])
  control.write(Buffer.from([5, 3, 0, 1, 0, 0, 0, 0, 0, 0]))
  const [reply] = (await once(control, 'data')) as [Buffer]
  const client = dgram.createSocket('udp4')
  const head = Buffer.from([0, 0, 0, 1, 127, 0, 0, 1, dns.port >> 8, dns.port & 0xff])
  // RFC 1035: id 7, recursion wanted, one question: www.mesh.test A IN.
  const query = Buffer.concat([
    Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ...['www', 'mesh', 'test', ''].flatMap(label => [Buffer.from([label.length]), Buffer.from(label)]),
    Buffer.from([0, 1, 0, 1]),
  ])
  // A datagram may be lost: resolvers ask again.
  const timer = setInterval(
    () => client.send(Buffer.concat([head, query]), reply.readUInt16BE(8), '127.0.0.1'),
    200,
  )
  const [answer] = (await once(client, 'message')) as [Buffer]
  clearInterval(timer)
  assert.deepEqual(answer.subarray(0, head.length), head)
  assert.deepEqual([...answer.subarray(-4)], [192, 0, 2, 7])
  client.close()
  control.destroy()
})
