import assert from 'node:assert/strict'
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { parseAppRef } from '../../core/app/manifest.ts'
import { writeAppFolder } from '../../testing/app-folder.ts'
import { startBrowser } from '../../testing/browser.ts'
import { createLocalMesh, type LocalAgent, type LocalMesh, MESH_NAME } from '../../testing/local-mesh.ts'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import type { AppRequest, AppRunner } from '../app-runner.ts'
import { type LocalServer, startLocalServer } from '../local-server.ts'
import type { Packages } from './packages.ts'

/** Of a browser's document what is tried there; these tests are checked without the types of browsers. */
declare const document: {
  cookie: string
  readonly body: { append(element: object): void }
  createElement(tag: string): { onload?: () => void; onerror?: (event: unknown) => void }
  addEventListener(event: string, heard: (event: unknown) => void, options: { once: true }): void
}

const TOKEN = 'the-token-of-this-test'
const scratch = makeScratchFolder()
const asked: AppRequest[] = []
let mesh: LocalMesh
let home: LocalAgent
let server: LocalServer
let port = 0

/** Answers every request with who was asked for what. */
const runner: AppRunner = {
  start: async app => ({
    state: { is: 'running', pid: 1, sinceMs: 0 as never, restartCount: 0 },
    async request(request) {
      asked.push(request)
      const headers = {
        'content-type': 'text/plain',
        'set-cookie': 'stolen=1',
        'access-control-allow-origin': '*',
      }
      return { status: 200, headers, body: Buffer.from(`${app.name} ${request.method} ${request.path}`) }
    },
    async [Symbol.asyncDispose]() {},
  }),
}

before(async () => {
  mesh = await createLocalMesh()
  home = await mesh.join('home', { runner })
  server = await startLocalServer({
    agent: home.agent,
    dataFolder: scratch.path,
    socketPath: scratch.file('agent.sock'),
    listen: { host: '127.0.0.1', port: 0 },
    token: TOKEN,
    metrics: async () => '',
    stop: () => {},
    page: { template: '<key>{{key}}</key>', read: async () => undefined },
  })
  port = server.address?.port ?? 0
  for (const name of ['notes', 'game'])
    await install(name, {
      'gui/index.html': `<title>${name}</title><script src="app.js"></script>`,
      'gui/app.js': 'globalThis.isLoaded = true',
    })
  await install('plain', {})
})

after(async () => {
  await server[Symbol.asyncDispose]()
  await mesh[Symbol.asyncDispose]()
  scratch[Symbol.dispose]()
})

async function install(name: string, files: Record<string, string>): Promise<void> {
  const { apps, publish } = home.membership.packages as Packages
  const manifest = 'gui/index.html' in files ? { gui: 'gui' } : {}
  const folder = writeAppFolder(scratch.file(name), '1.0.0', { name, manifest, files })
  const { hash } = await publish({ folder, channel: 'stable', users: [], groups: [], isNewKey: false })
  const meant = { isNewKeyMeant: false, isOlderMeant: false, isStarted: true }
  await apps.install(parseAppRef(`root/${name}`), { hash, grants: [], ...meant })
}

const hostOf = (name: string) => `${name}--root--test.localhost:${port}`

