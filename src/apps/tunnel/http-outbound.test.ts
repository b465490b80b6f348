import assert from 'node:assert/strict'
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createLocalJWKSet, createRemoteJWKSet, jwtVerify } from 'jose'
import { WebSocket, WebSocketServer } from 'ws'
import type { z } from 'zod'
import { parseName } from '../../core/model/names.ts'
import { createTunnelRig, type TunnelRig } from '../../testing/tunnel-rig.ts'
import { until } from '../../testing/until.ts'
import type { httpSettingShape } from './http-messages.ts'
import { TUNNEL_API } from './messages.ts'

type Routes = z.input<typeof httpSettingShape>['routes']

/** What a target saw of a request. */
interface Seen {
  readonly by: string
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string
}

/** A web server that says what it was asked, and by which name it is known. */
async function openWeb(
  t: TestContext,
  by: string,
  status = () => 200,
): Promise<http.Server & { port: number }> {
  const server = http.createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { method, url, headers } = request
    response.writeHead(status(), { 'set-cookie': 'own=1' })
    response.end(JSON.stringify({ by, method, url, headers, body }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  return Object.assign(server, { port: (server.address() as AddressInfo).port })
}

interface HttpRig {
  readonly rig: TunnelRig
  readonly port: number
  route(routes: Routes, more?: Partial<z.input<typeof httpSettingShape>>): Promise<void>
  /** Ask through the tunnel; each time on a connection of its own. */
  ask(
    path: string,
    options?: http.RequestOptions & { body?: string },
  ): Promise<{ status: number; headers: IncomingMessage['headers']; text: string; seen: Seen }>
  health(): Promise<string[]>
}

async function openRig(t: TestContext, routes: Routes): Promise<HttpRig> {
  const rig = await createTunnelRig()
  t.after(() => rig[Symbol.asyncDispose]())
  await rig.outbound('web', { http: { routes } })
  const { listens } = await rig.inbound('web', { listens: [{ port: 0 }] })
  const port = listens[0]?.port ?? 0
  return {
    rig,
    port,
    async route(next, more = {}) {
      await rig.outbound('web', { http: { routes: next, ...more } })
    },
    async ask(path, { body, ...options } = {}) {
      const request = http.request({ host: '127.0.0.1', port, path, agent: false, ...options })
      request.end(body)
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      const text = Buffer.concat(await response.toArray()).toString()
      const seen = text.startsWith('{"by"') ? (JSON.parse(text) as Seen) : (undefined as never)
      return { status: response.statusCode ?? 0, headers: response.headers, text, seen }
    },
    async health() {
      const { http: state } = await rig.showOutbound('web')
      return state?.routes.flatMap(({ targets }) => targets.map(({ health }) => health)) ?? []
    },
  }
}

const to = (...servers: { port: number }[]) => servers.map(({ port }) => `http://127.0.0.1:${port}`)

test('requests go to targets by host and path, on one stream to several', async t => {
  const [one, two] = [await openWeb(t, 'one'), await openWeb(t, 'two')]
  const { ask, port } = await openRig(t, [
    { targets: to(one) },
    { path: '/v1/*', targets: to(two), stripPrefix: '/v1', hostHeader: 'two.internal' },
    { host: '*.example.com', path: '/only', targets: to(two) },
  ])
  assert.equal((await ask('/a?b=%20')).seen.url, '/a?b=%20')
  const { seen } = await ask('/v1/x?y', { method: 'POST', body: 'hello' })
  assert.deepEqual(
    [seen.by, seen.url, seen.body, seen.headers.host],
    ['two', '/x?y', 'hello', 'two.internal'],
  )
  assert.equal((await ask('/only', { headers: { host: 'a.example.com' } })).seen.by, 'two')
  assert.equal((await ask('/other', { headers: { host: 'a.example.com' } })).seen.by, 'one')
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const kept = [(await ask('/', { agent })).seen.by, (await ask('/v1', { agent })).seen.by]
  assert.deepEqual(kept, ['one', 'two'])
  assert.equal(
    (await ask('/', { headers: { 'x-forwarded-for': '1.2.3.4', forwarded: 'for=1.2.3.4' } })).seen.headers[
      'x-forwarded-for'
    ],
    undefined,
  )
  assert.ok(port > 0)
})

test('a route that is changed holds for the next request, also on a stream that is open', async t => {
  const [one, two] = [await openWeb(t, 'one'), await openWeb(t, 'two')]
  const { ask, route } = await openRig(t, [{ targets: to(one) }])
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  assert.equal((await ask('/', { agent })).seen.by, 'one')
  await route([{ path: '/two', targets: to(two) }])
  assert.equal((await ask('/two', { agent })).seen.by, 'two')
  assert.equal((await ask('/', { agent })).status, 404)
})

test('a target that cannot be connected to is passed over, whatever the request', async t => {
  const [one, gone] = [await openWeb(t, 'one'), await openWeb(t, 'gone')]
  gone.close()
  const { ask, health } = await openRig(t, [{ targets: to(gone, one) }])
  for (let i = 0; i < 4; i += 1) {
    const { seen } = await ask('/', { method: 'POST', body: 'once' })
    assert.deepEqual([seen.by, seen.body], ['one', 'once'])
  }
  assert.deepEqual(await health(), ['down', 'up'])
})

test('checks take a target out that is not well, and back in when it is', async t => {
  let isWell = true
  const [one, two] = [await openWeb(t, 'one', () => (isWell ? 200 : 500)), await openWeb(t, 'two')]
  const check = { path: '/health', intervalMs: 1_000, rise: 2, fall: 2 }
  const { ask, rig, health } = await openRig(t, [{ targets: to(one, two), health: check }])
  await until(async () => (await health()).join() === 'up,up', 'both are up')
  isWell = false
  const turn = async (wanted: string) =>
    await until(async () => {
      rig.mesh.timers.advance(1_000)
      return (await health()).join() === wanted
    }, `targets are ${wanted}`)
  await turn('down,up')
  assert.equal((await rig.showOutbound('web')).health, 'partly')
  const by = new Set<string>()
  for (let i = 0; i < 4; i += 1) by.add((await ask('/')).seen.by)
  assert.deepEqual([...by], ['two'])
  const { http: state } = await rig.showOutbound('web')
  assert.match(state?.routes[0]?.targets[0]?.lastError ?? '', /answered with 500/)
  two.close().closeAllConnections()
  await turn('down,down')
  const none = await ask('/')
  assert.deepEqual([none.status, rig.far.hosted.get('tcp/web' as never)?.health], [503, 'down'])
  isWell = true
  await turn('up,down')
  assert.equal((await ask('/')).seen.by, 'one')
})

test('a sticky caller comes to the same target again, also after a restart, and by no cookie of its own making', async t => {
  const webs = [await openWeb(t, 'a'), await openWeb(t, 'b'), await openWeb(t, 'c')]
  const { ask, rig } = await openRig(t, [{ targets: to(...webs), sticky: {} }])
  const first = await ask('/')
  const cookies = first.headers['set-cookie'] ?? []
  assert.equal(cookies[0], 'own=1')
  assert.match(cookies[1] ?? '', /^ztm-sticky=[\w-]{24}; Path=\/; HttpOnly; SameSite=Lax$/)
  const cookie = `x=1; ${cookies[1]?.split(';')[0]}; y=2`
  const again = async () => {
    for (let i = 0; i < 4; i += 1) {
      const { seen, headers } = await ask('/', { headers: { cookie } })
      assert.deepEqual(
        [seen.by, seen.headers.cookie, headers['set-cookie']],
        [first.seen.by, 'x=1; y=2', ['own=1']],
      )
    }
  }
  await again()
  await rig.restartFar()
  await again()
  const by = new Set<string>()
  for (let i = 0; i < 6; i += 1)
    by.add((await ask('/', { headers: { cookie: `ztm-sticky=${'A'.repeat(24)}` } })).seen.by)
  assert.deepEqual([...by].sort(), ['a', 'b', 'c'])
  const gone = webs.find((_, i) => ['a', 'b', 'c'][i] === first.seen.by)
  gone?.close().closeAllConnections()
  const moved = await ask('/', { headers: { cookie } })
  assert.notEqual(moved.seen.by, first.seen.by)
  assert.equal(moved.headers['set-cookie']?.length, 2)
})

test('targets are told who asks, in a token that only the agent can make', async t => {
  const web = await openWeb(t, 'web')
  const { ask, rig, route } = await openRig(t, [{ targets: to(web) }])
  rig.mesh.groups.set(rig.near.identity.user, [parseName('staff')])
  const forged = {
    'Ztm-Identity': 'forged',
    ztm_identity: 'forged',
    ZTM_Identity: 'forged',
    'ztm-user': 'root',
    connection: 'close, ztm-identity',
  }
  const { seen } = await ask('/', { headers: forged })
  const mesh = Object.entries(seen.headers).filter(([name]) => /^ztm/i.test(name))
  assert.deepEqual(
    mesh.map(([name]) => name),
    ['ztm-identity'],
  )
  const token = seen.headers['ztm-identity'] ?? ''
  const params = { endpoint: 'far' }
  const { jwks, issuer } = await rig.farApp.call(TUNNEL_API.showIdentityKeys, { params })
  const options = { issuer, currentDate: new Date(rig.mesh.timers.clock.now()), algorithms: ['ES256'] }
  const keys = createLocalJWKSet(jwks as never)
  const { payload } = await jwtVerify(token, keys, { ...options, audience: 'tcp/web' })
  const { user, endpoint, mesh: meshId } = rig.near.identity
  const { iat = 0, exp = 0, ...claims } = payload
  assert.deepEqual(claims, {
    iss: issuer,
    aud: 'tcp/web',
    sub: `spiffe://${meshId}/user/${user}/endpoint/${endpoint}`,
    user,
    endpoint,
    groups: ['staff'],
    mesh: meshId,
    service: 'tcp/web',
  })
  assert.equal(exp - iat, 60)
  await assert.rejects(jwtVerify(token, keys, { ...options, audience: 'tcp/other' }))
  const changed = token.replace(/\.[^.]+\./, part => part.replace(/.(?=.\.$)/, 'A').replace('..', '.'))
  await assert.rejects(jwtVerify(`${changed}x`, keys, options))
  await route([{ targets: to(web), identity: { audience: 'https://app.example' } }])
  const other = (await ask('/')).seen.headers['ztm-identity'] ?? ''
  await jwtVerify(other, keys, { ...options, audience: 'https://app.example' })
  await route([{ targets: to(web), identity: false }])
  assert.equal((await ask('/', { headers: forged })).seen.headers['ztm-identity'], undefined)
})

test('the keys can be fetched where that is opened, and go on for an hour when there is a new one', async t => {
  const web = await openWeb(t, 'web')
  const { ask, rig } = await openRig(t, [{ targets: to(web) }])
  const params = { endpoint: 'far' }
  const change = (body: object) => rig.farApp.call(TUNNEL_API.changeIdentityKeys, { params, body })
  const { listen } = await change({ listen: { port: 0 } })
  const url = new URL(`http://127.0.0.1:${listen?.port}/.well-known/jwks.json`)
  const old = (await ask('/')).seen.headers['ztm-identity'] ?? ''
  const { jwks } = await change({ rotate: true })
  assert.equal(jwks.keys.length, 2)
  const fresh = (await ask('/')).seen.headers['ztm-identity'] ?? ''
  const currentDate = new Date(rig.mesh.timers.clock.now())
  for (const token of [old, fresh]) await jwtVerify(token, createRemoteJWKSet(url), { currentDate })
  assert.ok(!JSON.stringify(jwks).includes('"d"'))
  assert.equal((await fetch(new URL('/other', url))).status, 404)
  rig.mesh.timers.advance(3_600_001)
  const shown = await rig.farApp.call(TUNNEL_API.showIdentityKeys, { params })
  assert.equal(shown.jwks.keys.length, 1)
  await rig.restartFar()
  assert.equal((await fetch(url)).status, 200)
  await assert.rejects(
    rig.farApp.call(TUNNEL_API.changeIdentityKeys, { params, body: { listen: { port: web.port } } }),
    { code: 'port-in-use' },
  )
  assert.equal((await fetch(url)).status, 200)
  assert.equal((await change({ listen: null })).listen, undefined)
  await assert.rejects(fetch(url))
})

test('a route for groups lets their members in, and nobody where they are empty or gone', async t => {
  const web = await openWeb(t, 'web')
  const { ask, rig } = await openRig(t, [
    { targets: to(web) },
    { path: '/staff', targets: to(web), allow: { groups: ['staff'] } },
    { path: '/none', targets: to(web), allow: {} },
    { path: '/root', targets: to(web), allow: { users: ['root'] } },
  ])
  const statuses = async () =>
    Promise.all(['/', '/staff', '/none', '/root'].map(async path => (await ask(path)).status))
  assert.deepEqual(await statuses(), [200, 403, 403, 200])
  rig.mesh.groups.set(rig.near.identity.user, [parseName('staff')])
  assert.deepEqual(await statuses(), [200, 200, 403, 200])
})

test('WebSockets pass, with the identity of who opened them', async t => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  t.after(() => server.close())
  server.on('connection', (socket, request) => {
    socket.send(String(request.headers['ztm-identity']?.length ?? 0))
    socket.on('message', data => socket.send(data))
  })
  const { port } = server.address() as AddressInfo
  const { rig, port: door } = await openRig(t, [{ path: '/ws', targets: to({ port: 1 }, { port }) }])
  const socket = new WebSocket(`ws://127.0.0.1:${door}/ws`, { headers: { 'ztm-identity': 'x' } })
  const [length] = await once(socket, 'message')
  assert.ok(Number(length) > 200)
  socket.send('hello')
  const [echoed] = await once(socket, 'message')
  assert.equal(String(echoed), 'hello')
  socket.close()
  await once(socket, 'close')
  const refused = new WebSocket(`ws://127.0.0.1:${door}/other`)
  const [error] = (await once(refused, 'error')) as [Error]
  assert.match(error.message, /404/)
  await until(async () => (await requests(rig)).some(({ status }) => status === 101), 'it is remembered')
})

async function requests(rig: TunnelRig, after = 0) {
  const params = { endpoint: 'far', protocol: 'tcp', name: 'web' } as const
  return (await rig.nearApp.call(TUNNEL_API.listRequests, { params, query: { after } })).requests
}

test('the last requests are remembered, with who asked, and without what may be secret', async t => {
  const web = await openWeb(t, 'web')
  const { ask, rig, route } = await openRig(t, [{ targets: to(web) }])
  await ask('/a?password=1', { method: 'POST', body: 'hello' })
  await route([{ path: '/b', targets: to(web) }], { isLogged: true })
  await ask('/nowhere')
  await until(async () => (await requests(rig)).length === 2, 'both are remembered')
  const [first, second] = await requests(rig)
  assert.deepEqual(
    [first?.user, first?.endpoint, first?.method, first?.path, first?.status, first?.bytesIn, first?.target],
    ['root', rig.near.identity.endpoint, 'POST', '/a', 200, 5, `http://127.0.0.1:${web.port}`],
  )
  assert.deepEqual([second?.status, second?.error, second?.target], [404, 'not-found', undefined])
  assert.deepEqual(
    (await requests(rig, 1)).map(({ number }) => number),
    [2],
  )
  assert.equal(rig.far.log.events.filter(({ event }) => event === 'tunnel.request').length, 1)
  for (let i = 0; i < 505; i += 1) await ask('/nowhere')
  await until(async () => (await requests(rig)).at(-1)?.number === 507, 'all are remembered')
  assert.equal((await requests(rig)).length, 500)
})

test('an outbound can become one of HTTP, and back', async t => {
  const web = await openWeb(t, 'web')
  const { ask, rig } = await openRig(t, [{ path: '/only', targets: to(web) }])
  assert.equal((await ask('/x')).status, 404)
  await rig.outbound('web', { targets: [{ port: web.port }] })
  assert.equal((await ask('/x')).seen.url, '/x')
  await rig.outbound('web', { http: { routes: [{ path: '/only', targets: to(web) }] } })
  assert.equal((await ask('/x')).status, 404)
  for (const bad of [
    {},
    { targets: [{ port: 1 }], http: { routes: [{ targets: ['1'] }] } },
    { http: { routes: [] } },
    { http: { routes: [{ targets: ['ftp://x'] }] } },
    { http: { routes: [{ targets: ['1'] }, { targets: ['2'] }] } },
    { http: { routes: [{ path: '/a', targets: ['1'], stripPrefix: '/b' }] } },
  ])
    await assert.rejects(rig.outbound('web', bad as never), { code: 'bad-input' })
  await assert.rejects(rig.outbound('u', { http: { routes: [{ targets: ['1'] }] } }, 'udp'), {
    code: 'bad-input',
  })
})
