import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { z } from 'zod'
import { AGENT_API, AGENT_EVENTS_PATH, OPENAPI_PATH } from '../core/api/agent-api.ts'
import { defineRoute, type Route } from '../core/api/route.ts'
import type { App } from '../sdk/app.ts'
import { createLocalMesh, type LocalAgent, type LocalMesh } from '../testing/local-mesh.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { trickle } from '../testing/stranger.ts'
import { type LocalServer, startLocalServer } from './local-server.ts'

const TOKEN = 'the-token-of-this-test'
const folder = makeScratchFolder()
const socketPath = folder.file('agent.sock')
let mesh: LocalMesh
let home: LocalAgent
let server: LocalServer
let port = 0
let stopCount = 0
const changes: unknown[] = []

/** An app with something worth to be changed, as ZTM's tunnel had. */
const app: App = {
  name: 'test/tunnel',
  api: {
    open: defineRoute({
      method: 'POST',
      path: '/outbound',
      summary: 'Open an outbound',
      body: z.object({ targets: z.array(z.string()) }),
    }),
  },
  async start() {
    const open = async ({ body }: { body: unknown }) => void changes.push(body)
    return { handlers: { open } as never, async [Symbol.asyncDispose]() {} }
  },
}
const appPath = '/api/meshes/test/apps/test/tunnel/outbound'

before(async () => {
  mesh = await createLocalMesh()
  home = await mesh.join('home', { apps: [app] })
  server = await startLocalServer({
    agent: home.agent,
    dataFolder: folder.path,
    socketPath,
    listen: { host: '127.0.0.1', port: 0 },
    token: TOKEN,
    metrics: async () => '',
    stop: () => {
      stopCount += 1
    },
    http: { headersTimeout: 400, requestTimeout: 800, connectionsCheckingInterval: 50 },
  })
  port = server.address?.port ?? 0
})