async function linkOf(name: string, place: 'tab' | 'frame' = 'tab'): Promise<URL> {
  const path = `/api/meshes/${MESH_NAME}/page-links/root/${name}?in=${place}`
  const { status, text } = await ask(path, { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` } })
  assert.equal(status, 200, text)
  return new URL((JSON.parse(text) as { url: string }).url)
}

/** One request; `fetch` would not let `Host` and `Origin` be set. */
async function ask(
  path: string,
  { method = 'GET', host = `localhost:${port}`, headers = {} as Record<string, string> } = {},
) {
  const to = { host: '127.0.0.1', port, path, method, headers: { ...headers, host }, agent: false }
  const request = http.request(to)
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode, headers: response.headers, text }
}

/** Log in to an app's page. @returns the cookie */
async function logIn(name: string, place: 'tab' | 'frame' = 'tab'): Promise<string> {
  const { pathname, search } = await linkOf(name, place)
  const { headers } = await ask(pathname + search, { host: hostOf(name) })
  return headers['set-cookie']?.[0]?.split(';')[0] ?? ''
}

test('an app has its page at a host of its own, and its API below it', async () => {
  const link = await linkOf('notes')
  assert.equal(link.host, hostOf('notes'))
  const cookie = await logIn('notes')
  const page = await ask('/', { host: hostOf('notes'), headers: { cookie } })
  assert.deepEqual([page.status, page.headers['content-type']], [200, 'text/html; charset=utf-8'])
  assert.match(page.text, /<title>notes/)
  const policy = String(page.headers['content-security-policy'])
  for (const part of [
    "default-src 'self'",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "form-action 'self'",
  ])
    assert.ok(policy.includes(part), policy)
  const api = await ask('/api/list?limit=5', {
    host: hostOf('notes'),
    headers: { cookie, authorization: 'Bearer x' },
  })
  assert.equal(api.text, 'notes GET /list?limit=5')
  // Neither does the app get the session by which it is asked, nor does it act on the origin by headers of its own.
  assert.deepEqual(asked.at(-1)?.headers, {})
  assert.equal(api.headers['set-cookie'], undefined)
  assert.equal(api.headers['access-control-allow-origin'], undefined)
  const plain = `/api/meshes/${MESH_NAME}/page-links/root/plain`
  const none = await ask(plain, { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` } })
  assert.match(none.text, /root\/plain has none/)
})

test('a link opens a page once, and only the page it is for', async () => {
  const { pathname, search } = await linkOf('notes')
  assert.equal((await ask(pathname + search, { host: hostOf('game') })).status, 401)
  assert.equal((await ask(pathname + search, { host: hostOf('notes') })).status, 401)
  const again = await linkOf('notes')
  assert.equal((await ask(again.pathname + again.search, { host: hostOf('notes') })).status, 200)
  assert.equal((await ask(again.pathname + again.search, { host: hostOf('notes') })).status, 401)
  assert.equal((await ask('/.ztm/login?code=', { host: hostOf('notes') })).status, 401)
})

test("an app's session opens neither the agent's API nor another app, and the agent's token opens no app", async () => {
  const cookie = await logIn('notes')
  const bearer = { authorization: `Bearer ${TOKEN}` }
  const statuses = await Promise.all(
    [
      ask('/api/meshes', { headers: { cookie } }),
      ask('/api/list', { host: hostOf('game'), headers: { cookie } }),
      ask('/', { host: hostOf('game'), headers: { cookie } }),
      ask('/api/meshes', { host: hostOf('notes'), headers: bearer }),
      ask('/', { host: hostOf('notes') }),
      ask('/', { host: `unknown--root--test.localhost:${port}`, headers: { cookie } }),
    ].map(async answer => (await answer).status),
  )
  assert.deepEqual(statuses, [401, 401, 401, 401, 401, 401])
  // At its own origin there is no API but its own.
  const own = await ask('/api/meshes', { host: hostOf('notes'), headers: { cookie, ...bearer } })
  assert.equal(own.text, 'notes GET /meshes')
})

test('a request that another page made is refused, whatever cookie comes with it', async () => {
  const cookie = await logIn('notes')
  const from = (headers: Record<string, string>, host = hostOf('notes')) =>
    ask('/api/list', { method: 'POST', host, headers: { cookie, ...headers } })
  const foreign = [
    { origin: `http://${hostOf('game')}` },
    { origin: `http://localhost:${port}` },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]
  for (const headers of foreign) assert.equal((await from(headers)).status, 403, JSON.stringify(headers))
  assert.equal(
    (await from({ origin: `http://${hostOf('notes')}`, 'sec-fetch-site': 'same-origin' })).status,
    200,
  )
  // To the agent's API a page of an app is a foreign one, and a name that points here by accident is none of ours.
  const bearer = { authorization: `Bearer ${TOKEN}` }
  const origin = `http://${hostOf('notes')}`
  assert.equal((await ask('/api/meshes', { headers: { ...bearer, origin } })).status, 403)
  for (const host of [
    'notes--root--test.localhost',
    `notes--root--test.localhost:${port + 1}`,
    `notes--root--test.localhost.evil.example:${port}`,
  ])
    assert.equal((await ask('/api/list', { host, headers: { cookie, ...bearer } })).status, 403, host)
})

