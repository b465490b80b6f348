import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import http, { type IncomingHttpHeaders } from 'node:http'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { WebSocket } from 'ws'
import { AGENT_API, AGENT_EVENTS_PATH, OPENAPI_PATH } from '../core/api/agent-api.ts'
import { createLocalMesh, type LocalAgent, type LocalMesh } from '../testing/local-mesh.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { type LocalServer, startLocalServer } from './local-server.ts'

const TOKEN = 'the-token-of-this-test'
const folder = makeScratchFolder()
const socketPath = folder.file('agent.sock')
let mesh: LocalMesh
let home: LocalAgent
let server: LocalServer
let port = 0

before(async () => {
  mesh = await createLocalMesh()
  home = await mesh.join('home')
  server = await startLocalServer({
    agent: home.agent,
    dataFolder: folder.path,
    socketPath,
    listen: { host: '127.0.0.1', port: 0 },
    token: TOKEN,
    metrics: async () => 'ztm_agent_link_up 1\n',
    stop: () => {},
    page: { template: '<key>{{key}}</key>', read: async () => undefined },
  })
  port = server.address?.port ?? 0
})

after(async () => {
  await server[Symbol.asyncDispose]()
  await mesh[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

interface Asked {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly via?: 'tcp' | 'socket'
}

/** One request; `fetch` would not let `Host` and `Origin` be set. */
async function ask(path: string, { method = 'GET', headers = {}, via = 'tcp' }: Asked = {}) {
  const to = via === 'socket' ? { socketPath } : { host: '127.0.0.1', port }
  const request = http.request({
    ...to,
    path,
    method,
    headers: { host: `localhost:${port}`, ...headers },
    agent: false,
  })
  request.end()
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  return {
    status: response.statusCode,
    text,
    code: codeOf(text),
    headers: response.headers as IncomingHttpHeaders,
  }
}

function codeOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { code?: unknown }).code
  } catch {
    return undefined
  }
}

const bearer = { authorization: `Bearer ${TOKEN}` }

test('local API on its socket is for the owner of the folder, and wants no login', async t => {
  if (process.platform !== 'win32') assert.equal(statSync(socketPath).mode & 0o777, 0o600)
  else t.diagnostic('a named pipe has no mode')
  const { status, text } = await ask('/api/meshes', { via: 'socket' })
  assert.equal(status, 200)
  assert.equal(JSON.parse(text).meshes.length, 1)
})

test('local API on TCP answers nobody without the token or a login', async () => {
  const wrong = [
    {},
    { authorization: 'Bearer wrong' },
    { authorization: `Basic ${TOKEN}` },
    { cookie: 'ztm-session=guess' },
  ]
  for (const path of [
    '/api/meshes',
    '/api/status',
    '/metrics',
    OPENAPI_PATH,
    AGENT_EVENTS_PATH,
    '/api/none',
  ]) {
    for (const headers of wrong) {
      const { status, code } = await ask(path, { headers })
      assert.deepEqual([status, code], [401, 'not-logged-in'], `${path} ${JSON.stringify(headers)}`)
    }
  }
  assert.equal((await ask('/api/meshes', { headers: bearer })).status, 200)
  assert.equal((await ask('/metrics', { headers: bearer })).text, 'ztm_agent_link_up 1\n')
})

test('local API refuses a host name that is not its own, whoever asks', async () => {
  for (const host of ['evil.test', `evil.test:${port}`, 'localhost', `localhost:${port + 1}`, '127.0.0.1']) {
    const { status, code } = await ask('/api/meshes', { headers: { ...bearer, host } })
    assert.deepEqual([status, code], [403, 'wrong-origin'], host)
  }
  for (const host of [`localhost:${port}`, `127.0.0.1:${port}`]) {
    assert.equal((await ask('/api/meshes', { headers: { ...bearer, host } })).status, 200)
  }
})

