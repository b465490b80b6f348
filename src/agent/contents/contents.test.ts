import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { after, before, test } from 'node:test'
import type { AppContents } from '../../core/model/content.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { App } from '../../sdk/app.ts'
import { createLocalMesh, type LocalMesh } from '../../testing/local-mesh.ts'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import { until } from '../../testing/until.ts'
import { type LocalServer, startLocalServer } from '../local-server.ts'

const TOKEN = 'the-token-of-this-test'
const BYTES = Buffer.from(Array.from({ length: 1_000 }, (_, index) => index % 251))
const folder = makeScratchFolder()
let mesh: LocalMesh
let server: LocalServer
let port = 0
const version = 'aa'
let [openCount, closeCount, readCount] = [0, 0, 0]
const given = new Map<string, Buffer>()

/** An app that has one content, under any name and of any length of `x`, and takes all that comes. */
const contents: AppContents = {
  async open({ path = '', large }) {
    if (path === 'missing') throw new MeshError('not-found', 'Cannot open it: it is not there')
    openCount += 1
    const sizeBytes = large === undefined ? BYTES.length : Number(large)
    return {
      name: path,
      sizeBytes,
      version,
      async *read(start, end) {
        if (path === 'once.bin' && readCount++ === 1) throw new MeshError('offline', 'Cannot go on: it broke')
        for (let at = start; at < end; at += 65_536)
          yield large === undefined
            ? BYTES.subarray(at, Math.min(end, at + 65_536))
            : Buffer.alloc(Math.min(65_536, end - at), 'x')
      },
      async [Symbol.asyncDispose]() {
        closeCount += 1
      },
    }
  },
  async take({ name = '', size = '0', offset }, bytes) {
    const parts = [given.get(name) ?? Buffer.alloc(0)]
    if (offset !== undefined) for await (const some of bytes) parts.push(Buffer.from(some))
    const all = Buffer.concat(parts)
    given.set(name, all)
    return {
      id: 'ab'.repeat(8),
      name,
      place: `/there/${name}`,
      doneBytes: all.length,
      totalBytes: Number(size),
    }
  },
}
const app: App = {
  name: 'ztm/shelf',
  api: {},
  start: async () => ({ handlers: {}, contents, async [Symbol.asyncDispose]() {} }),
}

