import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http2 from 'node:http2'
import { after, before, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import tls, { type TLSSocket } from 'node:tls'
import { tlsIdentity } from '../pki/check.ts'
import { type CutEnd, createCutPair } from '../testing/cut-streams.ts'
import type { Credential } from '../testing/hub-visit.ts'
import { forgeKeyUpdates, type KeyUpdates } from '../testing/key-updates.ts'
import { createLocalMesh, type LocalMesh } from '../testing/local-mesh.ts'
import { until } from '../testing/until.ts'
import { openHttp2 } from './http2-client.ts'
import { createHttp2Server, type Http2Server } from './http2-server.ts'
import { identityOptions, TLS_OPTIONS } from './tls-options.ts'

let mesh: LocalMesh
let member: Credential

before(async () => {
  mesh = await createLocalMesh()
  member = await mesh.member()
})
after(() => mesh[Symbol.asyncDispose]())

/** A server of ours whose streams send back what they bring. */
function serveEcho(far: CutEnd): Http2Server {
  const server = createHttp2Server({
    identity: { ...mesh.hubCredential, rootPem: rootPem() },
    identify,
    onStream(stream) {
      if (stream.destroyed) return
      stream.respond({ ':status': 200 })
      stream.pipe(stream)
    },
    log: { debug() {}, info() {}, warn() {}, error() {} },
    handshakeTimeoutMs: 3_000,
  })
  server.accept(far)
  return server
}

function identify(socket: TLSSocket) {
  return tlsIdentity(socket, { rootPem: rootPem(), now: Date.now() })
}

function rootPem(): string {
  return mesh.authority.rootCertificatePem
}

/** What becomes of a way in the middle of a session; `to` is the end that would have had the next piece. */
const BLOWS: Readonly<Record<string, (to: CutEnd, from: CutEnd) => void>> = {
  'one end': to => to.giveEnd(),
  'both end'(to, from) {
    to.giveEnd()
    from.giveEnd()
  },
  break: to => to.destroy(),
  'break with an error': to => to.destroy(new Error('reset')),
  rubbish: to => to.give(randomBytes(100)),
  'a record that does not open, and an end'(to) {
    to.give(Buffer.concat([Buffer.from([23, 3, 3, 0, 50]), randomBytes(50)]))
    to.giveEnd()
  },
  'nothing is taken any more, and an end'(to) {
    to.isStalled = true
    to.giveEnd()
  },
}

/** A session with writes pending that is struck before one of its pieces. @returns how many pieces there were before */
async function playSession(blow: (to: CutEnd, from: CutEnd) => void, at: number): Promise<number> {
  let count = 0
  const { near, far } = createCutPair({
    onPiece(_, from) {
      const to = from === near ? far : near
      if (count === at) setImmediate(() => blow(to, from))
      count += 1
      return undefined
    },
  })
  const server = serveEcho(far)
  try {
    const options = { identity: member, rootPem: rootPem(), identify: identify as never, timeoutMs: 3_000 }
    const { session } = await openHttp2(near, options)
    for (let i = 0; i < 4; i++) {
      const stream = session.request({ ':method': 'POST', ':path': '/' })
      stream.on('error', () => {}).resume()
      stream.write(Buffer.alloc(40_000))
      stream.end(Buffer.alloc(40_000))
    }
    for (let turns = 0; turns < 20; turns++) await turn()
    session.close()
    for (let turns = 0; turns < 5; turns++) await turn()
    session.destroy()
  } catch {
    // The handshake was struck.
  }
  await server[Symbol.asyncDispose]()
  near.destroy()
  await until(() => near.closed && far.closed, 'both ends are closed')
  return count
}

test('a session over a stream outlives whatever happens to it before any piece, at both sides', async () => {
  const pieceCount = await playSession(() => {}, -1)
  for (const blow of Object.values(BLOWS))
    await Promise.all(Array.from({ length: pieceCount }, (_, at) => playSession(blow, at)))
  assert.ok(pieceCount > 15, `handshake, requests, answers and the end took ${pieceCount} pieces`)
})

test('a server that is asked for new keys while it ends over a stream breaks that connection alone', async () => {
  const scene = holdEnd('CLIENT')
  await using server = serveEcho(scene.far)
  const socket = tls.connect({ ...tlsOptions(member), socket: scene.near, rejectUnauthorized: false })
  scene.updates = forgeKeyUpdates(socket, 'CLIENT')
  const session = http2.connect('https://mesh', { createConnection: () => socket })
  session.on('error', () => {})
  await once(session, 'remoteSettings')
  scene.isEnding = true
  for (const peer of server.peers) peer.session.close()
  await until(() => scene.isAsked && scene.far.closed, 'it is closed')
  session.destroy()
})

test('a client that is asked for new keys while it ends over a stream breaks that connection alone', async () => {
  const scene = holdEnd('SERVER')
  const server = http2.createSecureServer({
    ...tlsOptions(mesh.hubCredential),
    requestCert: true,
    rejectUnauthorized: false,
  })
  server.on('session', session => session.on('error', () => {}))
  scene.updates = forgeKeyUpdates(server, 'SERVER')
  server.emit('connection', scene.far)
  const options = { identity: member, rootPem: rootPem(), identify: identify as never, timeoutMs: 5_000 }
  const { session } = await openHttp2(scene.near, options)
  await new Promise(resolve => session.ping(resolve))
  scene.isEnding = true
  session.close()
  await until(() => scene.isAsked && scene.near.closed, 'it is closed')
})

/**
 * Two ends whose attacker hears nothing any more of an end that began, and asks for new keys while it goes on. The end takes
 * 100 ms, as that of a stream may whose other side does not take what is written.
 */
function holdEnd(attackerSide: 'SERVER' | 'CLIENT'): HeldEnd {
  const scene: HeldEnd = {
    ...createCutPair({
      finalMs: 100,
      onPiece(bytes, from) {
        const isAttacker = from === (attackerSide === 'CLIENT' ? scene.near : scene.far)
        if (isAttacker) scene.updates?.note(bytes)
        return isAttacker || !scene.isEnding
      },
      onFinal(end) {
        const { updates } = scene
        if (!scene.isEnding || scene.isAsked || updates === undefined) return
        setImmediate(() => end.give(updates.make(3)))
        scene.isAsked = true
      },
    }),
    updates: undefined,
    isEnding: false,
    isAsked: false,
  }
  return scene
}

interface HeldEnd {
  readonly near: CutEnd
  readonly far: CutEnd
  updates: KeyUpdates | undefined
  isEnding: boolean
  isAsked: boolean
}

function tlsOptions(credential: Credential) {
  return { ...TLS_OPTIONS, ALPNProtocols: ['h2'], ...identityOptions({ ...credential, rootPem: rootPem() }) }
}
