import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { WebSocket, WebSocketServer } from 'ws'
import { execute, startNginx } from '../testing/programs.ts'
import { createTunnelLab, inboundPort, type TunnelLab } from '../testing/tunnel-lab.ts'
import { until } from '../testing/until.ts'

let lab: TunnelLab

before(async () => {
  lab = await createTunnelLab()
})

after(async () => {
  await lab[Symbol.asyncDispose]()
})

test('curl reaches nginx and a program of ours by routes of one service, and the program knows who asks', async () => {
  await using nginx = await startNginx(join(lab.folder, 'nginx'))
  const app = http.createServer((request, response) =>
    response.end(request.headers['ztm-identity'] ?? 'none'),
  )
  app.listen(0, '127.0.0.1')
  await once(app, 'listening')
  const { port: appPort } = app.address() as AddressInfo
  const file = join(lab.folder, 'routes.yaml')
  await writeFile(
    file,
    `routes:
  - { targets: "127.0.0.1:${nginx.port}", health: { path: /, interval: 500ms, rise: 1, fall: 1 } }
  - { path: /who, targets: "127.0.0.1:${appPort}", identity: { audience: who } }
  - { path: /staff, targets: "127.0.0.1:${appPort}", allow: { groups: staff } }
`,
  )
  await lab.run('home', 'tunnel', 'open', 'outbound', 'tcp/web', '-f', file)
  await lab.run('work', 'tunnel', 'open', 'inbound', 'tcp/web', '--listen', '127.0.0.1:0')
  const port = await inboundPort(lab, 'work', 'tcp/web')
  const curl = async (path: string, ...words: string[]) => {
    const url = `http://127.0.0.1:${port}${path}`
    const { stdout } = await execute('curl', ['-sS', '--noproxy', '*', '-w', '\n%{http_code}', ...words, url])
    const [status, ...lines] = stdout.split('\n').reverse()
    return { status, text: lines.reverse().join('\n') }
  }
  assert.deepEqual(await curl('/'), { status: '200', text: 'x'.repeat(1_024) })
  assert.equal((await curl('/', '--http2-prior-knowledge')).status, '200')
  assert.equal((await curl('/none')).status, '404')

  const keys = (await lab.json('home', 'tunnel', 'identity', '--listen', '127.0.0.1:0')) as {
    issuer: string
    listen: { port: number }
  }
  const { text: token } = await curl('/who', '-H', 'Ztm-Identity: forged')
  const jwks = createRemoteJWKSet(new URL(`http://127.0.0.1:${keys.listen.port}/.well-known/jwks.json`))
  const { payload } = await jwtVerify(token, jwks, { issuer: keys.issuer, audience: 'who' })
  assert.deepEqual([payload.user, payload.service, payload.groups], ['root', 'tcp/web', []])

  assert.equal((await curl('/staff')).status, '403')
  await lab.run('home', 'create', 'group', 'staff')
  await lab.run('home', 'update', 'group', 'staff', '--add-user', 'root')
  await until(
    async () => (await curl('/staff')).status === '200',
    'the group has come with the session ticket',
  )
  app.close().closeAllConnections()

  const described = () => lab.run('home', 'tunnel', 'describe', 'outbound', 'tcp/web')
  assert.match(await described(), /^\*\/\* +http:\/\/127\.0\.0\.1:\d+ +up +\/ /m)
  nginx.child.kill('SIGKILL')
  await until(async () => / down +\/ /.test(await described()), 'the check has seen that nginx is gone')
  assert.equal((await curl('/')).status, '503')
  const log = await lab.run('home', 'tunnel', 'log', 'tcp/web')
  assert.match(log, /^\S+ \S+ {2}root {2}200 {2}GET 127\.0\.0\.1:\d+\/ {2}-> http:/m)
  assert.match(log, /root {2}503 {2}GET .* offline$/m)
})

test('large bodies and WebSockets come through whole, and end with the outbound', async t => {
  const server = http.createServer((request, response) => request.pipe(response))
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', socket => socket.on('message', data => socket.send(data)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  const target = `/*=http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await lab.run('home', 'tunnel', 'open', 'outbound', 'tcp/echo', '--route', target)
  await lab.run('work', 'tunnel', 'open', 'inbound', 'tcp/echo', '--listen', '127.0.0.1:0')
  const port = await inboundPort(lab, 'work', 'tcp/echo')
  const sent = randomBytes(30_000_000)
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: sent })
  assert.ok(sent.equals(Buffer.from(await response.arrayBuffer())))

  const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
  await once(socket, 'open')
  const message = randomBytes(1_000_000)
  socket.send(message)
  assert.ok(message.equals((await once(socket, 'message'))[0] as Buffer))
  const closed = once(socket, 'close')
  await lab.run('home', 'tunnel', 'close', 'outbound', 'tcp/echo')
  await closed
})