test('local API refuses a page of another origin, and lets no other page read its answers', async () => {
  for (const origin of [
    'http://evil.test',
    'null',
    `https://localhost:${port}`,
    `http://localhost:${port + 1}`,
    'file://',
  ]) {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const { status, code, headers } = await ask('/api/meshes', { method, headers: { ...bearer, origin } })
      assert.deepEqual([status, code], [403, 'wrong-origin'], `${method} ${origin}`)
      assert.equal(headers['access-control-allow-origin'], undefined)
    }
  }
  const own = await ask('/api/meshes', { headers: { ...bearer, origin: `http://localhost:${port}` } })
  assert.equal(own.status, 200)
  assert.equal(own.headers['access-control-allow-origin'], undefined)
})

/** What a browser keeps of a login. */
function loginOf({ headers, text }: Awaited<ReturnType<typeof ask>>) {
  const cookie = headers['set-cookie']?.[0]?.split(';', 1)[0] ?? ''
  return { cookie, 'ztm-key': /<key>([\w-]+)</.exec(text)?.[1] ?? '' }
}

test('local API logs a browser in by a code that is good once', async () => {
  const made = JSON.parse((await ask(AGENT_API.makeLoginCode.path, { method: 'POST', via: 'socket' })).text)
  assert.equal(made.token, TOKEN)
  const link = new URL(made.url)
  const path = `${link.pathname}${link.search}`
  const login = await ask(path)
  assert.equal(login.status, 200)
  const [set = ''] = login.headers['set-cookie'] ?? []
  assert.match(set, /^ztm-session=[\w-]{43}; /)
  assert.match(set, /; HttpOnly; SameSite=Strict$/)
  const headers = loginOf(login)
  assert.equal((await ask('/api/meshes', { headers })).status, 200)
  assert.deepEqual((await ask(path)).code, 'not-logged-in')

  // Who is logged in by TCP cannot make codes for others.
  const again = await ask(AGENT_API.makeLoginCode.path, { method: 'POST', headers })
  assert.deepEqual([again.status, again.code], [403, 'denied'])

  await ask('/logout', { method: 'POST', headers })
  assert.equal((await ask('/api/meshes', { headers })).code, 'not-logged-in')
})

test('local API wants both halves of a login: a cookie goes to every port of the computer', async () => {
  const { text, headers: answered } = await ask('/login', { method: 'POST', headers: bearer })
  const cookie = answered['set-cookie']?.[0]?.split(';', 1)[0] ?? ''
  const { key } = JSON.parse(text)
  assert.equal((await ask('/api/meshes', { headers: { cookie, 'ztm-key': key } })).status, 200)
  for (const headers of [
    { cookie },
    { 'ztm-key': key },
    { cookie, 'ztm-key': `${key}x` },
    { cookie, 'ztm-key': '' },
  ])
    assert.equal((await ask('/api/meshes', { headers })).code, 'not-logged-in')
  // Nor does the one lead to the other, where the system does not prove whose the browser is: here it is this process.
  const page = await ask('/', { headers: { cookie } })
  assert.deepEqual([page.status, loginOf(page)['ztm-key']], [200, ''])
  assert.equal((await ask('/login', { method: 'POST', headers: { cookie } })).code, 'not-logged-in')
})

/** Ask as another program of the same user does. */
async function askByCurl(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('curl', ['-s', ...args, `http://localhost:${port}/`])
  return /<key>([\w-]*)</.exec(stdout)?.[1] ?? ''
}