before(async () => {
  mesh = await createLocalMesh()
  const { agent } = await mesh.join('home', { apps: [app] })
  server = await startLocalServer({
    agent,
    dataFolder: folder.path,
    socketPath: folder.file('agent.sock'),
    listen: { host: '127.0.0.1', port: 0 },
    token: TOKEN,
    metrics: async () => '',
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
  readonly body?: string | Uint8Array
}

async function send(path: string, { method = 'GET', headers = {}, body }: Asked = {}) {
  const request = http.request({
    host: '127.0.0.1',
    port,
    path,
    method,
    headers: { host: `localhost:${port}`, ...headers },
    agent: false,
  })
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  return response
}

async function ask(path: string, asked?: Asked) {
  const response = await send(path, asked)
  const chunks: Buffer[] = []
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  const json = () => JSON.parse(bytes.toString()) as Record<string, unknown>
  return { status: response.statusCode, headers: response.headers, bytes, json }
}

const bearer = { authorization: `Bearer ${TOKEN}` }
const CONTENT = '/api/meshes/test/apps/ztm/shelf/content'

/** A browser logs in. @returns both halves */
async function logIn() {
  const answer = await ask('/login', { method: 'POST', headers: bearer })
  const cookie = (answer.headers['set-cookie'] as string[])[0]?.split(';')[0] ?? ''
  return { cookie, 'ztm-key': String(answer.json().key) }
}

async function link(login: Record<string, string>, query: Record<string, string>, as = 'shown') {
  const body = JSON.stringify({ mesh: 'test', app: 'ztm/shelf', query, as })
  const headers = { ...login, 'content-type': 'application/json' }
  return ask('/api/content-links', { method: 'POST', headers, body })
}

test('a content is given whole, in ranges, and not again when it is the same', async () => {
  const all = await ask(`${CONTENT}?path=a.bin`, { headers: bearer })
  assert.deepEqual([all.status, all.bytes.equals(BYTES), all.headers['content-length']], [200, true, '1000'])
  const etag = String(all.headers.etag)
  const cases: [Record<string, string>, number, string | undefined, Buffer][] = [
    [{ range: 'bytes=0-9' }, 206, 'bytes 0-9/1000', BYTES.subarray(0, 10)],
    [{ range: 'bytes=990-' }, 206, 'bytes 990-999/1000', BYTES.subarray(990)],
    [{ range: 'bytes=-1' }, 206, 'bytes 999-999/1000', BYTES.subarray(999)],
    [{ range: 'bytes=1000-' }, 416, 'bytes */1000', Buffer.alloc(0)],
    [{ range: 'bytes=0-1,5-6' }, 200, undefined, BYTES],
    [{ range: 'bytes=0-9', 'if-range': etag }, 206, 'bytes 0-9/1000', BYTES.subarray(0, 10)],
    [{ range: 'bytes=0-9', 'if-range': '"other"' }, 200, undefined, BYTES],
    [{ 'if-none-match': etag }, 304, undefined, Buffer.alloc(0)],
  ]
  for (const [headers, status, range, bytes] of cases) {
    const answer = await ask(`${CONTENT}?path=a.bin`, { headers: { ...bearer, ...headers } })
    assert.deepEqual(
      [answer.status, answer.headers['content-range']],
      [status, range],
      JSON.stringify(headers),
    )
    assert.ok(answer.bytes.equals(bytes))
  }
  const head = await ask(`${CONTENT}?path=a.bin`, { method: 'HEAD', headers: bearer })
  assert.deepEqual([head.status, head.headers['content-length'], head.bytes.length], [200, '1000', 0])
  const missing = await ask(`${CONTENT}?path=missing`, { headers: bearer })
  assert.deepEqual([missing.status, missing.json().code], [404, 'not-found'])
  await until(() => openCount === closeCount, 'all that was opened is closed')
})

test('a link is good with the cookie of the login that made it, and for its content alone', async () => {
  const login = await logIn()
  const { url } = (await link(login, { path: 'film.mp4' })).json() as { url: string }
  assert.match(url, /^\/api\/contents\/[\w-]{43}$/)
  const { cookie } = login
  const seek = await ask(url, { headers: { cookie, range: 'bytes=100-199', 'sec-fetch-dest': 'video' } })
  assert.deepEqual([seek.status, seek.headers['content-type']], [206, 'video/mp4'])
  assert.ok(seek.bytes.equals(BYTES.subarray(100, 200)))
  const other = await logIn()
  const refused: [string, Record<string, string>][] = [
    [url, {}],
    [url, { cookie: 'ztm-session=guess' }],
    [url, { cookie: other.cookie }],
    [url, { 'ztm-key': login['ztm-key'] }],
    [url.replace(/.{4}$/, 'AAAA'), { cookie }],
    // Neither the cookie alone nor the link opens anything else.
    ['/api/meshes', { cookie }],
    [`${CONTENT}?path=a.bin`, { cookie }],
  ]
  for (const [path, headers] of refused)
    assert.equal((await ask(path, { headers })).status, 401, `${path} ${JSON.stringify(headers)}`)
  for (const site of ['cross-site', 'same-site']) {
    const foreign = await ask(url, { headers: { cookie, 'sec-fetch-site': site, 'sec-fetch-dest': 'video' } })
    assert.deepEqual([foreign.status, foreign.json().code], [403, 'wrong-origin'])
  }
  for (const half of [{ cookie }, { 'ztm-key': login['ztm-key'] }, {}, bearer])
    assert.equal((await link(half as Record<string, string>, { path: 'a' })).status, 401)
  await ask('/logout', { method: 'POST', headers: login })
  assert.equal((await ask(url, { headers: { cookie } })).status, 401)
})

test('what strangers wrote is never a document of our origin', async () => {
  const login = await logIn()
  const { cookie } = login
  const names = [
    'evil.html',
    'evil.svg',
    'evil.xhtml',
    'evil.js',
    'evil.pdf',
    'evil',
    'x.mht',
    'evil.html\r\nx: y',
  ]
  for (const path of names) {
    const { url } = (await link(login, { path })).json() as { url: string }
    for (const destination of ['document', 'script', 'style', 'worker', 'serviceworker', 'frame']) {
      const headers = { cookie, 'sec-fetch-dest': destination, accept: 'text/html' }
      const answer = await ask(url, { headers })
      assert.deepEqual([answer.status, answer.json().code], [403, 'wrong-origin'], `${path} ${destination}`)
    }
    const shown = await ask(url, { headers: { cookie } })
    assert.equal(shown.headers['x-content-type-options'], 'nosniff')
    assert.match(String(shown.headers['content-security-policy']), /^sandbox; default-src 'none'/)
    assert.equal(shown.headers['cross-origin-resource-policy'], 'same-origin')
    assert.doesNotMatch(String(shown.headers['content-type']), /html|javascript|xml;|css/)
    const saving = (await link(login, { path }, 'saved')).json() as { url: string }
    const saved = await ask(saving.url, { headers: { cookie, 'sec-fetch-dest': 'document' } })
    assert.equal(saved.headers['content-type'], 'application/octet-stream')
    assert.match(String(saved.headers['content-disposition']), /^attachment; filename="/)
    assert.equal(saved.headers.x, undefined)
  }
})

test('a link says nothing of what it could not open, and takes no request that is none', async () => {
  const login = await logIn()
  assert.equal((await link(login, { path: 'a' }, 'run')).status, 400)
  const body = JSON.stringify({ mesh: 'none', app: 'ztm/shelf', query: {}, as: 'shown' })
  assert.equal((await ask('/api/content-links', { method: 'POST', headers: login, body })).status, 404)
  const { url } = (await link(login, { path: 'missing' })).json() as { url: string }
  const answer = await ask(url, { headers: { cookie: login.cookie } })
  assert.deepEqual([answer.status, answer.json().code], [404, 'not-found'])
  const large = 'x'.repeat(40_000)
  assert.equal((await ask('/api/content-links', { method: 'POST', headers: login, body: large })).status, 413)
})

test('a content is opened once for all who read it, and anew when it broke', async () => {
  const login = await logIn()
  const { cookie } = login
  const { url } = (await link(login, { path: 'once.bin' })).json() as { url: string }
  const before = openCount
  const read = () => ask(url, { headers: { cookie } })
  assert.ok((await read()).bytes.equals(BYTES))
  await assert.rejects(read())
  assert.equal(openCount - before, 1)
  assert.ok((await read()).bytes.equals(BYTES))
  assert.equal(openCount - before, 2)
})

test('a large content that is saved slowly is not read ahead, and can be stopped', async () => {
  const login = await logIn()
  const { cookie } = login
  const query = { path: 'large.bin', large: String(10 ** 9) }
  const { url } = (await link(login, query, 'saved')).json() as { url: string }
  const response = await send(url, { headers: { cookie } })
  response.on('error', () => {})
  await once(response, 'readable')
  const found = async () =>
    (
      (await ask('/api/transfers', { headers: login })).json().transfers as Record<string, number | string>[]
    ).find(({ name }) => name === 'large.bin')
  await until(async () => Number((await found())?.doneBytes) > 0, 'it is under way')
  const { id, doneBytes, state, direction } = (await found()) ?? {}
  assert.ok(Number(doneBytes) < 10 ** 8, 'nobody reads it')
  assert.deepEqual([state, direction], ['running', 'out'])
  const stopped = await ask(`/api/transfers/${id}`, { method: 'DELETE', headers: login })
  assert.equal(stopped.json().state, 'cancelled')
  response.resume()
  await until(() => response.closed, 'it is broken off')
  assert.equal(response.complete, false)
})

test('a content is taken piece by piece, shown as a transfer, and refused after a stop', async () => {
  const path = (offset: string) => `${CONTENT}?name=up.bin&size=10${offset}`
  const piece = (offset: string, body = '') => ask(path(offset), { method: 'POST', headers: bearer, body })
  const begun = (await piece('')).json()
  assert.deepEqual([begun.doneBytes, begun.totalBytes], [0, 10])
  assert.equal((await piece('&offset=0&transfer=abababababababab', '01234')).json().doneBytes, 5)
  const listed = async () =>
    ((await ask('/api/transfers', { headers: bearer })).json().transfers as Record<string, unknown>[]).find(
      ({ name }) => name === 'up.bin',
    )
  const { state, direction, doneBytes, place } = (await listed()) ?? {}
  assert.deepEqual([state, direction, doneBytes, place], ['running', 'in', 5, '/there/up.bin'])
  await ask('/api/transfers/abababababababab', { method: 'DELETE', headers: bearer })
  const refused = await piece('&offset=5&transfer=abababababababab', '56789')
  assert.equal(refused.json().code, 'timed-out')
  // Whoever begins again goes on.
  await piece('')
  await piece('&offset=5&transfer=abababababababab', '56789')
  assert.equal(String(given.get('up.bin')), '0123456789')
  assert.equal((await listed())?.state, 'done')
  assert.equal((await ask(path('&offset=0'), { method: 'POST', body: 'x' })).status, 401)
})

test('a piece over the limit is refused', async () => {
  const body = Buffer.alloc(33_554_433)
  const answer = await ask(`${CONTENT}?name=big&size=99999999&offset=0`, {
    method: 'POST',
    headers: bearer,
    body,
  })
  assert.deepEqual([answer.status, answer.json().code], [413, 'too-large'])
})
