import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, it } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { MeshError } from '../core/model/errors.ts'
import { serveOnLoopback, startGatewayRig } from '../testing/gateway-rig.ts'
import { until } from '../testing/until.ts'

const CONFIG = `
listeners: [{ kind: http, listen: '127.0.0.1:0' }]
routes:
  - { path: /ws, service: app, timeouts: { idle: 200ms } }
  - { path: /plain, service: app, webSocket: false }
  - { path: /gone, service: gone }
  - { path: /never, service: never }
`

describe('WebSockets', { concurrency: true }, () => {
  async function start() {
    const app = await serveOnLoopback((_request, response) => void response.end('page'))
    const sockets = new WebSocketServer({ noServer: true })
    app.server.on('upgrade', (request, socket: Duplex, head: Buffer) => {
      if (request.headers.cookie === 'bad')
        socket.end('HTTP/1.1 401 No\r\ncontent-length: 4\r\nx-a: b\r\n\r\nnope')
      else
        sockets.handleUpgrade(request, socket, head, ws => ws.on('message', data => ws.send(`got ${data}`)))
    })
    const rig = await startGatewayRig(CONFIG, {
      'tcp/app': app.port,
      'tcp/gone': new MeshError('offline', 'x'),
      'tcp/never': () => new Promise(() => {}),
    })
    const open = (path: string, headers = {}) =>
      new WebSocket(`ws://127.0.0.1:${rig.port}${path}`, { headers })
    return {
      rig,
      open,
      sockets,
      async [Symbol.asyncDispose]() {
        await rig[Symbol.asyncDispose]()
        await app[Symbol.asyncDispose]()
      },
    }
  }

  const statusOf = async (socket: WebSocket): Promise<[number | undefined, string]> => {
    socket.on('error', () => {})
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, http.IncomingMessage]
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    return [response.statusCode, Buffer.concat(chunks).toString()]
  }

  it('leave no connection behind when they are refused, whoever holds on to it', {
    timeout: 30_000,
  }, async () => {
    await using lab = await start()
    for (const path of ['/plain', '/gone', '/nowhere']) {
      const socket = net.connect({ host: '127.0.0.1', port: lab.rig.port, allowHalfOpen: true })
      const broken = new Promise(resolve => socket.once('error', resolve))
      const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${upgrade}\r\n`)
      assert.match(Buffer.concat(await socket.toArray()).toString(), /^HTTP\/1\.1 [45]\d\d /)
      // A connection that is gone breaks with what is sent on it.
      const writing = setInterval(() => socket.write('x'), 100)
      await broken
      clearInterval(writing)
    }
  })

  it('end when nothing moves in them, and not before', async () => {
    await using lab = await start()
    const socket = lab.open('/ws')
    await once(socket, 'open')
    for (let i = 0; i < 4; i += 1) {
      socket.send(String(i))
      assert.equal(String((await once(socket, 'message'))[0]), `got ${i}`)
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    await once(socket, 'close')
    assert.equal((await lab.rig.logged(() => true)).status, 101)
  })

  it('that the service refuses get its answer', async () => {
    await using lab = await start()
    assert.deepEqual(await statusOf(lab.open('/ws', { cookie: 'bad' })), [401, 'nope'])
    assert.equal((await lab.rig.logged(() => true)).status, 401)
  })

  const refused: [path: string, status: number][] = [
    ['/plain', 403],
    ['/nowhere', 404],
    ['/gone', 503],
  ]
  for (const [path, status] of refused) {
    it(`get ${status} for ${path}`, async () => {
      await using lab = await start()
      const [code, body] = await statusOf(lab.open(path))
      assert.equal(code, status)
      assert.match(body, /"code":"(PermissionDenied|NotFound|Unavailable)"/)
      assert.equal((await lab.rig.logged(() => true)).status, status)
      await lab.rig.gateway.drain()
    })
  }

  it('whose client goes away while they are opened leave nothing behind', async () => {
    await using lab = await start()
    const request = http.get({
      port: lab.rig.port,
      host: '127.0.0.1',
      path: '/never',
      headers: {
        connection: 'upgrade',
        upgrade: 'websocket',
        'sec-websocket-key': 'x',
        'sec-websocket-version': '13',
      },
    })
    request.on('error', () => {})
    await until(() => lab.rig.dials.includes('tcp/never'), 'it was dialled')
    request.destroy()
    assert.equal((await lab.rig.logged(() => true)).error, 'client-gone')
    await lab.rig.gateway.drain()
  })

  it('other upgrades are passed over: the request goes on as any other', async () => {
    await using lab = await start()
    const response = await new Promise<http.IncomingMessage>(resolve =>
      http.get(
        {
          port: lab.rig.port,
          host: '127.0.0.1',
          path: '/plain',
          headers: {
            connection: 'upgrade, http2-settings',
            upgrade: 'h2c',
            'http2-settings': 'AAMAAABkAAQAAP__',
          },
        },
        resolve,
      ),
    )
    assert.equal(response.statusCode, 200)
    response.resume()
  })
})