test('what an app answers at the agent’s own origin runs no script there', async () => {
  const path = `/api/meshes/${MESH_NAME}/apps/root/notes/evil.html`
  const { status, headers } = await ask(path, { headers: { authorization: `Bearer ${TOKEN}` } })
  assert.equal(status, 200)
  assert.match(String(headers['content-security-policy']), /default-src 'none'/)
  assert.doesNotMatch(String(headers['content-security-policy']), /script-src/)
  assert.equal(headers['x-content-type-options'], 'nosniff')
})

test('nothing but the files of the page is given', async () => {
  const cookie = await logIn('notes')
  const get = (path: string) => ask(path, { host: hostOf('notes'), headers: { cookie } })
  assert.equal((await get('/app.js')).text, 'globalThis.isLoaded = true')
  for (const path of [
    '/../app.json',
    '/..%2fapp.json',
    '/%2e%2e/app.json',
    '/..%5capp.json',
    '/gui/../../app.json',
    '//etc/passwd',
    '/%00',
    '/%',
    '/none.js',
    '/app.json',
  ])
    assert.equal((await get(path)).status, 404, path)
  assert.equal(
    (await ask('/app.js', { method: 'DELETE', host: hostOf('notes'), headers: { cookie } })).status,
    404,
  )
})

const policyOf = (answer: Awaited<ReturnType<typeof ask>>) =>
  String(answer.headers['content-security-policy'])

test("a page is shown in a frame of the agent's page if it was opened there, and in no other", async () => {
  const { pathname, search } = await linkOf('notes', 'frame')
  const login = await ask(pathname + search, {
    host: hostOf('notes'),
    headers: { 'sec-fetch-site': 'cross-site' },
  })
  const [cookie = '', ...attributes] = login.headers['set-cookie']?.[0]?.split('; ') ?? []
  assert.deepEqual(attributes.sort(), ['HttpOnly', 'Partitioned', 'Path=/', 'SameSite=None', 'Secure'])
  const page = await ask('/', { host: hostOf('notes'), headers: { cookie, 'sec-fetch-site': 'same-origin' } })
  for (const answer of [login, page]) {
    assert.equal(answer.status, 200)
    const own = `frame-ancestors http://localhost:${port} http://127.0.0.1:${port}`
    assert.ok(policyOf(answer).includes(own), policyOf(answer))
    assert.equal(answer.headers['x-frame-options'], undefined)
  }
  // Another page that frames it has the cookie sent along, and gets nothing.
  for (const site of ['cross-site', 'same-site', 'none-of-these'])
    assert.equal(
      (await ask('/', { host: hostOf('notes'), headers: { cookie, 'sec-fetch-site': site } })).status,
      403,
      site,
    )
  // Either is no good as the other.
  const [, value] = cookie.split('=')
  assert.equal(
    (await ask('/', { host: hostOf('notes'), headers: { cookie: `ztm-app=${value}` } })).status,
    401,
  )
  const [, tab] = (await logIn('notes')).split('=')
  const asFrame = { cookie: `ztm-app-frame=${tab}` }
  assert.equal((await ask('/', { host: hostOf('notes'), headers: asFrame })).status, 401)
  const inTab = await ask('/', { host: hostOf('notes'), headers: { cookie: `ztm-app=${tab}` } })
  assert.ok(policyOf(inTab).includes("frame-ancestors 'none'"))
})

