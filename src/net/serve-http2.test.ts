import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Session } from 'node:http2'
import { duplexPair } from 'node:stream'
import { after, before, test } from 'node:test'
import { Hono } from 'hono'
import type { ErrorCode } from '../core/model/errors.ts'
import { tlsIdentity } from '../pki/check.ts'
import type { Credential } from '../testing/hub-visit.ts'
import { createLocalMesh, type LocalMesh } from '../testing/local-mesh.ts'
import { assertRefused } from '../testing/refusal.ts'
import { until } from '../testing/until.ts'
import { type CallOptions, type JsonRequest, request } from './call-route.ts'
import { openHttp2 } from './http2-client.ts'
import { type AcceptedPeer, createHttp2Server } from './http2-server.ts'
import { MEMBER_BUDGET } from './request-budget.ts'
import { type Http2App, serveHttp2 } from './serve-http2.ts'

/** Short, for those who wait for the end of a time; long enough for a machine that does much else, for the rest. */
const SHORT = { bodyTimeoutMs: 300, answerTimeoutMs: 300 }
const LONG = { bodyTimeoutMs: 60_000, answerTimeoutMs: 60_000 }
/** As long, for the side that asks. */
const PATIENT = { timeoutMs: 60_000 }
const ANSWER_BYTES = 200_000
let mesh: LocalMesh
let member: Credential

before(async () => {
  mesh = await createLocalMesh()
  member = await mesh.member()
})
after(() => mesh[Symbol.asyncDispose]())

interface Scene extends AsyncDisposable {
  readonly session: ClientHttp2Session
  readonly peer: () => AcceptedPeer
  /** Let the requests to `/held` be answered. */
  release(): void
  ask(wish: JsonRequest, options?: CallOptions): Promise<unknown>
}

/** A server with an app, and a member in a session with it. */
async function openScene(times = SHORT): Promise<Scene> {
  const rootPem = mesh.authority.rootCertificatePem
  const app: Http2App = new Hono()
  let release = () => {}
  const released = new Promise<void>(resolve => {
    release = resolve
  })
  app.get('/large', context => context.json('x'.repeat(ANSWER_BYTES)))
  app.get('/held', async context => {
    await released
    return context.json({})
  })
  app.post('/body', async context => context.json((await context.req.text()).length))
  const peers: AcceptedPeer[] = []
  const server = createHttp2Server({
    identity: { ...mesh.hubCredential, rootPem },
    identify: socket => tlsIdentity(socket, { rootPem, now: Date.now() }),
    onSession: peer => peers.push(peer),
    onStream: (stream, headers, peer) => void serveHttp2(app, stream, headers, peer, times),
    log: { debug() {}, info() {}, warn() {}, error() {} },
  })
  const [near, far] = duplexPair()
  server.accept(far)
  const { session } = await openHttp2(near, {
    identity: member,
    identify: () => ({ identity: NOBODY, publicKeyPem: '', issuedAtMs: 0, expiresAtMs: 0 }),
    timeoutMs: 5_000,
  })
  await until(() => peers.length > 0, 'the server has the session')
  return {
    session,
    peer: () => peers[0] as AcceptedPeer,
    release,
    ask: (wish, options) => request(session, wish, options),
    async [Symbol.asyncDispose]() {
      session.destroy()
      await server[Symbol.asyncDispose]()
    },
  }
}

const NOBODY = { kind: 'hub', mesh: '', hub: '' } as never

/** Begin a request whose body does not end. */
function begin(session: ClientHttp2Session, bytes: number) {
  const stream = session.request({ ':method': 'POST', ':path': '/body' })
  stream.on('error', () => {})
  stream.write(Buffer.alloc(bytes))
  return stream
}

/** Whether the budget is whole again: as many requests as ever are let in. */
function isWhole(peer: AcceptedPeer): boolean {
  const held = Array.from({ length: MEMBER_BUDGET.maxRequests }, () => peer.budget.admit())
  for (const one of held) one?.release()
  return held.every(one => one !== undefined)
}

