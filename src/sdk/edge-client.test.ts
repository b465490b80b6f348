import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { parseHubId } from '../core/model/ids.ts'
import { openHttpsPool } from '../net/https-pool.ts'
import { openAuthority } from '../pki/authority.ts'
import { createKeyPair } from '../pki/key-pair.ts'
import { openDataFolder } from '../store/data-folder.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { readContextOptions } from './context-options.ts'
import { createEdgeClient, type EdgeClient } from './edge-client.ts'
import type { ZtmError } from './ztm-error.ts'

type Answerer = (request: IncomingMessage, response: ServerResponse) => void

/** A controller that says what a test tells it to, behind the certificate of a hub, and a client of it. */
interface Scene extends AsyncDisposable {
  readonly edge: EdgeClient
  readonly asked: string[]
  /** Answers all requests but logins, which succeed. */
  answer: Answerer
  login: Answerer
}

const reply =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answerer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }
const error = (code: string) => ({ error: { code, message: 'because', requestId: '1' }, meta: {} })

async function openScene(requestTimeoutMs = 5_000): Promise<Scene> {
  const scratch = makeScratchFolder()
  const authority = await openAuthority({ folder: await openDataFolder(scratch.path), now: Date.now() })
  const { privateKeyPem, publicKeyPem } = await createKeyPair()
  const hub = parseHubId('11111111-2222-4333-8444-555555555555')
  const identity = { kind: 'hub', mesh: authority.mesh, hub } as const
  const order = { identity, publicKeyPem, validMs: 3_600_000, hosts: ['127.0.0.1'] }
  const { chainPem } = await authority.issue(order, Date.now())
  const asked: string[] = []
  let logins = 0
  const scene = {
    answer: reply(200, { data: {}, meta: {} }),
    login: ((request, response) => {
      logins += 1
      const data = { id: `s${logins}`, token: `t${logins}`, identity: { id: 'i', name: 'one' } }
      reply(200, { data, meta: {} })(request, response)
    }) as Answerer,
  }
  const server = https.createServer({ cert: chainPem, key: privateKeyPem }, (request, response) => {
    const isLogin = request.url?.startsWith('/edge/client/v1/authenticate')
    asked.push(
      `${request.method} ${request.url?.replace('/edge/client/v1', '')} ${request.headers['zt-session'] ?? '-'}`,
    )
    request.resume().on('end', () => (isLogin ? scene.login : scene.answer)(request, response))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { credential } = readContextOptions({ controllerUrl: origin, credentials: { apiKey: 'k' }, env: {} })
  const edge = createEdgeClient({
    credential,
    openPool: async () =>
      openHttpsPool({
        origin,
        trust: { kind: 'hub', rootPem: authority.rootCertificatePem, mesh: authority.mesh },
        connectTimeoutMs: 5_000,
      }),
    requestTimeoutMs,
    random: () => 0,
    sdkInfo: {},
    envInfo: {},
    onLogin() {},
  })
  return Object.assign(scene, {
    edge,
    asked,
    async [Symbol.asyncDispose]() {
      await edge[Symbol.asyncDispose]()
      server.closeAllConnections()
      server.close()
      scratch[Symbol.dispose]()
    },
  })
}

async function refusal(promise: Promise<unknown>): Promise<ZtmError> {
  return promise.then(
    () => assert.fail('it went well'),
    thrown => thrown,
  )
}

/** Answer these one after another, the last of them for ever. */
function inTurn(...answers: Answerer[]): Answerer {
  let count = 0
  return (request, response) =>
    (answers[Math.min(count++, answers.length - 1)] as Answerer)(request, response)
}

test('a login that has ended is made anew, once, and the request sent again', async () => {
  await using scene = await openScene()
  scene.answer = inTurn(reply(401, error('UNAUTHORIZED')), reply(200, { data: { x: 1 }, meta: {} }))
  assert.deepEqual(await scene.edge.call({ method: 'POST', path: '/sessions', body: {} }), { x: 1 })
  assert.deepEqual(scene.asked, [
    'POST /authenticate?method=api-key -',
    'POST /sessions t1',
    'POST /authenticate?method=api-key -',
    'POST /sessions t2',
  ])
  scene.answer = reply(401, error('UNAUTHORIZED'))
  const { reason, status, controllerCode } = await refusal(scene.edge.call({ method: 'GET', path: '/x' }))
  assert.deepEqual([reason, status, controllerCode], ['not-authenticated', 401, 'UNAUTHORIZED'])
})

test('many that ask at once log in once', async () => {
  await using scene = await openScene()
  await Promise.all(Array.from({ length: 5 }, () => scene.edge.call({ method: 'GET', path: '/x' })))
  assert.equal(scene.asked.filter(one => one.startsWith('POST /authenticate')).length, 1)
})

test('what passes is tried again: a busy controller as it says, a broken one for requests that may be repeated', async () => {
  await using scene = await openScene()
  scene.answer = inTurn(
    reply(429, error('RATE_LIMITED'), { 'retry-after': '0.05' }),
    reply(500, 'oops'),
    (request, _) => request.socket.destroy(),
    reply(200, { data: 'well', meta: {} }),
  )
  // Three tries, the wait for the busy one among them; then it is told.
  assert.equal((await refusal(scene.edge.call({ method: 'GET', path: '/x' }))).code, 'link-closed')
  assert.equal(await scene.edge.call({ method: 'GET', path: '/x' }), 'well')
  scene.answer = inTurn(reply(500, error('UNHANDLED')), reply(200, { data: 'well', meta: {} }))
  const { reason, controllerCode } = await refusal(scene.edge.call({ method: 'POST', path: '/x', body: {} }))
  assert.deepEqual([reason, controllerCode], ['controller', 'UNHANDLED'])
  scene.answer = reply(429, error('SERVER_TOO_MANY_REQUESTS'), { 'retry-after': '3600' })
  assert.equal((await refusal(scene.edge.call({ method: 'GET', path: '/x' }))).reason, 'limit')
})

test('a slow controller is a timeout that says of what and how long', async () => {
  await using scene = await openScene(100)
  await scene.edge.authenticate()
  scene.answer = () => {}
  const { reason, operation, timeoutMs } = await refusal(scene.edge.call({ method: 'GET', path: '/x' }))
  assert.deepEqual([reason, operation, timeoutMs], ['timeout', 'request', 100])
})

test('answers are what they say, or refused: errors by their reason, nonsense as such', async () => {
  await using scene = await openScene()
  const cases: [Answerer, string, string][] = [
    [reply(404, error('NOT_FOUND')), 'controller', 'not-found'],
    [reply(400, error('NO_EDGE_ROUTERS_AVAILABLE')), 'no-edge-routers', 'offline'],
    [reply(402, error('INSUFFICIENT_BALANCE')), 'insufficient-balance', 'insufficient-balance'],
    [reply(413, '<html>'), 'controller', 'bad-input'],
    [reply(200, 'not json'), 'protocol', 'bad-message'],
  ]
  for (const [answer, reason, code] of cases) {
    scene.answer = answer
    const refused = await refusal(scene.edge.call({ method: 'GET', path: '/x' }))
    assert.deepEqual([refused.reason, refused.code], [reason, code], refused.message)
  }
  scene.login = reply(200, { data: { id: 7 }, meta: {} })
  scene.edge.forget(scene.edge.login ?? assert.fail('no login'))
  assert.equal((await refusal(scene.edge.authenticate())).reason, 'protocol')
  scene.login = reply(401, error('INVALID_AUTH'))
  assert.equal((await refusal(scene.edge.authenticate())).reason, 'auth-failed')
})

test('a list is read page by page', async () => {
  await using scene = await openScene()
  scene.answer = (request, response) => {
    const offset = Number(/offset=(\d+)/.exec(request.url ?? '')?.[1])
    const data = Array.from({ length: Math.min(500, 1_203 - offset) }, (_, i) => offset + i)
    reply(200, { data, meta: { pagination: { limit: 500, offset, totalCount: 1_203 } } })(request, response)
  }
  const all = await scene.edge.list('/services')
  assert.deepEqual([all.length, all[1_202]], [1_203, 1_202])
})