test('local page lets the user of the agent in without a word, and only by their own wish', {
  skip: process.platform !== 'linux' && 'only Linux tells whose a connection is',
}, async () => {
  assert.match(await askByCurl(), /^[\w-]{43}$/)
  for (const header of [
    'Sec-Fetch-Site: cross-site',
    'Sec-Fetch-Site: same-site',
    'X-Forwarded-For: 192.0.2.1',
    'Forwarded: for=192.0.2.1',
    'Via: 1.1 proxy',
  ])
    assert.equal(await askByCurl('-H', header), '', header)
  if (process.getuid?.() === 0) {
    const { stdout } = await promisify(execFile)('curl', ['-s', `http://localhost:${port}/`], { uid: 65_534 })
    assert.match(stdout, /<key><\//)
  }
})

test('local API gives nothing to images and scripts of other pages, which tell no origin', async () => {
  for (const site of ['cross-site', 'same-site']) {
    const { code } = await ask('/api/meshes', { headers: { ...bearer, 'sec-fetch-site': site } })
    assert.equal(code, 'wrong-origin')
  }
  assert.equal(
    (await ask('/api/meshes', { headers: { ...bearer, 'sec-fetch-site': 'same-origin' } })).status,
    200,
  )
})

test('local page lets no other page show it', async () => {
  const { status, headers } = await ask('/')
  assert.equal(status, 200)
  assert.match(String(headers['content-security-policy']), /frame-ancestors 'none'/)
  assert.equal(headers['x-content-type-options'], 'nosniff')
})

/** Try to open a stream as a page does. @returns `open`, or the code of the refusal */
async function openSocket(
  headers: Record<string, string>,
  protocols: string[],
  path = `/api/meshes/${[...home.agent.meshes.keys()][0]}/apps/ztm/none/stream`,
): Promise<unknown> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { headers })
  const { promise, resolve } = Promise.withResolvers<unknown>()
  socket.on('error', () => {})
  socket.on('open', () => resolve('open'))
  socket.on('unexpected-response', async (_, response) => resolve(codeOf(String(await response.toArray()))))
  const result = await promise
  socket.terminate()
  return result
}

test('local page gets streams of apps by WebSocket: its own page alone, with both halves of a login', async () => {
  const { text, headers: answered } = await ask('/login', { method: 'POST', headers: bearer })
  const cookie = answered['set-cookie']?.[0]?.split(';', 1)[0] ?? ''
  const key = `ztm-key.${JSON.parse(text).key}`
  const host = `localhost:${port}`
  const own = { host, origin: `http://localhost:${port}`, cookie }
  assert.equal(await openSocket(own, ['ztm-stream', key]), 'not-found')
  assert.equal(
    await openSocket(own, ['ztm-stream', key], '/api/meshes/none/apps/ztm/none/stream'),
    'not-joined',
  )
  assert.equal(await openSocket(own, ['ztm-stream', key], '/'), 'not-joined')
  for (const [headers, protocols, code] of [
    [{ host, cookie }, ['ztm-stream', key], 'wrong-origin'],
    [{ ...own, origin: 'http://evil.test' }, ['ztm-stream', key], 'wrong-origin'],
    [{ ...own, origin: 'null' }, ['ztm-stream', key], 'wrong-origin'],
    [{ ...own, host: 'evil.test' }, ['ztm-stream', key], 'wrong-origin'],
    [own, ['ztm-stream'], 'not-logged-in'],
    [own, ['ztm-stream', `${key}x`], 'not-logged-in'],
    [own, [key], 'not-logged-in'],
    [{ host, origin: own.origin }, ['ztm-stream', key], 'not-logged-in'],
    [{ ...own, ...bearer, cookie: 'ztm-session=guess' }, ['ztm-stream', key], 'not-logged-in'],
  ] as const)
    assert.equal(await openSocket(headers, [...protocols]), code, JSON.stringify([headers, protocols]))
})

test('local API describes every route it serves', async () => {
  const { paths } = JSON.parse((await ask(OPENAPI_PATH, { via: 'socket' })).text)
  const missing = Object.values(AGENT_API).filter(
    ({ method, path }) => paths[path]?.[method.toLowerCase()] === undefined,
  )
  assert.deepEqual(missing, [])
})

test('local API tells of a change without being asked again', async () => {
  const request = http.request({ socketPath, path: AGENT_EVENTS_PATH, agent: false }).end()
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let text = ''
  const told = async (pattern: RegExp) => {
    while (!pattern.test(text)) text += String((await once(response, 'data'))[0])
    text = ''
  }
  await told(/"state":"online"/)
  for (const name of home.agent.meshes.keys()) await home.agent.setEnabled(name, false)
  await told(/"state":"disabled"/)
  request.destroy()
})