/** Whether no request more is let in. */
function isSpent({ budget }: AcceptedPeer): boolean {
  const one = budget.admit()
  one?.release()
  return one === undefined
}

test('serveHttp2() answers a body that takes too long, and one that is too large', async () => {
  await using scene = await openScene()
  for (const [bytes, status, code] of [
    [10, 408, 'too-slow'],
    [MEMBER_BUDGET.maxBodyBytes + 1, 413, 'too-large'],
  ] as const) {
    const stream = begin(scene.session, bytes)
    const [headers] = await once(stream, 'response')
    assert.equal(headers[':status'], status)
    const { code: answered } = JSON.parse(Buffer.concat(await stream.toArray()).toString()) as {
      code: ErrorCode
    }
    assert.equal(answered, code)
  }
  assert.equal(await scene.ask({ method: 'POST', path: '/body', body: '"well"' }), 6)
  await until(() => isWhole(scene.peer()), 'nothing is held')
})

test('serveHttp2() takes an answer back that nobody takes', async () => {
  await using scene = await openScene()
  scene.session.settings({ initialWindowSize: 0 })
  await once(scene.session, 'localSettings')
  const stream = scene.session.request({ ':method': 'GET', ':path': '/large' })
  stream.on('error', () => {})
  await once(stream, 'response')
  await new Promise(resolve => stream.pause().once('close', resolve))
  await until(() => isWhole(scene.peer()), 'nothing is held')
})

test('serveHttp2() serves so many requests of a session at once, and says when there are more', async () => {
  await using scene = await openScene(LONG)
  const held = Array.from({ length: MEMBER_BUDGET.maxRequests }, () =>
    scene.ask({ method: 'GET', path: '/held' }, PATIENT),
  )
  await until(() => isSpent(scene.peer()), 'all are being served')
  await assertRefused(scene.ask({ method: 'GET', path: '/held' }, PATIENT), 'too-many')
  scene.release()
  await Promise.all(held)
  await until(() => isWhole(scene.peer()), 'the last of them are done with')
  assert.deepEqual(await scene.ask({ method: 'GET', path: '/held' }), {})
})

test('serveHttp2() keeps no more bytes of unfinished bodies than a session may', async () => {
  await using scene = await openScene({ ...LONG, bodyTimeoutMs: 1_500 })
  const bodyBytes = 200_000
  const count = Math.ceil(MEMBER_BUDGET.maxBytes / bodyBytes) + 10
  const streams = Array.from({ length: count }, () => begin(scene.session, bodyBytes))
  const statuses = await Promise.all(
    streams.map(async stream => (await once(stream, 'response'))[0][':status']),
  )
  assert.ok(statuses.filter(status => status === 429).length >= 10, 'those above the limit')
  assert.ok(statuses.filter(status => status === 408).length >= 10, 'those within it, which came no further')
  for (const stream of streams) stream.close()
  await until(() => isWhole(scene.peer()), 'nothing is held')
})

test('serveHttp2() refuses what is no request, and goes on', async () => {
  await using scene = await openScene()
  for (const method of ['TRACE', 'TRACK']) {
    await assertRefused(scene.ask({ method, path: '/held' }), 'bad-message')
  }
  assert.equal(await scene.ask({ method: 'POST', path: '/body', body: '"well"' }), 6)
})

test('serveHttp2() holds nothing of requests that were reset at any moment', async () => {
  await using scene = await openScene()
  for (let count = 0; count < 300; count++) {
    const stream = begin(scene.session, 1_000)
    if (count % 5 === 0) await new Promise(resolve => setTimeout(resolve, 2))
    if (count % 3 === 1) await new Promise(setImmediate)
    if (count % 7 === 0) stream.end()
    stream.close(8)
  }
  assert.equal(await scene.ask({ method: 'POST', path: '/body', body: '"well"' }), 6)
  await until(() => isWhole(scene.peer()), 'nothing is held')
})