after(async () => {
  await server[Symbol.asyncDispose]()
  await mesh[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** Every route there is, with something in place of its parameters that nobody has. */
function everyRoute(): [method: string, path: string][] {
  const routes: Route[] = Object.values(AGENT_API)
  return [
    ...routes.map(({ method, path }): [string, string] => [method, path.replace(/\{\w+\}/g, 'none')]),
    ['POST', appPath],
    ['GET', '/api/meshes/test/apps/test/tunnel/none'],
    ['GET', OPENAPI_PATH],
    ['GET', AGENT_EVENTS_PATH],
    ['GET', '/metrics'],
    ['GET', '/none'],
  ]
}

const hasBody = (method: string) => method !== 'GET' && method !== 'DELETE'

async function ask(method: string, path: string, headers: Record<string, string>, body?: string) {
  const request = http.request({ host: '127.0.0.1', port, method, path, headers, agent: false })
  // One more may come after the answer has.
  request.on('error', () => {})
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  if (path === AGENT_EVENTS_PATH && response.statusCode === 200) {
    request.destroy()
    return { status: 200, code: undefined }
  }
  const text = Buffer.concat(await response.toArray()).toString()
  const code = text.startsWith('{') ? (JSON.parse(text).code as unknown) : undefined
  return { status: response.statusCode, code }
}

test('every route of the local API asks for host, origin and token, in this order', async t => {
  const host = `localhost:${port}`
  const bearer = { host, authorization: `Bearer ${TOKEN}` }
  const callers: [who: string, headers: Record<string, string>, code: string][] = [
    ['nobody', { host }, 'not-logged-in'],
    ['a wrong token', { host, authorization: 'Bearer wrong' }, 'not-logged-in'],
    [
      'a token of the right length',
      { host, authorization: `Bearer ${'x'.repeat(TOKEN.length)}` },
      'not-logged-in',
    ],
    ['a token in another place', { host, cookie: `ztm-session=${TOKEN}` }, 'not-logged-in'],
    ['a page of another site', { ...bearer, origin: 'http://evil.test' }, 'wrong-origin'],
    ['a page without a site', { ...bearer, origin: 'null' }, 'wrong-origin'],
    ['a name that was made to point here', { ...bearer, host: `evil.test:${port}` }, 'wrong-origin'],
  ]
  const routes = everyRoute()
  for (const [method, path] of routes) {
    for (const [who, headers, code] of callers) {
      const answer = await ask(method, path, headers, hasBody(method) ? '{}' : undefined)
      const status = code === 'not-logged-in' ? 401 : 403
      assert.deepEqual(answer, { status, code }, `${method} ${path} by ${who}`)
    }
    const { code } = await ask(method, path, bearer, hasBody(method) ? '{}' : undefined)
    assert.ok(
      code !== 'not-logged-in' && code !== 'wrong-origin',
      `${method} ${path} with the token: ${code}`,
    )
  }
  t.diagnostic(`${routes.length} routes x ${callers.length} callers`)
  assert.equal(stopCount, 1, 'it stopped for the one who may')
})

test('a page of another site changes nothing, whatever it sends', async () => {
  // ZTM's finding 6: POST with a foreign Origin and text/plain created a tunnel.
  const body = JSON.stringify({ targets: ['127.0.0.1:22'] })
  for (const headers of [
    { host: `localhost:${port}`, origin: 'http://evil.test', 'content-type': 'text/plain' },
    { host: `localhost:${port}`, 'content-type': 'text/plain' },
    { host: 'evil.test', 'content-type': 'application/json' },
    { host: `localhost:${port}`, origin: 'http://evil.test', authorization: `Bearer ${TOKEN}` },
  ]) {
    const { status } = await ask('POST', appPath, headers, body)
    assert.ok(status === 401 || status === 403)
  }
  assert.deepEqual(changes, [])
  const own = { host: `localhost:${port}`, authorization: `Bearer ${TOKEN}` }
  assert.equal((await ask('POST', appPath, own, body)).status, 204)
  assert.equal(changes.length, 1)
})

test('local API refuses what is too large or no JSON, and goes on', async () => {
  const own = { host: `localhost:${port}`, authorization: `Bearer ${TOKEN}` }
  // Both are closed while they still send, so that the answer may be lost on the way.
  const cutOff = async (asked: ReturnType<typeof ask>) =>
    asked.then(
      ({ status }) => status,
      (error: NodeJS.ErrnoException) => error.code,
    )
  const header = await cutOff(ask('GET', '/api/status', { ...own, 'x-large': 'x'.repeat(65_536) }))
  assert.ok([431, 'ECONNRESET', 'EPIPE'].includes(header ?? ''), String(header))
  const body = await cutOff(ask('POST', appPath, own, 'x'.repeat(300_000)))
  assert.ok([413, 'ECONNRESET', 'EPIPE'].includes(body ?? ''), String(body))
  assert.equal((await ask('POST', appPath, own, '{"targets":')).code, 'bad-input')
  assert.equal((await ask('POST', appPath, own, '{"targets":[1]}')).code, 'bad-input')
  assert.equal((await ask('GET', '/api/meshes/%00%2f', own)).code, 'bad-name')
  assert.equal((await ask('GET', `/api/meshes/${'x'.repeat(5_000)}`, own)).code, 'bad-input')
  assert.equal((await ask('GET', '/api/status', own)).status, 200)
})

const slow: [what: string, bytes: string, everyMs: number][] = [
  ['nothing', '', 0],
  ['half a line', 'GET /api/sta', 0],
  ['headers without end', `GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ${'b'.repeat(2_000)}`, 5],
  ['a body that does not come', 'POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nx', 0],
]

test('local API closes slow connections within their limits', { concurrency: true }, async t => {
  const runs = slow.map(([what, bytes, everyMs]) =>
    t.test(what, async () => {
      const socket = net.connect({ host: '127.0.0.1', port })
      socket.on('error', () => {}).resume()
      await once(socket, 'connect')
      const startedMs = performance.now()
      if (everyMs === 0) socket.write(bytes)
      else trickle(socket, Buffer.from(bytes), everyMs)
      await new Promise(resolve => socket.once('close', resolve))
      assert.ok(performance.now() - startedMs < 4_000)
    }),
  )
  await Promise.all(runs)
})

test('local API answers nobody who names no host, or two', async () => {
  const token = `Authorization: Bearer ${TOKEN}\r\n`
  for (const head of [
    `GET /api/status HTTP/1.0\r\n${token}\r\n`,
    `GET /api/status HTTP/1.1\r\n${token}\r\n`,
    `GET /api/status HTTP/1.1\r\nHost: evil.test\r\nHost: localhost:${port}\r\n${token}\r\n`,
    `GET http://evil.test/api/status HTTP/1.0\r\n${token}\r\n`,
  ]) {
    const socket = net.connect({ host: '127.0.0.1', port })
    socket.end(head)
    const text = Buffer.concat(await socket.toArray()).toString()
    assert.match(text, /^HTTP\/1\.1 40[03] /, head)
  }
})

test('local API keeps no connection whose stream it refused, whoever holds on to it', {
  timeout: 30_000,
}, async () => {
  const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  const broken = new Promise(resolve => socket.once('error', resolve))
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
  socket.write(`GET /api/x HTTP/1.1\r\nHost: localhost:${port}\r\n${upgrade}\r\n`)
  const text = Buffer.concat(await socket.toArray()).toString()
  assert.match(text, /^HTTP\/1\.1 40[13] /)
  // A connection that is gone breaks with what is sent on it.
  const writing = setInterval(() => socket.write('x'), 100)
  await broken
  clearInterval(writing)
})

test('local API lets garbage go by', async () => {
  for (const bytes of [
    '\x16\x03\x01\x02\x00\x01\x00',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\0\0\0\r\n\r\n',
    'ZTM1\x01',
  ]) {
    const socket = net.connect({ host: '127.0.0.1', port })
    socket.on('error', () => {}).resume()
    socket.end(Buffer.from(bytes, 'latin1'))
    await new Promise(resolve => socket.once('close', resolve))
  }
  const own = { host: `localhost:${port}`, authorization: `Bearer ${TOKEN}` }
  assert.equal((await ask('GET', '/api/status', own)).status, 200)
})
