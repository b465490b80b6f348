import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { serveOnLoopback } from '../testing/gateway-rig.ts'
import { PROVIDER_AUDIENCE, startOpenIdProvider } from '../testing/openid-provider.ts'
import { createProcessMesh, freePort } from '../testing/process-mesh.ts'
import { until } from '../testing/until.ts'

test('run gateway leads the internet to a service without an open port, reloads on SIGHUP and ends on SIGTERM', async () => {
  await using web = await serveOnLoopback((request, response) => void request.pipe(response))
  const sockets = new WebSocketServer({ server: web.server })
  sockets.on('connection', socket => socket.on('message', data => socket.send(`echo ${data}`)))
  await using mesh = await createProcessMesh()
  await mesh.startHub()
  await mesh.join('home')
  const target = `127.0.0.1:${web.port}`
  await mesh.run('home', 'tunnel', 'open', 'outbound', 'tcp/web', '--targets', target)
  const [port, metricsPort] = [await freePort(), await freePort()]
  const config = `
mesh: { permit: root.json, name: door }
listeners: [{ kind: http, listen: '127.0.0.1:${port}' }]
accessLog: access.log
routes: [{ path: /web/*, service: web, stripPrefix: /web }, { path: /gone, service: nobody }]
`
  const gateway = await mesh.startGateway('door', config, ['--metrics', `127.0.0.1:${metricsPort}`])
  const at = `http://127.0.0.1:${port}`

  // Bytes there and back, over the mesh.
  const sent = randomBytes(20_000_000)
  const back = Buffer.from(
    await (await fetch(`${at}/web/echo`, { method: 'POST', body: sent })).arrayBuffer(),
  )
  assert.equal(sha256(back), sha256(sent))
  const socket = new WebSocket(`ws://127.0.0.1:${port}/web/ws`)
  await once(socket, 'open')
  socket.send('hi')
  assert.equal(String((await once(socket, 'message'))[0]), 'echo hi')

  assert.equal((await fetch(`${at}/nowhere`)).status, 404)
  const gone = await fetch(`${at}/gone`)
  assert.deepEqual([gone.status, gone.headers.get('retry-after')], [503, '5'])
  assert.equal(((await gone.json()) as { error: { code: string } }).error.code, 'Unavailable')
  const status = JSON.parse(readFileSync(`${mesh.folder}/door/gateway/gateway.json`, 'utf8'))
  assert.deepEqual(status.addresses, [`127.0.0.1:${port}`])
  const health = await fetch(`http://127.0.0.1:${metricsPort}/.ztm/health`)
  assert.deepEqual([health.status, await health.json()], [200, { status: 'up' }])
  assert.match(
    await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
    /ztm_gateway_requests_total/,
  )

  // Another configuration, then a broken one; the WebSocket lives through both.
  const file = `${mesh.folder}/door.yaml`
  writeFileSync(file, config.replace('path: /gone, service: nobody', 'path: /other, service: web'))
  gateway.child.kill('SIGHUP')
  await until(async () => (await fetch(`${at}/other`)).status === 200, 'the new route is there')
  writeFileSync(file, `${config}listeners: none\n`)
  gateway.child.kill('SIGHUP')
  await until(() => gateway.output().includes('gateway.not-reloaded'), 'the mistake is told')
  assert.equal((await fetch(`${at}/other`)).status, 200)
  const check = await mesh.ztm('door', ['run', 'gateway', '--config', file, '--check'])
  assert.deepEqual([check.code, check.stdout], [2, ''])
  assert.match(check.stderr, /door\.yaml: Map keys must be unique/)
  socket.send('still')
  assert.equal(String((await once(socket, 'message'))[0]), 'echo still')

  socket.terminate()
  await gateway.stop()
  assert.equal(gateway.child.exitCode, 0)
  const lines = readFileSync(`${mesh.folder}/access.log`, 'utf8').trim().split('\n')
  const statuses = lines.map(line => (JSON.parse(line) as { status: number }).status)
  assert.ok(
    [200, 503, 404, 101].every(status => statuses.includes(status)),
    statuses.join(),
  )
})

test('run gateway comes in by a login, dials what policies let it, and loses it with them', async () => {
  await using provider = await startOpenIdProvider()
  await using web = await serveOnLoopback((_request, response) => void response.end('hello'))
  await using mesh = await createProcessMesh()
  const hub = await mesh.startHub({ args: ['--issuer-reach', 'computer'] })
  await mesh.join('home')
  await mesh.run(
    'home',
    'create',
    'signer',
    'iam',
    '--issuer',
    provider.issuer,
    '--audience',
    PROVIDER_AUDIENCE,
  )
  await mesh.run('home', 'create', 'identity', 'door', '--external-id', 'worker')
  const { id } = (await mesh.json('home', 'describe', 'identity', 'door')) as { id: string }
  const open = ['tunnel', 'open', 'outbound', 'tcp/web', '--targets', `127.0.0.1:${web.port}`]
  await mesh.run('home', ...open, '--users', id)
  writeFileSync(`${mesh.folder}/token`, await provider.token())
  const { ca } = JSON.parse(readFileSync(mesh.permit, 'utf8')) as { ca: string }
  writeFileSync(`${mesh.folder}/ca.pem`, ca)
  const port = await freePort()
  const gateway = await mesh.startGateway(
    'door',
    `
controller: { url: 'https://${hub.address}', tokenCommand: cat ${mesh.folder}/token, ca: ca.pem }
listeners: [{ kind: http, listen: '127.0.0.1:${port}' }]
routes: [{ service: web }]
`,
  )
  const ask = async () => await fetch(`http://127.0.0.1:${port}/`)
  assert.equal(await (await ask()).text(), 'hello')
  await mesh.run('home', 'delete', 'identity', 'door')
  await until(async () => (await ask()).status !== 200, 'the gateway may dial no more')
  await gateway.stop()
})

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