test("the agent's page may show one origin in a frame, where it shows that app, and nothing else is in its policy", async () => {
  const framed = async (path: string) =>
    /frame-src ([^;]*)/.exec(policyOf(await ask(path, { headers: { accept: 'text/html' } })))?.[1]
  assert.equal(await framed(`/${MESH_NAME}/apps/root/notes/page`), `http://${hostOf('notes')}`)
  // Wherever it is: each app in each mesh has another.
  assert.match(
    (await framed('/Other%20Mesh/apps/root/notes/page')) ?? '',
    /^http:\/\/notes--x-[0-9a-f]{24}\.localhost:\d+$/,
  )
  for (const path of [
    '/',
    `/${MESH_NAME}`,
    `/${MESH_NAME}/apps/root/notes`,
    `/${MESH_NAME}/apps/root/notes/page/more`,
    `/${MESH_NAME}/apps/root/*/page`,
    `/${MESH_NAME}/apps/root/notes%20*/page`,
    `/${MESH_NAME}/apps/root/notes%3B%20script-src%20*/page`,
    `/${MESH_NAME}/apps/root/notes%253Bx/page`,
    `/${MESH_NAME}/apps/%/notes/page`,
    `/${MESH_NAME}/apps/root/%0d%0ax/page`,
    `/${MESH_NAME}/apps/root/evil.example%2F/page`,
  ]) {
    assert.equal(await framed(path), "'self'", path)
    const policy = policyOf(await ask(path, { headers: { accept: 'text/html' } }))
    assert.equal(policy.split(';').filter(part => part.trim().startsWith('script-src')).length, 1, policy)
  }
})

test('in a browser a page reaches its own app, and can do nothing to the agent or to another app', async t => {
  const browser: Browser = await startBrowser()
  t.after(() => browser.close())
  const context = await browser.newContext()
  const page = await context.newPage()
  // Logged in to both apps and with the other one open: what it must not use is there to be used.
  const other = await context.newPage()
  await other.goto(String(await linkOf('game')))
  await other.waitForURL(`http://${hostOf('game')}/`)
  await page.goto(String(await linkOf('notes')))
  await page.waitForURL(`http://${hostOf('notes')}/`)
  await page.waitForFunction(() => 'isLoaded' in globalThis)
  const before = asked.length
  const found = await page.evaluate(
    async ({ agent, game }) => {
      const attempt = async (call: () => Promise<unknown>) =>
        call().then(
          value => `got ${value}`,
          () => 'refused',
        )
      const load = (tag: 'img' | 'script' | 'iframe', src: string) =>
        attempt(
          () =>
            new Promise((resolve, reject) => {
              const element = Object.assign(document.createElement(tag), { src })
              document.addEventListener('securitypolicyviolation', reject, { once: true })
              element.onload = () => resolve('it')
              element.onerror = reject
              document.body.append(element)
            }),
        )
      const ask = (url: string, init: RequestInit = {}) =>
        attempt(async () => (await fetch(url, { credentials: 'include', ...init })).text())
      document.cookie = 'ztm-session=mine; domain=localhost; path=/'
      const socket = attempt(
        () =>
          new Promise((resolve, reject) => {
            const opened = new WebSocket(`${agent.replace('http', 'ws')}/api/events`)
            opened.onopen = resolve
            opened.onerror = reject
          }),
      )
      return {
        own: await ask('/api/list'),
        cookie: document.cookie,
        agent: await ask(`${agent}/api/meshes`),
        agentNoCors: await ask(`${agent}/api/stop`, { method: 'POST', mode: 'no-cors' }),
        game: await ask(`${game}/api/list`),
        gameNoCors: await ask(`${game}/api/list`, { method: 'POST', mode: 'no-cors' }),
        picture: await load('img', `${game}/api/list`),
        script: await load('script', `${game}/app.js`),
        frame: await load('iframe', `${game}/`),
        socket: await socket,
      }
    },
    { agent: `http://localhost:${port}`, game: `http://${hostOf('game')}` },
  )
  const { own, ...rest } = found
  assert.equal(own, 'got notes GET /list')
  assert.deepEqual(rest, {
    cookie: '',
    agent: 'refused',
    agentNoCors: 'refused',
    game: 'refused',
    gameNoCors: 'refused',
    picture: 'refused',
    script: 'refused',
    frame: 'refused',
    socket: 'refused',
  })
  assert.deepEqual(
    asked.slice(before).map(({ path }) => path),
    ['/list'],
  )
  const cookies = await context.cookies(`http://localhost:${port}`)
  assert.deepEqual(cookies, [])
})
